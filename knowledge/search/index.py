"""The compiled form of the content, opened for reading: one SQLite file (see `build`).

Each channel is an FTS5 table of its own over pre-tokenised text, because `bm25()` normalises by the
length of the whole row: pairs of characters of the ways of asking (`fts_head`) and of everything
(`fts_whole`), concepts of the lexicon, and sounds.
"""

import json
import math
import sqlite3
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.load import Item
from knowledge.catalogue.model import ENTRY, Domain, PlaceRow, Source
from knowledge.catalogue.registers import NATION, Domains, Places, Registers, Sources
from knowledge.search.lexicon import Lexicon
from knowledge.search.profile import PROFILE, Profile
from zhifa_errors import IndexUnavailable

FORMAT = 11
"""Raised whenever what is written changes its form."""

_RAREST = 14
"""Tokens of a question that are searched for: the rarest say most, and the common ones cost time."""
_ROWS = 1_500
"""Rows a search may touch: FTS5 scores every row that holds any of the tokens, so in a large index the
commonest tokens cost most and tell least. `make bench` shows what it costs in right answers: nothing so far."""


def pair_weight(size: int, documents: int) -> float:
    """Inverse document frequency of a pair of characters that stands in so many of the entries."""
    return max(math.log((size + 1) / (documents + 0.5)), 0.01)


def concept_weight(size: int, documents: int) -> float:
    """Inverse document frequency of a concept."""
    return max(math.log((size + 1) / (documents + 0.5)), 0.1)


@dataclass(frozen=True, slots=True)
class Cited:
    """How an entry cites an article: as what carries its answer or besides, and which part of it."""

    leads: bool
    paragraph: int | None
    item: str | None


