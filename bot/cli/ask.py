"""`zhifa ask`: one answer, or a batch; records nothing."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from actions.cards.verdict import reply
from actions.message import Reply, plain
from bot.channels.console.render import offering
from bot.settings import Settings
from knowledge.library import Library
from knowledge.search.verdict import Turn, Verdict
from zhifa_errors import UsageError


def open_library(settings: Settings) -> Library:
    """The library for commands that write nothing: its index in the data folder, or beside temporary files."""
    import tempfile

    from zhifa_errors import IndexUnavailable

    try:
        return Library.open(settings.index_dir, settings.folders)
    except IndexUnavailable:
        return Library.open(Path(tempfile.gettempdir()) / "zhifa-index", settings.folders)


def ask_one(
    library: Library, text: str, place_name: str, day: date, previous: Turn | None = None
) -> tuple[Verdict, str]:
    """A verdict and the text a person would read.

    Raises:
        UsageError: the place is none.
    """
    place, outside = library.place(place_name)
    verdict = library.ask(text, place, day, previous)
    words = "\n\n".join(offering(one) for one in reply(verdict, library))
    if outside and verdict.status == "answered":
        words = f"本库没有{outside.replace('/', '')}的规定，以下是{place.replace('/', '')}规定。\n{words}"
    return verdict, words


def as_json(verdict: Verdict, text: str, library: Library, row_id: Any = None) -> dict[str, Any]:
    """The object of docs/contract.md for one verdict."""
    parts = []
    if verdict.parts:
        for part in verdict.parts:
            words = offering(reply(part, library)[0])
            parts.append(as_json(part, words, library))
    return {
        "id": row_id,
        "status": verdict.status,
        "text": text,
        "entry": verdict.match.entry if verdict.match else None,
        "score": round(verdict.score, 4),
        "citations": _citations(verdict.match.entry, verdict, library) if verdict.match else [],
        "choices": [_choice(choice.entry, choice.score, verdict, library) for choice in verdict.choices],
        "facts": {},
        "parts": parts,
    }


def _citations(entry_id: str, verdict: Verdict, library: Library) -> list[dict[str, object]]:
    cites = library.citations(entry_id, verdict.place, verdict.day)
    return [library.registers.sources.json(cite, verdict.day) for cite in cites]


def _choice(entry_id: str, score: float, verdict: Verdict, library: Library) -> dict[str, Any]:
    from actions.cards.entry import short

    item = library.item(entry_id)
    return {
        "entry": entry_id,
        "title": item.entry.title,
        "text": plain(Reply(short(item, library, verdict.place, verdict.day))),
        "score": round(score, 4),
        "citations": _citations(entry_id, verdict, library),
    }


def read_day(text: str | None, today: date) -> date:
    """The day asked about.

    Raises:
        UsageError: it is no date.
    """
    if text is None:
        return today
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"«{text}» is not a date like 2026-11-21") from None


def ask(text: str, jurisdiction: str | None, as_of: str | None, *, as_json_line: bool, settings: Settings) -> None:
    """Answer one question on standard output."""
    library = open_library(settings)
    day = read_day(as_of, datetime.now(settings.zone).date())
    verdict, words = ask_one(library, text, jurisdiction or settings.jurisdiction, day)
    if as_json_line:
        words = json.dumps(as_json(verdict, words, library), ensure_ascii=False)
    sys.stdout.write(words + "\n")


def batch(file: str, jurisdiction: str | None, as_of: str | None, settings: Settings) -> None:
    """Answer JSONL lines in their order; lines of one session share a conversation.

    Raises:
        UsageError: a line is not of the form; lines before it were answered.
    """
    library = open_library(settings)
    today = datetime.now(settings.zone).date()
    turns: dict[str, Turn] = {}
    for number, row in _rows(file):
        session = row.get("session")
        key = None if session is None else str(session)
        try:
            day = read_day(row.get("as_of") or as_of, today)
            place = row.get("jurisdiction") or jurisdiction or settings.jurisdiction
            verdict, words = ask_one(library, row["q"], place, day, turns.get(key) if key else None)
        except UsageError as error:
            raise UsageError(f"{file}:{number}: {error.message}") from None
        if key:
            turns[key] = replace(verdict.turn)
        sys.stdout.write(json.dumps(as_json(verdict, words, library, row.get("id")), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _rows(file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    lines: Iterable[str]
    if file == "-":
        lines = sys.stdin
    else:
        try:
            lines = Path(file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: cannot be read: {error}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            raise UsageError(f"{file}:{number}: not a line of JSON") from None
        if not isinstance(row, dict) or not isinstance(row.get("q"), str):
            raise UsageError(f'{file}:{number}: an object with a text "q" is expected')
        yield number, row
