"""The search and the two it is measured against, behind one small form.

All three see the same texts, and all three are spared what holds in another place or at another time:
what differs is how they find and order.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from rapidfuzz import fuzz, process

from benchmarks.golden import TODAY
from knowledge.catalogue.model import Written
from knowledge.library import Library
from knowledge.search.profile import body_text, head_texts, normalise_long
from knowledge.search.question import understand
from knowledge.search.ranking import rank
from knowledge.search.text import bigrams, normalise
from knowledge.search.verdict import Verdict

_FETCHED = 50
"""Rows a baseline fetches, so that enough is left where some hold elsewhere."""
Answer = TypeVar("Answer")


class Engine(Protocol[Answer]):
    """Something that finds entries for a question."""

    name: str

    def answer(self, text: str, place: str) -> Answer:
        """What is timed: all the work for one question."""

    def ranked(self, text: str, place: str, answer: Answer) -> list[str]:
        """The best three entries that hold in the place, the best first."""


def _usable(library: Library, ids: Iterator[str], place: str) -> list[str]:
    chain = library.registers.places.chain(place)
    found = []
    for entry_id in dict.fromkeys(ids):
        item = library.item(entry_id)
        if item.place in chain and item.entry.in_force.covers(TODAY):
            found.append(entry_id)
        if len(found) == 3:
            break
    return found


class Ours:
    """`Library.ask`; ranked by its candidates before the gate."""

    name = "zhifa"

    def __init__(self, library: Library) -> None:
        self._library = library

    def answer(self, text: str, place: str) -> Verdict:
        """The verdict."""
        return self._library.ask(text, place, TODAY)

    def ranked(self, text: str, place: str, _answer: Verdict) -> list[str]:
        """The candidates of the whole message in order, however unsure: what the gate decides upon."""
        index = self._library.index
        question = understand(normalise(text), index)
        if question.places:
            place = question.places[-1]
        usable = self._library.usable(rank(question, index, self._library.fitted, place), place, TODAY)
        return [index.profile(candidate.n).id for candidate in usable.candidates[:3]]


class PlainFts:
    """One FTS5 table of character pairs (title, phrasings, answer), all pairs of the question by OR, bm25."""

    name = "FTS5 bigrams"

    def __init__(self, library: Library, path: Path) -> None:
        self._library = library
        self._db = sqlite3.connect(path)
        self._db.execute("CREATE VIRTUAL TABLE t USING fts5(id UNINDEXED, title, asks, answer, tokenize='unicode61')")
        self._db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", (self._row(i) for i in library.index.ids()))
        self._db.execute("INSERT INTO t(t) VALUES ('optimize')")
        self._db.commit()

    def _row(self, entry_id: str) -> tuple[str, str, str, str]:
        item = self._library.item(entry_id)
        title, *asks = head_texts(item, self._library.registers.places)
        entry = item.entry
        answer = normalise_long([entry.answer, *entry.points]) if isinstance(entry, Written) else body_text(entry)
        asked = " ".join(token for ask in asks for token in bigrams(ask))
        return entry_id, " ".join(bigrams(title)), asked, " ".join(bigrams(answer))

    def answer(self, text: str, _place: str) -> list[str]:
        """Ids by rank."""
        query = " OR ".join(f'"{token}"' for token in dict.fromkeys(bigrams(normalise(text))))
        if not query:
            return []
        rows = self._db.execute("SELECT id FROM t WHERE t MATCH ? ORDER BY rank LIMIT ?", (query, _FETCHED))
        return [row[0] for row in rows]

    def ranked(self, _text: str, place: str, answer: list[str]) -> list[str]:
        """The same, of those that hold here."""
        return _usable(self._library, iter(answer), place)


class Fuzzy:
    """rapidfuzz `process.extract` with WRatio over every title and phrasing."""

    name = "rapidfuzz WRatio"

    def __init__(self, library: Library) -> None:
        self._library = library
        places = library.registers.places
        pairs = [(head, i) for i in library.index.ids() for head in head_texts(library.item(i), places)]
        self._texts = [head for head, _ in pairs]
        self._ids = [entry_id for _, entry_id in pairs]

    def answer(self, text: str, _place: str) -> list[str]:
        """Ids by the score of their best phrasing."""
        found = process.extract(normalise(text), self._texts, scorer=fuzz.WRatio, processor=None, limit=_FETCHED)
        return [self._ids[at] for _, _, at in found]

    def ranked(self, _text: str, place: str, answer: list[str]) -> list[str]:
        """The same, of those that hold here."""
        return _usable(self._library, iter(answer), place)
