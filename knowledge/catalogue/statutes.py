"""Reading official statute texts in Markdown, only to hold the content against them.

Each article begins with `**第N条** `; a file without articles (a policy document) is one text.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from knowledge.catalogue.numerals import to_int

_ARTICLE = re.compile(r"^\*\*第([零一二三四五六七八九十百千]+)条\*\*", re.MULTILINE)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class StatuteText:
    """One text: its title, its articles by number (empty for a document), and all of it."""

    title: str
    articles: dict[int, str]
    whole: str


def read_statutes(folder: Path) -> dict[str, StatuteText]:
    """Every `.md` text below the folder, by title and by file name (without `.md`)."""
    found: dict[str, StatuteText] = {}
    for path in sorted(folder.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        title = _TITLE.search(text)
        marks = list(_ARTICLE.finditer(text))
        ends = [*(mark.start() for mark in marks), len(text)][1:]
        articles = {
            number: text[mark.end() : end].split("\n#", 1)[0].strip()
            for mark, end in zip(marks, ends, strict=True)
            if (number := to_int(mark[1])) is not None
        }
        statute = StatuteText(title[1].strip() if title else path.stem, articles, text)
        found[path.stem] = found[statute.title] = statute
    return found
