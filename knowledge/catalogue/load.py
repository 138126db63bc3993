"""Reading content folders into one checked whole.

Folders are layered: a later one wins by entry id. Nothing is returned unless everything is right, so a
bad file can never replace good content; every fault is reported, each with `file:line`.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.model import ENTRY, KINDS, AnyEntry, Case, Domain, ListItem, PlacesFile, Procedure, Source
from knowledge.catalogue.registers import Domains, Places, Registers, Sources, check_places
from knowledge.catalogue.strict_yaml import MAX_BYTES, Lines, YamlProblem, parse, read_text
from zhifa_errors import ContentError

BUNDLED = Path(__file__).resolve().parent.parent / "content"
_DATA_FOLDERS = {"calendar", "tracks", "assessment", "questions"}
_REFERENCE = "reference"
_LONGEST = 400
LIKE_A_BASIS = re.compile(
    r"第.+[条项]|序号|〔\d{4}〕|(?:法|法典|条例|办法|规定|规则|细则|基准|清单|公告|意见|标准)(?:（.*）)?$"
)
"""What a basis of a statute that is not held looks like; anything else is a slip."""
_BASES = ("penalty_basis", "lenience_basis", "basis")
_REGISTER = re.compile(r"(places|domains|sources)(\.[^.]+)?\.yaml")
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Item:
    """An entry in its place: what the file says, where it holds, and its citations read.

    `topic` is the middle of the file name («lists» of `general.lists.yaml`), else empty.
    `penalty_basis` and the like of records stay as written; `cites` are those that carry the answer.
    """

    entry: AnyEntry
    place: str
    domain: str
    topic: str
    cites: tuple[Citation, ...]
    where: str


@dataclass(frozen=True)
class Content:
    """All entries by id, and the registers."""

    items: dict[str, Item]
    registers: Registers


@dataclass
class _Reading:
    problems: list[str] = field(default_factory=list)

    def report(self, path: Path, line: int, message: str) -> None:
        self.report_at(f"{path}:{line}", message)

    def report_at(self, where: str, message: str) -> None:
        """Keep a fault as one line, whatever the text it quotes."""
        line = f"{where}: {' '.join(message.split())[:_LONGEST]}"
        self.problems.append(line.encode("utf-8", "backslashreplace").decode("utf-8"))

    def yaml(self, path: Path) -> tuple[Any, Lines]:
        """The data of a file and the lines of its values; no lines at all where a fault was reported."""
        if path.exists() and not path.is_file():
            self.report(path, 1, "not a regular file")
            return None, {}
        try:
            data, lines = parse(read_text(path))
        except YamlProblem as problem:
            self.report(path, problem.line, problem.message)
        except OSError as error:
            self.report(path, 1, f"cannot be read: {error.strerror}")
        else:
            if data is not None:
                return data, lines
            self.report(path, 1, "the file is empty")
        return None, {}

    def invalid(self, path: Path, lines: Lines, error: ValidationError, at: tuple[str | int, ...] = ()) -> None:
        for fault in error.errors(include_url=False):
            loc = fault["loc"]
            if loc and loc[0] in KINDS:
                loc = loc[1:]
            elif fault["type"] == "union_tag_invalid":
                loc = ("kind",)
            place = (*at, *loc)
            while place and place not in lines:
                place = place[:-1]
            name = ".".join(str(part) for part in loc)
            self.report(path, lines.get(place, 1), f"{name}: {fault['msg']}" if name else fault["msg"])


def content_files(folders: Iterable[Path]) -> list[Path]:
    """All YAML files of the folders, in a stable order; hidden ones are an editor's, not ours.

    What is no readable file (a broken link, a pipe) is among them, so that it is reported and not passed over.
    """
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*.yaml"))
        if not path.is_dir() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def fingerprint(folders: Iterable[Path], *more: bytes) -> str:
    """A hash over every content file (its place and bytes) and whatever else is given."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in content_files([folder]):
            digest.update(os.fsencode(path.relative_to(folder)) + b"\0")
            digest.update(hashlib.sha256(_bytes(path)).digest())
    for extra in more:
        digest.update(hashlib.sha256(extra).digest())
    return digest.hexdigest()


