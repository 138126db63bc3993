"""Citations as people write them: «行政处罚法第33条第1款», «辽政办发〔2023〕18号第8项»."""

import re
from dataclasses import dataclass
from typing import Any

from knowledge.catalogue.numerals import CHINESE_NUMBER, to_int

_NUMBER = rf"(\d{{1,4}}|{CHINESE_NUMBER})"
_PART = re.compile(
    rf"(?:第{_NUMBER}条)?(?:第{_NUMBER}款)?(?:第[(（]?{_NUMBER}[)）]?项)?\Z",
)


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in a source: `source` is the id of the register; article, paragraph (款), item (项)."""

    source: str
    article: int | None = None
    paragraph: int | None = None
    item: str | None = None


def parse_part(text: str) -> tuple[int | None, int | None, str | None] | None:
    """Read «第33条第1款第2项» (any of the three); None where the text is something else."""
    match = _PART.match(text)
    if not match:
        return None
    numbers = [to_int(group) if group else None for group in match.groups()]
    if any(group and number is None for group, number in zip(match.groups(), numbers, strict=True)):
        return None
    article, paragraph, item = numbers
    return article, paragraph, (None if item is None else str(item))


def describe(short: str, citation: Citation, *, is_number: bool) -> str:
    """The citation as shown: «《行政处罚法》第33条第1款», «辽政办发〔2023〕18号第8项».

    Args:
        is_number: the source is known by its number, which takes no title marks.
    """
    name = short if is_number else f"《{short}》"
    parts = [
        f"第{citation.article}条" if citation.article else "",
        f"第{citation.paragraph}款" if citation.paragraph else "",
        f"第{citation.item}项" if citation.item else "",
    ]
    return name + "".join(parts)


def as_json(short: str, citation: Citation, version: str | None) -> dict[str, Any]:
    """The citation in the JSON form of the command line (see docs/contract.md)."""
    result: dict[str, Any] = {"source": short}
    if citation.article is not None:
        result["article"] = citation.article
    if citation.paragraph is not None:
        result["paragraph"] = citation.paragraph
    if citation.item is not None:
        result["item"] = citation.item
    if version and citation.article is not None:
        result["version"] = version
    return result
