"""The compiled form of the content: one SQLite file, built with sqlite-utils, thrown away at will.

The file is named by the hash of everything it is made of, written aside and renamed: a reader never
sees half of it, and content that does not load never replaces content that did.

Each channel is an FTS5 table of its own over pre-tokenised text, because `bm25()` normalises by the
length of the whole row: pairs of characters of the ways of asking (`fts_head`) and of everything
(`fts_whole`), concepts of the lexicon, and sounds.
"""

import contextlib
import json
import math
import os
import sqlite3
import tempfile
import time
import weakref
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path

import sqlite_utils

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.load import Content, Item, fingerprint, load
from knowledge.catalogue.model import ENTRY, Domain, PlaceRow, Source
from knowledge.catalogue.registers import Domains, Places, Registers, Sources
from knowledge.search import lexicon as lexicon_module
from knowledge.search.lexicon import Lexicon, read_lexicon
from knowledge.search.pinyin import compile_syllables, key, sound_bigrams
from knowledge.search.profile import PROFILE, Profile, body_text, head_texts, make_profile
from knowledge.search.text import bigrams, characters
from zhifa_errors import IndexUnavailable

FORMAT = 8
"""Raised whenever what this module writes changes its form."""

_HEADER = 100
_BUILDING = ".building-"
_ABANDONED = 3600.0
_MADE_BY = ("index.py", "profile.py", "lexicon.py", "text.py", "pinyin.py")
"""What is in the file is made by these: a new version of the program makes its own."""
CHANNELS = ("head", "whole", "letter", "concept", "sound")
_RAREST = 14
"""Tokens of a question that are searched for: the rarest say most, and the common ones cost time."""
_ROWS = 1_500
"""Rows a search may touch: FTS5 scores every row that holds any of the tokens, so in a large index the
commonest tokens cost most and tell least. `make bench` shows what it costs in right answers: nothing so far."""


def index_name(folders: Iterable[Path]) -> str:
    """The file name the index of this content has."""
    code = (Path(__file__).with_name(name).read_bytes() for name in _MADE_BY)
    made_of = fingerprint(folders, lexicon_module.PATH.read_bytes(), str(FORMAT).encode(), *code)
    return f"knowledge-{made_of[:24]}.db"


def build(folders: Sequence[Path], into: Path) -> Path:
    """Compile the content of the folders, unless the index of just this content is there already.

    Args:
        folders: content folders, later ones winning.
        into: folder of index files; made if missing.

    Returns:
        The path of the index file.

    Raises:
        ContentError: the content is not right; nothing was written.
        IndexUnavailable: the file could not be written.
    """
    target = into / index_name(folders)
    while not _whole(target):
        content, lexicon = load(folders), read_lexicon()
        # A file saved while they were being read would else be filed under the name of what it replaced.
        read_as, target = target, into / index_name(folders)
        if read_as == target:
            return write(content, lexicon, target)
    return target


def _whole(path: Path) -> bool:
    """Whether the file is there in its full length; a full disk or a power cut may have shortened it."""
    try:
        with path.open("rb") as stream:
            header = stream.read(_HEADER)
            length = os.fstat(stream.fileno()).st_size
    except OSError:
        return False
    if len(header) < _HEADER or not header.startswith(b"SQLite format 3\0"):
        return False
    page_size = int.from_bytes(header[16:18])
    return length == (65_536 if page_size == 1 else page_size) * int.from_bytes(header[28:32])


