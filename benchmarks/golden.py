"""The golden set, and what counts as a right answer.

The questions were written from the sources by people who had not seen the content. A question is
answered rightly when the leading citation is one they accept and the text holds the essential facts.
Questions of one group (a clean one and its noisy variants) share a half, so that nothing of the test
half is seen while fitting.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from actions.message import Reply, plain
from knowledge.catalogue.load import Item
from knowledge.library import Library
from knowledge.search.text import normalise
from knowledge.search.verdict import Verdict

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "golden"
TODAY = date(2026, 11, 21)
Half = Literal["dev", "test"]


def half_of(group: str) -> Half:
    """The half a group belongs to, by a hash of its name."""
    return "dev" if hashlib.sha1(group.encode(), usedforsecurity=False).digest()[0] % 2 == 0 else "test"


def rows(name: str, half: Half | None = None) -> list[dict[str, Any]]:
    """Rows of one part of the golden set (all its files), of one half where asked for."""
    files = sorted(FOLDER.glob(f"{name}*.jsonl"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    found = [json.loads(line) for line in lines if line.strip()]
    if name == "training":
        return found  # written for the fit; no half of it is kept apart
    return [row for row in found if half is None or half_of(row.get("group", row["id"])) == half]


def says(text: str, facts: Iterable[Iterable[str]]) -> bool:
    """Whether a text holds every essential fact in one of its wordings."""
    squeezed = "".join(normalise_all(text).split())
    return all(any("".join(normalise_all(v).split()) in squeezed for v in group) for group in facts)


def normalise_all(text: str) -> str:
    """The normal form of a text of any length."""
    return "\n".join(normalise(text[n : n + 500]) for n in range(0, len(text), 500))


def cites(item: Item, accepted: Iterable[Mapping[str, Any]], library: Library, verdict: Verdict) -> bool:
    """Whether the answer's leading citation is one of the accepted ones."""
    carried = library.citations(item.entry.id, verdict.place, verdict.day)
    if not carried:
        return False
    lead, names = carried[0], library.registers.sources.names
    for wanted in accepted:
        if names.get(wanted["source"]) != lead.source:
            continue
        if "article" in wanted and wanted["article"] != lead.article:
            continue
        if "item" in wanted and lead.item is not None and str(wanted["item"]) != lead.item:
            continue
        return True
    return False


def text_of(item: Item, library: Library, verdict: Verdict) -> str:
    """The short answer of an entry as a person reads it."""
    from actions.cards.entry import short

    return plain(Reply(short(item, library, verdict.place, verdict.day)))


def right_entry(entry: str, row: Mapping[str, Any], library: Library) -> bool:
    """Whether an entry would be a right answer to a golden question."""
    item = library.item(entry)
    asked_in = library.place(row["jurisdiction"])[0] if "jurisdiction" in row else item.place
    verdict = Verdict("answered", asked_in, day_of(row))
    return cites(item, row["cites"], library, verdict) and says(text_of(item, library, verdict), row["facts"])


def day_of(row: Mapping[str, Any]) -> date:
    """The day whose law a question asks for: `as_of`, or the day of the golden set."""
    return date.fromisoformat(row["as_of"]) if "as_of" in row else TODAY


Outcome = Literal["right", "wrong", "choices_right", "choices_wrong", "unknown"]


def judge(verdict: Verdict, row: Mapping[str, Any], library: Library) -> Outcome:
    """What became of a golden question."""
    found: list[Outcome] = []
    for part in verdict.parts or (verdict,):
        if part.status == "answered" and part.match:
            found.append("right" if right_entry(part.match.entry, row, library) else "wrong")
        elif part.status == "choices":
            hit = any(right_entry(choice.entry, row, library) for choice in part.choices)
            found.append("choices_right" if hit else "choices_wrong")
    order: tuple[Outcome, ...] = ("right", "choices_right", "wrong", "choices_wrong")
    return next((outcome for outcome in order if outcome in found), "unknown")


@dataclass(frozen=True)
class Asked:
    """One golden question with its verdict and outcome."""

    row: Mapping[str, Any]
    verdict: Verdict
    outcome: str


def ask_all(library: Library, half: Half | None = None) -> list[Asked]:
    """Every answerable question of a half."""
    found = []
    for row in rows("questions", half):
        verdict = library.ask(row["q"], library.place(row["jurisdiction"])[0], day_of(row))
        found.append(Asked(row, verdict, judge(verdict, row, library)))
    return found


def ask_unanswerable(library: Library, half: Half | None = None) -> list[Asked]:
    """Every message that must not be answered; `right` where the status is one of those expected."""
    found = []
    for row in rows("unanswerable", half):
        verdict = library.ask(row["q"], library.place(row["jurisdiction"])[0], day_of(row))
        expected = row["expect"]
        ok = verdict.status != "refused" if expected == ["any_but_refused"] else verdict.status in expected
        found.append(Asked(row, verdict, "right" if ok else verdict.status))
    return found


def ask_dialogues(library: Library, half: Half | None = None) -> list[list[Asked]]:
    """Every dialogue, turn by turn."""
    found = []
    for row in rows("dialogues", half):
        place, previous, turns = library.place(row["jurisdiction"])[0], None, []
        for turn in row["turns"]:
            verdict = library.ask(turn["q"], place, TODAY, previous)
            previous = verdict.turn
            outcome: str = judge(verdict, turn, library) if "expect" not in turn else verdict.status
            if verdict.status in turn.get("expect", ()):
                outcome = "right"
            turns.append(Asked(turn, verdict, outcome))
        found.append(turns)
    return found
