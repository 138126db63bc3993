"""What the search knows of an entry: its ways of being asked, in pieces that can be compared."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from pydantic import TypeAdapter

from knowledge.catalogue.load import Item
from knowledge.catalogue.model import Entry, Procedure, Requirement, Rule, Task, Term, TimeLimit, Written
from knowledge.catalogue.registers import NATION, Domains, Places
from knowledge.search.lexicon import Lexicon
from knowledge.search.text import bigrams, characters, normalise


@dataclass(frozen=True)
class Phrasing:
    """One way of asking."""

    text: str
    bigrams: frozenset[str]
    characters: frozenset[str]
    core: frozenset[str]
    """Pairs of what it is about, without the words that only make it a question."""
    concepts: frozenset[str]
    intents: frozenset[str]
    weight: "Pieces"
    """Summed inverse document frequencies of the pieces above."""


@dataclass(frozen=True)
class Pieces:
    """One figure for each kind of piece."""

    bigrams: float
    core: float
    characters: float
    concepts: float


COMPARISONS = "differences"
"""Topic (middle of the file name) of entries that compare places."""

Weigh = Callable[[str], float]


@dataclass(frozen=True)
class Profile:
    """An entry as the search compares it: every phrasing (the title first) and what else it says."""

    n: int
    id: str
    kind: str
    place: str
    title_concepts: frozenset[str]
    phrasings: tuple[Phrasing, ...]
    answer: frozenset[str]
    """Pairs of the title and the conclusion."""
    answer_characters: frozenset[str]
    body: frozenset[str]
    body_characters: frozenset[str]
    body_concepts: frozenset[str]
    fields: frozenset[str]
    """Fields of enforcement its title or answer names; empty for what applies in every field."""
    title_fields: frozenset[str]
    """Fields its title names: it is the rule of these fields beside one of all."""
    comparison: bool
    """Whether it compares places: it answers only who asks for a comparison."""
    title_weight: float
    cites: tuple[tuple[str, int | None, int | None, str | None], ...] = field(default=())

    @cached_property
    def lead(self) -> tuple[str, int | None] | None:
        """Source and article of the leading citation."""
        return self.cites[0][:2] if self.cites else None

    @cached_property
    def head(self) -> frozenset[str]:
        """Pairs of all phrasings."""
        return frozenset().union(*(p.bigrams for p in self.phrasings))

    @cached_property
    def core(self) -> frozenset[str]:
        """Core pairs of all phrasings."""
        return frozenset().union(*(p.core for p in self.phrasings))

    @cached_property
    def characters(self) -> frozenset[str]:
        """Characters of all phrasings."""
        return frozenset().union(*(p.characters for p in self.phrasings))

    @cached_property
    def concepts(self) -> frozenset[str]:
        """Concepts of all phrasings."""
        return frozenset().union(*(p.concepts for p in self.phrasings))

    @cached_property
    def intents(self) -> frozenset[str]:
        """Kinds of question of all phrasings."""
        return frozenset().union(*(p.intents for p in self.phrasings))

    def without(self, text: str) -> "Profile":
        """The profile as if one phrasing did not exist."""
        return replace(self, phrasings=tuple(p for p in self.phrasings if p.text != text))


PROFILE = TypeAdapter(Profile)
"""Profiles are kept in the index ready made, as JSON: to make one takes ten times as long as to read it."""


def head_texts(item: Item, places: Places) -> list[str]:
    """Title and phrasings, normalised, place names taken off (the folder says the place)."""
    texts = [item.entry.title, *item.entry.ask]
    return [normalise(places.mentioned(text)[2]) or normalise(text) for text in texts]


def body_text(entry: Entry) -> str:
    """Everything an entry says beside its title and phrasings."""
    parts: list[str] = []
    if isinstance(entry, Written):
        parts += [entry.answer, *entry.points]
    match entry:
        case Rule():
            parts += [*entry.conditions, entry.consequence or ""]
        case Procedure():
            for step in entry.steps:
                parts += [step.do, step.who or "", *step.documents, *step.pitfalls]
        case TimeLimit():
            parts += [entry.starts, entry.counting or "", entry.if_missed or ""]
        case Requirement():
            parts += [entry.who, entry.how_much or "", entry.every or ""]
        case Term():
            parts += [entry.means, *entry.not_to_confuse_with]
        case Task():
            parts += [*entry.obligations, *entry.units, *(deadline.what for deadline in entry.deadlines)]
        case _:
            parts += [*getattr(entry, "conditions", ()), *getattr(entry, "facts", ())]
    return normalise_long(parts)


def normalise_long(parts: Iterable[str]) -> str:
    """Several texts in normal form, one a line."""
    return "\n".join(normalise(part) for part in parts if part)


def make_phrasing(text: str, lexicon: Lexicon, weigh: Weigh, weigh_concept: Weigh) -> Phrasing:
    """A normalised phrasing in comparable pieces, politeness taken off.

    Args:
        weigh: weight of a pair or character, `weigh_concept`: weight of a concept.
    """
    bare = lexicon.without_chatter(text)
    hollow = lexicon.core(bare)
    pairs, core, letters = frozenset(bigrams(bare)), frozenset(bigrams(hollow)), frozenset(characters(hollow))
    concepts = lexicon.concepts_in(bare)
    weight = Pieces(
        sum(map(weigh, pairs)), sum(map(weigh, core)), sum(map(weigh, letters)), sum(map(weigh_concept, concepts))
    )
    return Phrasing(bare, pairs, letters, core, concepts, lexicon.intents_in(bare), weight)


def make_profile(
    n: int,
    item: Item,
    heads: list[str],
    body: str,
    lexicon: Lexicon,
    domains: Domains,
    weigh: Weigh,
    weigh_concept: Weigh,
) -> Profile:
    """Build the profile of an entry.

    Args:
        n: its number in the index.
        heads: `head_texts` of it, `body`: its `body_text`.
    """
    phrasings = tuple(make_phrasing(head, lexicon, weigh, weigh_concept) for head in heads)
    conclusion = heads[0] + "\n" + body.split("\n", 1)[0]
    return Profile(
        n,
        item.entry.id,
        item.entry.kind,
        NATION if item.entry.kind == "case" else item.place,
        phrasings[0].concepts,
        phrasings,
        frozenset(bigrams(conclusion)),
        frozenset(characters(conclusion)),
        frozenset(bigrams(body)),
        frozenset(characters(body)),
        lexicon.concepts_in(body),
        domains.mentioned(conclusion),
        domains.mentioned(heads[0]) if isinstance(item.entry, Written) else frozenset(),
        item.topic == COMPARISONS,
        phrasings[0].weight.concepts,
        tuple((cite.source, cite.article, cite.paragraph, cite.item) for cite in item.cites),
    )
