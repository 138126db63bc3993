"""What of the tables of facts the content carries: every id in some entry's `from`, or left out with a reason."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from knowledge.catalogue.load import Content
from zhifa_errors import UsageError

_LEFT_OUT = re.compile(r"^\|\s*`?([\w.-]+)`?\s*\|\s*(\S.*?)\s*\|\s*$", re.MULTILINE)
_HEADING = "id"


@dataclass(frozen=True)
class Table:
    """One table of facts: its ids by what became of them."""

    name: str
    carried: tuple[str, ...]
    left_out: tuple[str, ...]
    missing: tuple[str, ...]


def coverage(content: Content, tables: Iterable[Path], left_out: Path | None) -> list[Table]:
    """Hold the content against tables of facts.

    Args:
        tables: YAML files, or folders of them; every mapping with a text `id` is a fact.
        left_out: a Markdown file with rows `| id | reason |`.

    Raises:
        UsageError: a table cannot be read.
    """
    carried = {fact for item in content.items.values() for fact in item.entry.from_}
    excused = set(reasons(left_out)) if left_out else set()
    found = []
    for path in _files(tables):
        ids = list(dict.fromkeys(_ids(_read(path))))
        found.append(
            Table(
                path.name,
                tuple(fact for fact in ids if fact in carried),
                tuple(fact for fact in ids if fact not in carried and fact in excused),
                tuple(fact for fact in ids if fact not in carried and fact not in excused),
            )
        )
    return found


def unknown_facts(content: Content, tables: Iterable[Path]) -> Iterator[str]:
    """Ids that entries say they rest on but no table holds."""
    known = {fact for path in _files(tables) for fact in _ids(_read(path))}
    for item in content.items.values():
        for fact in item.entry.from_:
            if fact not in known:
                yield f"{item.where}: «{item.entry.id}»: from: no table holds «{fact}»"


def reasons(path: Path) -> dict[str, str]:
    """What was left out, with the reason, from rows `| id | reason |` of a Markdown file.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        rows = _LEFT_OUT.findall(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    return {fact: reason for fact, reason in rows if fact != _HEADING and set(fact) != {"-"}}


def facts_per_entry(content: Content) -> dict[str, Counter[int]]:
    """By kind: how many entries rest on none, one, two … facts.

    Written entries that rest on one fact each would be a table copied row by row.
    """
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for item in content.items.values():
        found[item.entry.kind][len(item.entry.from_)] += 1
    return dict(found)


def _files(tables: Iterable[Path]) -> list[Path]:
    return [file for path in tables for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None


def _ids(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("id"), str):
            yield node["id"]
        for value in node.values():
            yield from _ids(value)
    elif isinstance(node, list):
        for value in node:
            yield from _ids(value)
