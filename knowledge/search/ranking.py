"""Candidates in order, with a score and the probability that the first one is right.

The parameters are fitted by `benchmarks/fit.py` on the dev half of the golden set and on the content's
own phrasings, each asked with itself left out; nobody sets them by hand.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import exp
from pathlib import Path

from knowledge.catalogue.model import Model
from knowledge.search.features import GATE_NAMES, NAMES, Votes, Weights, features, gate_features, weigh
from knowledge.search.index import Index
from knowledge.search.question import Question

PARAMETERS = Path(__file__).with_name("parameters.json")
_COMPARED = 24
_ELSEWHERE = 8
"""Rules of other places are compared too, to know that something is only held for another place."""
_FUSION = 20
_VOTERS = 8
_LETTERS = 8
_OF_CONDUCT = frozenset({"offence", "case"})
"""Kinds that are about a violation: compared without the words that ask what becomes of it."""
_UNSAID = -2.0
"""For the rule of a field of enforcement that the question does not name: who names none wants the rule of all.
Set by hand, because few training questions tell the two apart."""
_FALLBACK_UNKNOWN = 0.35


class Parameters(Model):
    """Fitted weights of the two models and the thresholds of the verdict."""

    rank: dict[str, float]
    gate: dict[str, float]
    bias: float
    answer_from: float
    choices_from: float
    elsewhere: float
    """A rule of another place that fits this much better (in score) is the one that was meant."""
    margin: float
    """A candidate this close below the best (in score) is offered beside it."""


@cache
def parameters() -> Parameters:
    """The tracked parameters."""
    return Parameters.model_validate(json.loads(PARAMETERS.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Candidate:
    """An entry (by its number in the index) with its score and features."""

    n: int
    score: float
    row: tuple[float, ...]
    lead: tuple[str, int | None] | None = None
    """Source and article of its leading citation; its own id where it has none."""
    prior: float = 0.0
    """What the score holds beside the fitted features."""


@dataclass(frozen=True)
class Ranking:
    """Candidates, the best first, and what the gate needs to know of the question."""

    question: Question
    weights: Weights
    candidates: tuple[Candidate, ...]

    def only(self, keep: Callable[[Candidate], bool]) -> "Ranking":
        """The same with only some of the candidates."""
        return Ranking(self.question, self.weights, tuple(c for c in self.candidates if keep(c)))

    def probability(self, fitted: Parameters) -> float:
        """How likely the first candidate answers the question, between 0 and 1."""
        if not self.candidates:
            return 0.0
        row = self.gate_row()
        total = fitted.bias + sum(fitted.gate[name] * value for name, value in zip(GATE_NAMES, row, strict=True))
        return 1 / (1 + exp(-max(-30.0, min(30.0, total))))

    def gate_row(self) -> tuple[float, ...]:
        """Features of the gate for the first candidate."""
        first = self.candidates[0]
        second = self.candidates[1].score if len(self.candidates) > 1 else first.score - 3
        shares = [(exp(candidate.score - first.score), candidate.lead) for candidate in self.candidates[:_VOTERS]]
        total = sum(share for share, _ in shares)
        agreed = sum(share for share, lead in shares if lead == first.lead)
        votes = Votes(first.score - second, 1 / total, agreed / total)
        return gate_features(self.question, self.weights, first.row, first.score, votes)


def find(question: Question, weights: Weights, index: Index) -> list[int]:
    """Entries worth comparing (by number): the best of every channel together.

    The channels' scores have no common scale, so their ranks are added, as reciprocals (Cormack, Clarke
    and Büttcher 2009, «Reciprocal rank fusion»). Entries that cite an article asked for always come along.
    """
    tokens = index.rarest(question.bigrams)
    channels = [
        index.search("head", tokens, 40),
        index.search("whole", tokens, 20),
        index.search("letter", index.rarest(question.characters)[:_LETTERS], 25),
        index.search("concept", index.concept_tokens(question.concepts), 25),
    ]
    if question.conduct and question.conduct.text != question.text:
        channels.append(index.search("head", index.rarest(question.conduct.bigrams), 15))
    if weights.unknown > _FALLBACK_UNKNOWN:
        from knowledge.search.pinyin import sound_bigrams

        channels.append(index.search("sound", sound_bigrams(question.text, index.syllables), 15))
    fused: dict[int, float] = defaultdict(float)
    for channel in channels:
        for position, n in enumerate(channel):
            fused[n] += 1 / (_FUSION + position)
    for reference in question.references:
        if reference.source:
            for n in index.citing(reference.source, reference.article, reference.item):
                fused[n] += 1.0
    return sorted(fused, key=lambda n: (-fused[n], n))


def rank(
    question: Question, index: Index, fitted: Parameters, place: str, leave_out: tuple[str, str] | None = None
) -> Ranking:
    """Order the candidates of a question.

    Args:
        place: path of the place it is asked about.
        leave_out: (entry id, phrasing) to act as if it did not exist.
    """
    weights = weigh(question, index)
    conduct = question.conduct or question
    views = {True: (conduct, weigh(conduct, index)), False: (question, weights)}
    chain = index.registers.places.chain(place)
    coefficients = [fitted.rank[name] for name in NAMES]
    rows: list[Candidate] = []
    found = find(question, weights, index)
    here = [n for n in found if index.places[n] in chain][:_COMPARED]
    elsewhere = [n for n in found if index.places[n] not in chain][:_ELSEWHERE]
    for profile in map(index.profile, (*here, *elsewhere)):
        hidden = leave_out[1] if leave_out and leave_out[0] == profile.id else None
        row = features(*views[profile.kind in _OF_CONDUCT], profile, index, chain, hidden)
        prior = _UNSAID if profile.title_fields and not profile.title_fields & question.fields else 0.0
        score = sum(c * x for c, x in zip(coefficients, row, strict=True)) + prior
        rows.append(Candidate(profile.n, score, row, profile.lead or (profile.id, None), prior))
    rows.sort(key=lambda candidate: (-candidate.score, candidate.n))
    return Ranking(question, weights, tuple(rows))
