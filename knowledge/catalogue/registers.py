"""The three registers: sources, places, fields. Everything refers to them."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from knowledge.catalogue.citations import Citation, as_json, describe, parse_part
from knowledge.catalogue.model import Domain, PlaceRow, PlacesFile, Source, Version

NATION = "全国"


@dataclass(frozen=True)
class Sources:
    """Statutes and documents by id and by every name they go by."""

    by_id: dict[str, Source]

    @cached_property
    def names(self) -> dict[str, str]:
        """Every name (title, short name, alias, number, id) to the source's id."""
        table: dict[str, str] = {}
        for source in self.by_id.values():
            for name in (
                source.id,
                source.title,
                source.short,
                *source.aliases,
                source.number or source.short,
            ):
                table[name] = source.id
        return table

    @cached_property
    def _by_length(self) -> list[str]:
        return sorted(self.names, key=len, reverse=True)

    @cached_property
    def name_pattern(self) -> re.Pattern[str]:
        """Finds a source's name in running text, the longest first."""
        return re.compile("|".join(re.escape(name) for name in self._by_length if not name.isascii()))

    def parse(self, text: str) -> Citation | str:
        """Read a written citation.

        Returns:
            The citation, or one line saying what is wrong with it (unknown source, an article,
            paragraph or item that does not exist).
        """
        for name in self._begins(text):
            if (part := parse_part(text[len(name) :].lstrip())) is not None:
                citation = Citation(self.names[name], *part)
                return self.fault(citation) or citation
        return f"«{text}» names no source of sources.yaml, or is not like «行政处罚法第33条第1款»"

    def named(self, text: str) -> str | None:
        """The id of the source whose article a text means; None for «道路交通安全法实施条例», which is another."""
        for name in self._begins(text):
            if text == name or text[len(name) :].lstrip().startswith("第"):
                return self.names[name]
        return None

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted({len(name) for name in self.names}, reverse=True)

    def _begins(self, text: str) -> Iterator[str]:
        """The names a text begins with, the longest first."""
        return (text[:length] for length in self._lengths if text[:length] in self.names)

    def fault(self, citation: Citation, day: date | None = None) -> str | None:
        """What does not exist about a citation, in one line; None where nothing is wrong.

        Args:
            day: check against the version of that day; without it, against the newest one.
        """
        source = self.by_id[citation.source]
        version = (self.version(source.id, day) if day else None) or source.versions[-1]
        number = citation.article
        if citation.paragraph == 0 or citation.item == "0":
            return "paragraphs and items count from 1"
        if number is None:
            if version.articles is not None and (citation.paragraph or citation.item):
                return f"{source.short} has articles: say of which article this is a part"
            return None
        if version.articles is None:
            return f"{source.short} has no numbered articles"
        if not 1 <= number <= version.articles:
            return f"{source.short} has {version.articles} articles, there is no article {number}"
        if not version.paragraphs and (citation.paragraph or citation.item):
            return f"no text of {source.short} is held: cite article {number} without paragraph or item"
        if citation.paragraph and citation.paragraph > version.paragraphs[number - 1]:
            return f"{source.short} article {number} has {version.paragraphs[number - 1]} paragraph(s)"
        if citation.item and int(citation.item) > version.items[number - 1]:
            return f"{source.short} article {number} has {version.items[number - 1]} item(s)"
        return None

    def version(self, source_id: str, day: date) -> Version | None:
        """The version in force on that day, if it is held."""
        for version in self.by_id[source_id].versions:
            if version.from_ and version.from_ <= day and (version.until is None or day <= version.until):
                return version
        return None

    def show(self, citation: Citation) -> str:
        """The citation as a person reads it."""
        source = self.by_id[citation.source]
        return describe(source.short, citation, is_number=source.short == source.number)

    def json(self, citation: Citation, day: date) -> dict[str, object]:
        """The citation in the JSON form of the command line."""
        version = self.version(citation.source, day)
        promulgated = version.promulgated.isoformat() if version and version.promulgated else None
        return as_json(self.by_id[citation.source].short, citation, promulgated)


