"""How well one entry fits one question, as a short row of figures between 0 and 1."""

from dataclasses import dataclass
from math import log

from rapidfuzz import fuzz

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
)

_KIND_INTENT = {
    "time_limit": "period",
    "procedure": "steps",
    "term": "define",
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
    of_concepts = {name: max(index.concept_weight(name), 0.1) for name in question.concepts}
    total = sum(of_bigrams.values()) or 1.0
    unknown = sum(weight for token, weight in of_bigrams.items() if not index.frequency(token))
    of_core = {token: index.weight(token) for token in question.core}
    of_letters = {letter: max(index.weight(letter), 0.0) for letter in question.characters}
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
    question: Question, weights: Weights, profile: Profile, index: Index, leave_out: str | None = None
) -> tuple[float, ...]:
    """The row of `NAMES` for one entry.

    Args:
        leave_out: a phrasing to act as if it did not exist (used when phrasings serve as test questions).
    """
    phrasings = [p for p in profile.phrasings if p.text != leave_out] if leave_out else profile.phrasings
    ask_cover = ask_dice = core_ask = concept_ask = letters = 0.0
    best: Phrasing = phrasings[0]
    for phrasing in phrasings:
        shared = sum(weights.bigrams[token] for token in question.bigrams & phrasing.bigrams)
        own = sum(index.weight(token) for token in phrasing.bigrams) or 1.0
        dice = 2 * shared / (weights.total + own)
        ask_cover = max(ask_cover, shared / weights.total)
        if dice > ask_dice:
            ask_dice, best = dice, phrasing
        concept_ask = max(concept_ask, _concept_dice(question, weights, phrasing, index))
        core_ask = max(core_ask, _dice(weights.core, weights.core_total, phrasing.core, index))
        letters = max(letters, _dice(weights.letters, weights.letters_total, phrasing.characters, index))
    head = frozenset().union(*(p.bigrams for p in phrasings))
    core = frozenset().union(*(p.core for p in phrasings))
    head_letters = frozenset().union(*(p.characters for p in phrasings))
    head_concepts = frozenset().union(*(p.concepts for p in phrasings))
    intents = frozenset().union(*(p.intents for p in phrasings))
    all_concepts = head_concepts | profile.body_concepts
    return (
        core_ask,
        _cover(weights.core, core, weights.core_total),
        _cover(weights.core, core | profile.body, weights.core_total),
        letters,
        _cover(weights.letters, head_letters, weights.letters_total),
        _cover(weights.letters, head_letters | profile.body_characters, weights.letters_total),
        len(question.intents & profile.phrasings[0].intents) / len(question.intents) if question.intents else 0.5,
        ask_cover,
        ask_dice,
        sum(weights.bigrams[token] for token in question.bigrams & head) / weights.total,
        sum(weights.bigrams[token] for token in question.bigrams & (head | profile.body)) / weights.total,
        concept_ask,
        _share(weights.concepts, head_concepts, weights.concept_total),
        _share(weights.concepts, all_concepts, weights.concept_total),
        _unasked(best.concepts, question, index),
        _unasked(profile.title_concepts, question, index),
        fuzz.ratio(question.text, best.text) / 100,
        len(question.intents & intents) / len(question.intents) if question.intents else 0.5,
        float(_KIND_INTENT.get(profile.kind, "-") in question.intents),
        _reference(question, profile),
        float(profile.place != "全国"),
        float(any(cite[0] in question.sources for cite in profile.cites[:1])),
        float(bool(profile.fields) and not profile.fields & question.fields),
        float(bool(profile.fields & question.fields)),
    )


def _share(weights: dict[str, float], held: frozenset[str], total: float) -> float:
    return sum(weight for name, weight in weights.items() if name in held) / total if total else 0.5


def _unasked(concepts: frozenset[str], question: Question, index: Index) -> float:
    """Share of the weight of some concepts that the question does not speak of."""
    total = sum(index.concept_weight(name) for name in concepts)
    return sum(index.concept_weight(name) for name in concepts - question.concepts) / total if total > 0 else 0.0


def _concept_dice(question: Question, weights: Weights, phrasing: Phrasing, index: Index) -> float:
    if not question.concepts:
        return 0.5
    shared = sum(weights.concepts[name] for name in question.concepts & phrasing.concepts)
    own = sum(max(index.concept_weight(name), 0.1) for name in phrasing.concepts)
    return 2 * shared / (weights.concept_total + own)


def _cover(weights: dict[str, float], held: frozenset[str], total: float) -> float:
    return sum(weight for token, weight in weights.items() if token in held) / total


def _dice(weights: dict[str, float], total: float, other: frozenset[str], index: Index) -> float:
    shared = sum(weight for token, weight in weights.items() if token in other)
    return 2 * shared / (total + sum(max(index.weight(token), 0.0) for token in other))


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


def gate_features(
    question: Question, weights: Weights, row: tuple[float, ...], score: float, margin: float
) -> tuple[float, ...]:
    """What tells whether the best candidate really answers: the row of `GATE_NAMES`."""
    named = dict(zip(NAMES, row, strict=True))
    return (
        score,
        min(margin, 3.0),
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