class Index:
    """A compiled index, opened for reading. Safe to share between threads.

    Args:
        path: the file `build` returned.

    Raises:
        IndexUnavailable: the file cannot be read or has another form.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
            weakref.finalize(self, self._db.close)
            self._meta = dict(
                self._db.execute("SELECT name, value FROM meta WHERE name NOT IN ('syllables', 'spoken')")
            )
        except sqlite3.Error as error:
            raise IndexUnavailable(f"知识库索引打不开（{error}）；请运行 zhifa kb build。") from error
        if self._meta.get("format") != str(FORMAT):
            raise IndexUnavailable("知识库索引是别的版本的；请运行 zhifa kb build。")
        self.size = int(self._meta["size"])
        self.lexicon = Lexicon.model_validate_json(self._meta["lexicon"], strict=False)
        self._concepts: dict[str, int] = json.loads(self._meta["concepts"])
        self._names = {name: f"c{n}" for n, name in enumerate(self.lexicon.concepts)}
        self.profile = lru_cache(maxsize=2048)(self._profile)  # some 70 KB each
        self.item = lru_cache(maxsize=4096)(self._item)
        self.frequency = lru_cache(maxsize=65_536)(self._frequency)
        self.weight = lru_cache(maxsize=131_072)(self._weight)
        self._rows = lru_cache(maxsize=65_536)(self._count_rows)

    @cached_property
    def registers(self) -> Registers:
        """The registers as they were when the index was built."""
        places = {row["path"]: PlaceRow.model_validate(row) for row in json.loads(self._meta["places"])}
        domains = {row["id"]: Domain.model_validate(row) for row in json.loads(self._meta["domains"])}
        sources = {row["id"]: Source.model_validate(row) for row in json.loads(self._meta["sources"])}
        elsewhere = frozenset(json.loads(self._meta["elsewhere"]))
        return Registers(Sources(sources), Places(places, elsewhere), Domains(domains))

    @cached_property
    def syllables(self) -> dict[str, str]:
        """Character to folded sound; read only when a question needs it."""
        return self._blob("syllables")

    @cached_property
    def spoken(self) -> dict[str, str]:
        """Sound to likely spelling."""
        return self._blob("spoken")

    def _blob(self, name: str) -> dict[str, str]:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        table: dict[str, str] = json.loads(row[0])
        return table

    def ids(self) -> list[str]:
        """Ids of all entries, in the order of the content."""
        return [row[0] for row in self._db.execute("SELECT id FROM entries ORDER BY n")]

    def searched(self) -> list[tuple[int, str]]:
        """Number and id of every entry that a search can find, in the order of the content."""
        return self._db.execute("SELECT n, id FROM entries WHERE kind != 'list_item' ORDER BY n").fetchall()

    def browse(self, kinds: Sequence[str], topics: Sequence[str] = ()) -> list[str]:
        """Ids of entries of some kinds or topics, in the order of the content."""
        wanted = set(kinds), set(topics)
        rows = self._db.execute("SELECT id, kind, topic FROM entries ORDER BY n")
        return [row[0] for row in rows if row[1] in wanted[0] or row[2] in wanted[1]]

    def of_offence(self, offence_id: str) -> list[str]:
        """Ids of the list items and cases of an offence, in the order of the content."""
        rows = self._db.execute("SELECT id FROM entries WHERE offence = ? ORDER BY n", (offence_id,))
        return [row[0] for row in rows]

    def _item(self, entry_id: str) -> Item:
        row = self._db.execute(
            "SELECT entry, place, domain, topic, cites, where_ FROM entries WHERE id = ?", (entry_id,)
        ).fetchone()
        if row is None:
            raise KeyError(entry_id)
        cites = tuple(Citation(*cite) for cite in json.loads(row[4]))
        return Item(ENTRY.validate_json(row[0], strict=False), row[1], row[2], row[3], cites, row[5])

    def _profile(self, n: int) -> Profile:
        row = self._db.execute("SELECT profile FROM profiles WHERE n = ?", (n,)).fetchone()
        return PROFILE.validate_json(row[0], strict=False)

    def _frequency(self, term: str) -> int:
        row = self._db.execute("SELECT documents FROM vocabulary WHERE term = ?", (term,)).fetchone()
        return row[0] if row else 0

    def _weight(self, term: str) -> float:
        """Inverse document frequency of a pair of characters."""
        return pair_weight(self.size, self.frequency(term))

    def concept_weight(self, name: str) -> float:
        """Inverse document frequency of a concept."""
        return concept_weight(self.size, self._concepts.get(name, 0))

    def search(self, channel: str, tokens: Iterable[str], limit: int) -> dict[int, float]:
        """Rows of one channel that match any of the tokens, with their BM25 score (higher is better).

        The commonest tokens are left out where all of them together match more than `_ROWS` rows.
        """
        quoted = " OR ".join(f'"{token}"' for token in self._affordable(channel, tokens))
        if not quoted:
            return {}
        found = self._db.execute(
            f"SELECT rowid, -rank FROM fts_{channel} WHERE fts_{channel} MATCH ? ORDER BY rank LIMIT ?",  # noqa: S608
            (quoted, limit),
        )
        return dict(found.fetchall())

    def _affordable(self, channel: str, tokens: Iterable[str]) -> list[str]:
        """The rarest tokens a channel knows, as many as match few enough rows, and at least one."""
        counted = sorted((self._rows(channel, token), token) for token in set(tokens))
        known = [(rows, token) for rows, token in counted if rows]
        sums = accumulate(rows for rows, _ in known)
        return [token for n, ((_, token), total) in enumerate(zip(known, sums, strict=True)) if not n or total <= _ROWS]

    def _count_rows(self, channel: str, token: str) -> int:
        row = self._db.execute(f"SELECT doc FROM terms_{channel} WHERE term = ?", (token,)).fetchone()  # noqa: S608
        return row[0] if row else 0

    def rarest(self, tokens: Iterable[str]) -> list[str]:
        """The rarest known tokens of a question, at most fourteen."""
        known = [(self.frequency(token), token) for token in set(tokens)]
        return [token for count, token in sorted(known) if count][:_RAREST]

    def concept_tokens(self, concepts: Iterable[str]) -> list[str]:
        """The tokens concepts have in the `concept` channel."""
        return [self._names[name] for name in concepts]

    @cached_property
    def places(self) -> dict[int, str]:
        """Place every entry is searched under, by number: a case serves everywhere, whoever decided it."""
        rows = self._db.execute("SELECT n, CASE kind WHEN 'case' THEN ? ELSE place END FROM entries", (NATION,))
        return dict(rows.fetchall())

    def citing(self, source: str, article: int | None, item: str | None = None) -> dict[int, list[Cited]]:
        """Entries that cite an article, or an item of a document without articles, by number."""
        where, part = ("article = ?", article) if article else ("article IS NULL AND item = ?", item)
        rows = self._db.execute(
            f"SELECT n, leads, paragraph, item FROM cites WHERE source = ? AND {where}",  # noqa: S608
            (source, part),
        )
        found: dict[int, list[Cited]] = {}
        for n, leads, paragraph, of_item in rows:
            found.setdefault(n, []).append(Cited(bool(leads), paragraph, of_item))
        return found