def write(content: Content, lexicon: Lexicon, target: Path) -> Path:
    """Write checked content as an index file, aside and then renamed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        handle, name = tempfile.mkstemp(prefix=_BUILDING, suffix=".db", dir=target.parent)
        aside = Path(name)
        try:
            _compile(content, lexicon, aside)
            os.fsync(handle)
            aside.replace(target)
        finally:
            os.close(handle)
            aside.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise IndexUnavailable(f"知识库索引写不进 {target.parent}（{error}）；原有索引没有改动。") from error
    return target


def _sweep(folder: Path) -> None:
    """Take away what builds that were killed left behind."""
    for left in folder.glob(f"{_BUILDING}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()


def _compile(content: Content, lexicon: Lexicon, path: Path) -> None:
    db = sqlite_utils.Database(str(path))
    db.execute("PRAGMA journal_mode=OFF")
    db.execute("PRAGMA synchronous=OFF")
    registers, syllables = content.registers, compile_syllables()
    heads = {entry_id: head_texts(item, registers.places) for entry_id, item in content.items.items()}
    bodies = {entry_id: body_text(item.entry) for entry_id, item in content.items.items()}
    numbered = dict(enumerate(content.items.values(), start=1))
    db.table("entries").insert_all(
        (
            {
                "n": n,
                "id": item.entry.id,
                "kind": item.entry.kind,
                "place": item.place,
                "domain": item.domain,
                "topic": item.topic,
                "entry": item.entry.model_dump_json(by_alias=True),
                "cites": json.dumps([[c.source, c.article, c.paragraph, c.item] for c in item.cites]),
                "where_": item.where,
            }
            for n, item in numbered.items()
        ),
        pk="n",
    )
    db.table("entries").create_index(["id"], unique=True)
    db.table("cites").insert_all(
        (
            {"n": n, "source": cite.source, "article": cite.article, "rank": rank}
            for n, item in numbered.items()
            for rank, cite in enumerate(item.cites)
        ),
    )
    if db.table("cites").exists():
        db.table("cites").create_index(["source", "article"])
    names = {name: f"c{n}" for n, name in enumerate(lexicon.concepts)}
    rows: dict[str, list[tuple[int, str]]] = {channel: [] for channel in CHANNELS}
    documents: Counter[str] = Counter()
    concept_documents: Counter[str] = Counter()
    for n, item in numbered.items():
        head, body = heads[item.entry.id], bodies[item.entry.id]
        head_bigrams = [token for text in head for token in bigrams(text)]
        everything = [*head_bigrams, *bigrams(body)]
        letters = {c for text in (*head, body) for c in characters(text)}
        concepts = [name for text in head for name in lexicon.concepts_in(text)]
        rows["head"].append((n, " ".join(head_bigrams)))
        rows["whole"].append((n, " ".join(everything)))
        rows["letter"].append((n, " ".join(c for text in head for c in characters(lexicon.core(text)))))
        rows["concept"].append((n, " ".join(names[name] for name in concepts)))
        rows["sound"].append((n, " ".join(token for text in head for token in sound_bigrams(text, syllables))))
        documents.update({*everything, *letters})
        concept_documents.update(set(concepts) | lexicon.concepts_in(body))
    for channel in CHANNELS:
        db.execute(f"CREATE VIRTUAL TABLE fts_{channel} USING fts5(tokens, content='', tokenize='unicode61')")
        db.conn.executemany(f"INSERT INTO fts_{channel}(rowid, tokens) VALUES (?, ?)", rows[channel])  # noqa: S608
        db.execute(f"INSERT INTO fts_{channel}(fts_{channel}) VALUES ('optimize')")  # noqa: S608
        db.execute(f"CREATE VIRTUAL TABLE terms_{channel} USING fts5vocab(fts_{channel}, row)")
    size = len(numbered)

    def weigh(term: str) -> float:
        return _pair_weight(size, documents[term])

    def weigh_concept(name: str) -> float:
        return _concept_weight(size, concept_documents[name])

    db.execute("CREATE TABLE profiles(n INTEGER PRIMARY KEY, profile TEXT)")
    db.conn.executemany(
        "INSERT INTO profiles VALUES (?, ?)",
        (
            (
                n,
                PROFILE.dump_json(
                    make_profile(
                        n,
                        item,
                        heads[item.entry.id],
                        bodies[item.entry.id],
                        lexicon,
                        registers.domains,
                        weigh,
                        weigh_concept,
                    )
                ).decode(),
            )
            for n, item in numbered.items()
        ),
    )
    db.execute("CREATE TABLE vocabulary(term TEXT PRIMARY KEY, documents INTEGER) WITHOUT ROWID")
    db.conn.executemany("INSERT INTO vocabulary VALUES (?, ?)", documents.items())
    db.table("meta").insert_all(
        (
            {"name": name, "value": value}
            for name, value in {
                "format": str(FORMAT),
                "size": str(size),
                "lexicon": lexicon.model_dump_json(),
                "concepts": json.dumps(concept_documents, ensure_ascii=False),
                "syllables": json.dumps(syllables, ensure_ascii=False),
                "spoken": json.dumps(_spoken(lexicon, documents, syllables), ensure_ascii=False),
                "sources": json.dumps(
                    [json.loads(row.model_dump_json(by_alias=True)) for row in registers.sources.by_id.values()],
                    ensure_ascii=False,
                ),
                "places": json.dumps([row.model_dump() for row in registers.places.by_path.values()]),
                "elsewhere": json.dumps(sorted(registers.places.elsewhere)),
                "domains": json.dumps([row.model_dump() for row in registers.domains.by_id.values()]),
            }.items()
        ),
        pk="name",
    )
    db.conn.commit()
    db.execute("ANALYZE")
    db.conn.commit()
    db.close()


def _spoken(lexicon: Lexicon, documents: Counter[str], syllables: dict[str, str]) -> dict[str, str]:
    """Sound to the spelling it most likely stands for: words of the lexicon first, then common pairs."""
    table: dict[str, str] = {}
    for pair, count in sorted(documents.items(), key=lambda row: row[1]):
        if len(pair) == 2 and not pair.isascii() and count > 1:
            table[key(pair, syllables)] = pair
    for spelling in lexicon.spellings:
        if len(spelling) > 1 and not any(c.isascii() for c in spelling):
            table[key(spelling, syllables)] = spelling
    return table


def _pair_weight(size: int, documents: int) -> float:
    return max(math.log((size + 1) / (documents + 0.5)), 0.01)


def _concept_weight(size: int, documents: int) -> float:
    return max(math.log((size + 1) / (documents + 0.5)), 0.1)


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

    def browse(self, kinds: Sequence[str], topics: Sequence[str] = ()) -> list[str]:
        """Ids of entries of some kinds or topics, in the order of the content."""
        wanted = set(kinds), set(topics)
        rows = self._db.execute("SELECT id, kind, topic FROM entries ORDER BY n")
        return [row[0] for row in rows if row[1] in wanted[0] or row[2] in wanted[1]]

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
        return _pair_weight(self.size, self.frequency(term))

    def concept_weight(self, name: str) -> float:
        """Inverse document frequency of a concept."""
        return _concept_weight(self.size, self._concepts.get(name, 0))

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
        """Place of every entry, by number."""
        return dict(self._db.execute("SELECT n, place FROM entries").fetchall())

    def citing(self, source: str, article: int) -> dict[int, int]:
        """Entries that cite an article, with the rank of that citation in them (0 carries the answer)."""
        rows = self._db.execute(
            "SELECT n, MIN(rank) FROM cites WHERE source = ? AND article = ? GROUP BY n", (source, article)
        )
        return dict(rows.fetchall())
