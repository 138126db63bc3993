"""Compiling the content into one SQLite file, built with sqlite-utils, thrown away at will.

The file is named by the hash of everything it is made of, written aside and renamed: a reader never
sees half of it, and content that does not load never replaces content that did.
"""

import contextlib
import json
import os
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import sqlite_utils

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.load import Content, Item, fingerprint, load
from knowledge.catalogue.model import Case, ListItem
from knowledge.catalogue.registers import Registers, Sources
from knowledge.search import lexicon as lexicon_module
from knowledge.search.index import FORMAT, concept_weight, pair_weight
from knowledge.search.lexicon import Lexicon, read_lexicon
from knowledge.search.pinyin import compile_syllables, key, sound_bigrams
from knowledge.search.profile import PROFILE, body_text, head_texts, make_profile
from knowledge.search.text import bigrams, characters
from zhifa_errors import IndexUnavailable

_SPOKEN = 30
"""A pair of characters must stand in this many entries to be what a misheard one was meant for."""
CHANNELS = ("head", "whole", "letter", "concept", "sound")
_HEADER = 100
_BUILDING = ".building-"
_ABANDONED = 3600.0
_MADE_BY = ("build.py", "index.py", "profile.py", "lexicon.py", "text.py", "pinyin.py")
"""What is in the file is made by these: a new version of the program makes its own."""


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
    numbered = dict(enumerate(content.items.values(), start=1))
    _entries(db, numbered)
    # A list item is found through its offence, never by itself.
    searched = {n: item for n, item in numbered.items() if not isinstance(item.entry, ListItem)}
    _cites(db, searched, content.registers.sources)
    texts = {n: (head_texts(item, content.registers.places), body_text(item.entry)) for n, item in searched.items()}
    syllables = compile_syllables()
    documents, concept_documents = _channels(db, texts, lexicon, syllables)
    size = len(searched)

    def weigh(term: str) -> float:
        return pair_weight(size, documents[term])

    def weigh_concept(name: str) -> float:
        return concept_weight(size, concept_documents[name])

    domains = content.registers.domains
    profiles = (
        (n, make_profile(n, item, *texts[n], lexicon, domains, weigh, weigh_concept)) for n, item in searched.items()
    )
    db.execute("CREATE TABLE profiles(n INTEGER PRIMARY KEY, profile TEXT)")
    db.conn.executemany(
        "INSERT INTO profiles VALUES (?, ?)", ((n, PROFILE.dump_json(profile).decode()) for n, profile in profiles)
    )
    db.execute("CREATE TABLE vocabulary(term TEXT PRIMARY KEY, documents INTEGER) WITHOUT ROWID")
    db.conn.executemany("INSERT INTO vocabulary VALUES (?, ?)", documents.items())
    _meta(db, content.registers, lexicon, size, concept_documents, syllables, _spoken(lexicon, documents, syllables))
    db.conn.commit()
    db.execute("ANALYZE")
    db.conn.commit()
    db.close()


def _entries(db: sqlite_utils.Database, numbered: Mapping[int, Item]) -> None:
    db.table("entries").insert_all(
        (
            {
                "n": n,
                "id": item.entry.id,
                "kind": item.entry.kind,
                "place": item.place,
                "domain": item.domain,
                "topic": item.topic,
                "offence": getattr(item.entry, "offence", None),
                "entry": item.entry.model_dump_json(by_alias=True),
                "cites": json.dumps([[c.source, c.article, c.paragraph, c.item] for c in item.cites]),
                "where_": item.where,
            }
            for n, item in numbered.items()
        ),
        pk="n",
    )
    db.table("entries").create_index(["id"], unique=True)
    db.table("entries").create_index(["offence"])


def _cites(db: sqlite_utils.Database, searched: Mapping[int, Item], sources: Sources) -> None:
    """What each entry cites; a case is an example of its articles, and is not found by them."""
    rows = (
        (n, cite, leads)
        for n, item in searched.items()
        if not isinstance(item.entry, Case)
        for cite, leads in _carried(item, sources)
    )
    db.execute("CREATE TABLE cites(n, source TEXT, article INTEGER, paragraph INTEGER, item TEXT, leads INTEGER)")
    db.conn.executemany(
        "INSERT INTO cites VALUES (?, ?, ?, ?, ?, ?)",
        ((n, cite.source, cite.article, cite.paragraph, cite.item, int(leads)) for n, cite, leads in rows),
    )
    db.table("cites").create_index(["source", "article"])


def _carried(item: Item, sources: Sources) -> Iterator[tuple[Citation, bool]]:
    """The citations of an entry, and whether they carry it: the first, and what an offence is punished by."""
    for rank, cite in enumerate(item.cites):
        yield cite, rank == 0
    for text in getattr(item.entry, "penalty_basis", ()):
        parsed = sources.parse(text)
        if isinstance(parsed, Citation):
            yield parsed, True


def _channels(
    db: sqlite_utils.Database,
    texts: Mapping[int, tuple[list[str], str]],
    lexicon: Lexicon,
    syllables: Mapping[str, str],
) -> tuple[Counter[str], Counter[str]]:
    """Fill the channels.

    Returns:
        In how many entries each pair and character stands, and each concept.
    """
    names = {name: f"c{n}" for n, name in enumerate(lexicon.concepts)}
    rows: dict[str, list[tuple[int, str]]] = {channel: [] for channel in CHANNELS}
    documents: Counter[str] = Counter()
    concept_documents: Counter[str] = Counter()
    for n, (head, body) in texts.items():
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
    return documents, concept_documents


def _meta(
    db: sqlite_utils.Database,
    registers: Registers,
    lexicon: Lexicon,
    size: int,
    concept_documents: Mapping[str, int],
    syllables: Mapping[str, str],
    spoken: Mapping[str, str],
) -> None:
    values = {
        "format": str(FORMAT),
        "size": str(size),
        "lexicon": lexicon.model_dump_json(),
        "concepts": json.dumps(concept_documents, ensure_ascii=False),
        "syllables": json.dumps(syllables, ensure_ascii=False),
        "spoken": json.dumps(spoken, ensure_ascii=False),
        "sources": json.dumps(
            [json.loads(row.model_dump_json(by_alias=True)) for row in registers.sources.by_id.values()],
            ensure_ascii=False,
        ),
        "places": json.dumps([row.model_dump() for row in registers.places.by_path.values()]),
        "elsewhere": json.dumps(sorted(registers.places.elsewhere)),
        "domains": json.dumps([row.model_dump() for row in registers.domains.by_id.values()]),
    }
    db.table("meta").insert_all(({"name": name, "value": value} for name, value in values.items()), pk="name")


def _spoken(lexicon: Lexicon, documents: Counter[str], syllables: dict[str, str]) -> dict[str, str]:
    """Sound to the spelling it most likely stands for: words of the lexicon first, then common pairs."""
    table: dict[str, str] = {}
    for pair, count in sorted(documents.items(), key=lambda row: row[1]):
        if len(pair) == 2 and not pair.isascii() and count >= _SPOKEN:
            table[key(pair, syllables)] = pair
    for spelling in lexicon.spellings:
        if len(spelling) > 1 and not any(c.isascii() for c in spelling):
            table[key(spelling, syllables)] = spelling
    return table
