"""How well one entry fits one question, as a short row of figures between 0 and 1."""

import heapq
from dataclasses import dataclass
from math import log

from rapidfuzz import fuzz

from knowledge.catalogue.registers import NATION
from knowledge.search.index import Index
from knowledge.search.profile import Phrasing, Profile
from knowledge.search.question import Question

NAMES = (
    "core_ask",
    "core_head",
    "core_whole",
    "letters_ask",
    "letters_head",
    "letters_whole",
    "intent_title",
    "ask_cover",
    "ask_dice",
    "head_cover",
    "whole_cover",
    "concept_ask",
    "concept_head",
    "concept_whole",
    "concept_extra",
    "title_missing",
    "ratio",
    "intent",
    "kind",
    "reference",
    "own_place",
    "named_source",
    "field_extra",
    "field_match",
    "answer",
    "letters_answer",
)

_PHRASINGS = 5
_KIND_INTENT = {
    "time_limit": "period",
    "procedure": "steps",
    "term": "define",
    "case": "case",
}


@dataclass(frozen=True)
class Weights:
    """Inverse document frequencies of a question's pieces, computed once a question."""

    bigrams: dict[str, float]
    core: dict[str, float]
    letters: dict[str, float]
    concepts: dict[str, float]
    total: float
    core_total: float
    letters_total: float
    concept_total: float
    unknown: float
    """Share of the question's weight in pairs of characters that the content does not know at all."""


def weigh(question: Question, index: Index) -> Weights:
    """Weights of a question's pieces."""
    of_bigrams = {token: index.weight(token) for token in question.bigrams}
    of_concepts = {name: index.concept_weight(name) for name in question.concepts}
    total = sum(of_bigrams.values()) or 1.0
    unknown = sum(weight for token, weight in of_bigrams.items() if not index.frequency(token))
    of_core = {token: index.weight(token) for token in question.core}
    of_letters = {letter: index.weight(letter) for letter in question.characters}
    return Weights(
        of_bigrams,
        of_core,
        of_letters,
        of_concepts,
        total,
        sum(of_core.values()) or 1.0,
        sum(of_letters.values()) or 1.0,
        sum(of_concepts.values()),
        unknown / total,
    )


def features(
    question: Question,
    weights: Weights,
    profile: Profile,
    index: Index,
    chain: tuple[str, ...],
    leave_out: str | None = None,
) -> tuple[float, ...]:
    """The row of `NAMES` for one entry.

    Args:
        chain: the place asked about and those above it. Its own rule counts more than one from above; one of
            another place counts as in that place, so that «only elsewhere» can be told from «nowhere».
        leave_out: a phrasing to act as if it did not exist (used when phrasings serve as test questions).
    """
    if leave_out is not None:
        profile = profile.without(leave_out)
    pairs = question.bigrams & profile.head
    core = question.core & profile.core
    letters = question.characters & profile.characters
    concepts = question.concepts & profile.concepts
    ask_cover = ask_dice = core_ask = concept_ask = letters_ask = 0.0
    best: Phrasing = profile.phrasings[0]
    for phrasing in _nearest(profile.phrasings, letters):
        shared = _sum(weights.bigrams, pairs & phrasing.bigrams)
        dice = 2 * shared / (weights.total + phrasing.weight.bigrams)
        ask_cover = max(ask_cover, shared / weights.total)
        if dice > ask_dice:
            ask_dice, best = dice, phrasing
        shared = _sum(weights.core, core & phrasing.core)
        core_ask = max(core_ask, 2 * shared / (weights.core_total + phrasing.weight.core))
        shared = _sum(weights.letters, letters & phrasing.characters)
        letters_ask = max(letters_ask, 2 * shared / (weights.letters_total + phrasing.weight.characters))
        if concepts:
            shared = _sum(weights.concepts, concepts & phrasing.concepts)
            concept_ask = max(concept_ask, 2 * shared / (weights.concept_total + phrasing.weight.concepts))
    spoken_of = question.concepts & (profile.concepts | profile.body_concepts)
    return (
        core_ask,
        _sum(weights.core, core) / weights.core_total,
        _sum(weights.core, core | (question.core & profile.body)) / weights.core_total,
        letters_ask,
        _sum(weights.letters, letters) / weights.letters_total,
        _sum(weights.letters, letters | (question.characters & profile.body_characters)) / weights.letters_total,
        _part(question.intents, profile.phrasings[0].intents),
        ask_cover,
        ask_dice,
        _sum(weights.bigrams, pairs) / weights.total,
        _sum(weights.bigrams, pairs | (question.bigrams & profile.body)) / weights.total,
        concept_ask if question.concepts else 0.5,
        _sum(weights.concepts, concepts) / weights.concept_total if question.concepts else 0.5,
        _sum(weights.concepts, spoken_of) / weights.concept_total if question.concepts else 0.5,
        _unasked(best.concepts, best.weight.concepts, question, index),
        _unasked(profile.title_concepts, profile.title_weight, question, index),
        fuzz.ratio(question.text, best.text) / 100,
        _part(question.intents, profile.intents),
        float(_KIND_INTENT.get(profile.kind, "-") in question.intents),
        _reference(question, profile),
        0.0 if profile.place == NATION else 0.5 if profile.place in chain[1:] else 1.0,
        float(any(cite[0] in question.sources for cite in profile.cites[:1])),
        float(bool(profile.fields) and not profile.fields & question.fields),
        float(bool(profile.fields & question.fields)),
        _sum(weights.core, question.core & profile.answer) / weights.core_total,
        _sum(weights.letters, question.characters & profile.answer_characters) / weights.letters_total,
    )