@dataclass(frozen=True)
class Places:
    """Places as a tree, with the names that must be recognised without being held."""

    by_path: dict[str, PlaceRow]
    elsewhere: frozenset[str]

    @cached_property
    def by_slug(self) -> dict[str, str]:
        """Folder name to path."""
        return {row.slug: row.path for row in self.by_path.values()}

    @cached_property
    def _names(self) -> dict[str, str]:
        table = {}
        for row in self.by_path.values():
            for name in (row.path, row.path.replace("/", ""), row.path.rsplit("/", 1)[-1], *row.aliases):
                table[name] = row.path
        return table

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = {n for n in self._names if len(n) > 1} | set(self.elsewhere)
        longest_first = "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))
        return re.compile(f"({longest_first})(省|市|区|县|州|自治区|特别行政区)?")

    def find(self, name: str) -> str | None:
        """The path of a place from any way of writing it («铁岭», «辽宁省铁岭市», «辽宁省/铁岭市»)."""
        cleaned = name.strip().replace(" ", "")
        return self._names.get(cleaned) or self._names.get(cleaned.replace("/", ""))

    def is_elsewhere(self, name: str) -> bool:
        """Whether it names a place of China that the content does not hold."""
        return self.find(name) is None and any(
            part.startswith(known) for part in re.split(r"[/ ]", name.strip()) for known in self.elsewhere
        )

    def chain(self, path: str) -> tuple[str, ...]:
        """The place and its parents up to the nation, the most specific first."""
        result = []
        current: str | None = path
        while current is not None:
            result.append(current)
            current = self.by_path[current].parent
        return tuple(result)

    def mentioned(
        self, text: str, known: Callable[[str], bool] = lambda pair: False
    ) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """Places named in running text.

        Args:
            known: whether two characters stand side by side in the content. A place that is not held is not
                meant where both its ends belong to other words: «面包头一回» is not about 包头.

        Returns:
            Paths of held places (only the most specific of one chain), names of places not held, and the
            text without any of them.
        """
        held: list[str] = []
        foreign: list[str] = []

        def take(match: re.Match[str]) -> str:
            path = self._names.get(match[0]) or self._names.get(match[1])
            if path:
                held.append(path)
            elif match[2] is None and _within_words(match, known):
                return match[0]
            else:
                foreign.append(match[0])
            return " "

        rest = self._pattern.sub(take, text)
        distinct = dict.fromkeys(held)
        specific = tuple(p for p in distinct if not any(p != q and p in self.chain(q) for q in distinct))
        return tuple(p for p in specific if p != NATION or specific == (NATION,)), tuple(foreign), rest

    def label(self, path: str) -> str:
        """The last part of a path, as shown («铁岭市»)."""
        return path.rsplit("/", 1)[-1]


def _within_words(match: re.Match[str], known: Callable[[str], bool]) -> bool:
    text, begin, end = match.string, match.start(), match.end()
    return begin > 0 and known(text[begin - 1 : begin + 1]) and (end == len(text) or known(text[end - 1 : end + 1]))


@dataclass(frozen=True)
class Domains:
    """Fields of enforcement by id."""

    by_id: dict[str, Domain]

    def mentioned(self, text: str) -> frozenset[str]:
        """Fields a text names, by name or alias; the general one never counts."""
        return frozenset(
            row.id
            for row in self.by_id.values()
            if row.id != "general" and any(word in text for word in (row.name, *row.aliases))
        )


@dataclass(frozen=True)
class Registers:
    """The three registers together."""

    sources: Sources
    places: Places
    domains: Domains


def check_places(file: PlacesFile) -> Iterable[tuple[str, str]]:
    """Faults of the place tree as (path, message): folders and aliases of two places, unknown parents, cycles."""
    rows = {row.path: row for row in file.places}
    for what, names in (
        ("the folder", [(row.slug, row.path) for row in file.places]),
        ("the alias", [(alias, row.path) for row in file.places for alias in row.aliases]),
    ):
        owner: dict[str, str] = {}
        for name, path in names:
            if owner.setdefault(name, path) != path:
                yield path, f"{what} «{name}» of «{path}» is already that of «{owner[name]}»"
    for row in file.places:
        seen = {row.path}
        current = row.parent
        while current is not None:
            if current not in rows:
                yield row.path, f"the parent «{current}» of «{row.path}» is not in places.yaml"
                break
            if current in seen:
                yield row.path, f"the parents of «{row.path}» form a cycle"
                break
            seen.add(current)
            current = rows[current].parent