def _bytes(path: Path) -> bytes:
    """What `load` would look at; nothing of what it cannot read, and no more than it would read."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError:
        return b""


def load(folders: Iterable[Path] = (BUNDLED,)) -> Content:
    """Read and check all content of the folders, later ones winning by entry id.

    Raises:
        ContentError: with one `file:line: message` for every fault found.
    """
    reading = _Reading()
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise ContentError([f"{folder}:1: not a folder of content"])
    registers = _registers(reading, folders)
    if reading.problems:
        raise ContentError(reading.problems)
    items: dict[str, Item] = {}
    for folder in folders:
        own: dict[str, Item] = {}
        for path in content_files([folder]):
            relative = path.relative_to(folder)
            if len(relative.parts) == 1 and not _is_register(path):
                reading.report(path, 1, "no register; entries belong in the folder of their place")
            elif len(relative.parts) > 1 and relative.parts[0] not in _DATA_FOLDERS:
                _entries(reading, registers, path, relative, own)
        items.update(own)
    _check_references(reading, items)
    if reading.problems:
        raise ContentError(reading.problems)
    return Content(items, registers)


def _rows(reading: _Reading, path: Path, model: type[_M]) -> Iterator[tuple[int, _M]]:
    data, lines = reading.yaml(path)
    if not lines:
        return
    if not isinstance(data, list):
        reading.report(path, lines[()], "a list is expected")
        return
    adapter = TypeAdapter(model)
    for n, row in enumerate(data):
        try:
            yield lines[(n,)], adapter.validate_python(row)
        except ValidationError as error:
            reading.invalid(path, lines, error, (n,))


def _register_files(folders: list[Path], name: str) -> list[list[Path]]:
    """The files of one register in each folder: `sources.yaml`, and `sources.<topic>.yaml` beside it."""
    stem = name.removesuffix(".yaml")
    found = [
        [path for path in (folder / name, *sorted(folder.glob(f"{stem}.*.yaml"))) if _is_register(path)]
        for folder in folders
    ]
    if not any(found):
        raise ContentError([f"{folders[0] / name}:1: the register is missing"])
    return found


def _is_register(path: Path) -> bool:
    return _REGISTER.fullmatch(path.name) is not None and path.is_file()


def _registers(reading: _Reading, folders: list[Path]) -> Registers:
    places: dict[str, Any] = {}
    elsewhere: set[str] = set()
    for path in chain.from_iterable(_register_files(folders, "places.yaml")):
        data, lines = reading.yaml(path)
        if not lines:
            continue
        try:
            file = PlacesFile.model_validate(data)
        except ValidationError as error:
            reading.invalid(path, lines, error)
            continue
        places.update({row.path: row for row in file.places})
        elsewhere.update(name for group in file.elsewhere for name in group)
        for at, message in check_places(PlacesFile(places=tuple(places.values()))):
            row = next((n for n, place in enumerate(file.places) if place.path == at), 0)
            reading.report(path, lines.get(("places", row), 1), message)
    domains = _unique(reading, folders, "domains.yaml", Domain, lambda row: [row.id, row.name, *row.aliases])
    sources = _unique(
        reading,
        folders,
        "sources.yaml",
        Source,
        lambda row: list(dict.fromkeys((row.id, row.title, row.short, row.number or row.short, *row.aliases))),
    )
    for source, where in sources.values():
        if source.place not in places:
            reading.report_at(where, f"«{source.short}»: the place «{source.place}» is unknown")
    return Registers(
        Sources({key: row for key, (row, _) in sources.items()}),
        Places(places, frozenset(elsewhere)),
        Domains({key: row for key, (row, _) in domains.items()}),
    )


def _unique(
    reading: _Reading, folders: list[Path], name: str, model: type[_M], names: Callable[[_M], list[str]]
) -> dict[str, tuple[_M, str]]:
    """Rows of one register by id (the first of their names), each with its `file:line`.

    A name may belong to one row only; a row of a later folder takes the place of the earlier one of its id.
    """
    found: dict[str, tuple[_M, str]] = {}
    for paths in _register_files(folders, name):
        own: dict[str, tuple[_M, str]] = {}
        for path in paths:
            for line, row in _rows(reading, path, model):
                key = names(row)[0]
                if key in own:
                    reading.report(path, line, f"the id «{key}» is already used at {own[key][1]}")
                own[key] = row, f"{path}:{line}"
        found.update(own)
        taken: dict[str, str] = {}
        for row, where in found.values():
            for word in dict.fromkeys(names(row)):
                if word in taken:
                    reading.report_at(where, f"the name «{word}» is already used at {taken[word]}")
                taken[word] = where
    return found


def _entries(reading: _Reading, registers: Registers, path: Path, relative: Path, own: dict[str, Item]) -> None:
    slug = relative.parent.as_posix()
    folder_place = registers.places.by_slug.get(slug)
    domain, *topics = relative.name.split(".")[:-1]
    if slug != _REFERENCE and folder_place is None:
        reading.report(path, 1, f"the folder «{slug}» is no place of places.yaml")
        return
    if domain not in registers.domains.by_id:
        reading.report(path, 1, f"«{domain}» is no field of domains.yaml (the file name up to the first dot)")
        return
    data, lines = reading.yaml(path)
    if not lines:
        return
    if not isinstance(data, list):
        reading.report(path, lines[()], "a list of entries is expected")
        return
    for n, row in enumerate(data):
        try:
            entry = ENTRY.validate_python(row)
        except ValidationError as error:
            reading.invalid(path, lines, error, (n,))
            continue
        line = lines[(n,)]
        place = folder_place or entry.place
        if place is None:
            reading.report(path, line, f"«{entry.id}»: an entry in reference/ must say its `place`")
            continue
        if folder_place and entry.place:
            reading.report(path, line, f"«{entry.id}»: `place` is given by the folder; take it out")
        if entry.id in own:
            reading.report(path, line, f"the id «{entry.id}» is already used at {own[entry.id].where}")
            continue
        cites = tuple(_citations(reading, registers, path, lines, n, entry))
        own[entry.id] = Item(entry, place, domain, ".".join(topics), cites, f"{path}:{line}")


def _citations(
    reading: _Reading, registers: Registers, path: Path, lines: Lines, n: int, entry: AnyEntry
) -> Iterator[Citation]:
    """The citations that carry the answer; what a record is punished by may be of a statute not held."""
    for name in ("cites", *_BASES):
        for k, text in enumerate(getattr(entry, name, ())):
            parsed = registers.sources.parse(text)
            if isinstance(parsed, str):
                if name == "cites" or registers.sources.named(text) or not LIKE_A_BASIS.search(text):
                    reading.report(path, lines.get((n, name, k), 1), f"«{entry.id}»: {parsed}")
            elif name == "cites":
                yield parsed


def _check_references(reading: _Reading, items: dict[str, Item]) -> None:
    for item in items.values():
        entry = item.entry
        wanted: list[tuple[str, str, str | None]] = [("related", other, None) for other in entry.related]
        if isinstance(entry, Procedure):
            wanted += [("time_limit", s.time_limit, "time_limit") for s in entry.steps if s.time_limit]
        if isinstance(entry, ListItem | Case) and entry.offence:
            wanted.append(("offence", entry.offence, "offence"))
        for name, other, kind in wanted:
            target = items.get(other)
            if target is None:
                reading.report_at(item.where, f"«{entry.id}»: {name}: there is no entry «{other}»")
            elif kind and target.entry.kind != kind:
                reading.report_at(item.where, f"«{entry.id}»: {name}: «{other}» is no {kind}")
            elif other == entry.id:
                reading.report_at(item.where, f"«{entry.id}»: {name}: refers to itself")