def _nearest(phrasings: tuple[Phrasing, ...], letters: frozenset[str]) -> list[Phrasing]:
    """The few phrasings that share most characters with a question; the others cannot be its best match."""
    return heapq.nlargest(_PHRASINGS, phrasings, key=lambda p: len(letters & p.characters) / (4 + len(p.characters)))


def _sum(weights: dict[str, float], pieces: frozenset[str]) -> float:
    return sum([weights[piece] for piece in pieces])


def _part(asked: frozenset[str], held: frozenset[str]) -> float:
    return len(asked & held) / len(asked) if asked else 0.5


def _unasked(concepts: frozenset[str], total: float, question: Question, index: Index) -> float:
    """Share of the weight of some concepts that the question does not speak of."""
    missing = concepts - question.concepts
    return sum(map(index.concept_weight, missing)) / total if missing else 0.0


def _reference(question: Question, profile: Profile) -> float:
    """1 where the entry's leading citation is the article asked for, less where it only cites it too."""
    best = 0.0
    for reference in question.references:
        for rank, (source, article, paragraph, item) in enumerate(profile.cites):
            if reference.source not in {None, source} or reference.article not in {None, article}:
                continue
            score = 0.7 if rank == 0 else 0.4
            if reference.paragraph and paragraph:
                score += 0.2 if reference.paragraph == paragraph else -0.3
            if reference.item and item:
                score += 0.1 if reference.item == item else -0.3
            best = max(best, score)
    return best


GATE_NAMES = (
    "score",
    "margin",
    "certain",
    "agreed",
    "core_ask",
    "core_head",
    "core_whole",
    "letters_ask",
    "letters_whole",
    "concept_ask",
    "concept_missing",
    "unknown",
    "length",
    "no_concept",
)


@dataclass(frozen=True)
class Votes:
    """How the first candidate stands to the next ones.

    Attributes:
        margin: its score less that of the second.
        certain: its share of the first eight, by the exponential of their scores.
        agreed: the share of those that lead with the same article (its own included).
    """

    margin: float
    certain: float
    agreed: float


def gate_features(
    question: Question, weights: Weights, row: tuple[float, ...], score: float, votes: Votes
) -> tuple[float, ...]:
    """What tells whether the best candidate really answers: the row of `GATE_NAMES`."""
    named = dict(zip(NAMES, row, strict=True))
    return (
        score,
        min(votes.margin, 3.0),
        votes.certain,
        votes.agreed,
        named["core_ask"],
        named["core_head"],
        named["core_whole"],
        named["letters_ask"],
        named["letters_whole"],
        named["concept_ask"],
        1.0 - named["concept_whole"] if question.concepts else 0.0,
        weights.unknown,
        log(1 + len(question.core)),
        float(not question.concepts),
    )
