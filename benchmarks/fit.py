"""`python -m benchmarks.fit`: fit the search and write `knowledge/search/parameters.json`.

Two small models. The ranker is a softmax over the candidates of a question; it learns from the training
questions, the dev half of the golden set, and the content's own phrasings, each asked with itself left
out. The gate is a logistic over the best candidate («is it right?»); it learns from the same and from
messages that must not be answered. Thresholds are set on held-out folds, not on what the models
have seen. The test half is not opened. Same content, same result.
"""

import hashlib
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.golden import TODAY, day_of, right_entry, rows
from knowledge.catalogue.registers import NATION
from knowledge.library import Library
from knowledge.search.features import GATE_NAMES, NAMES
from knowledge.search.question import understand
from knowledge.search.ranking import PARAMETERS, Parameters, Ranking, rank
from knowledge.search.text import normalise

OFF_TOPIC = Path(__file__).with_name("off_topic.txt")
Array = NDArray[np.float64]
_EVERY = 3
"""Every third phrasing of the content serves as a question."""
_OWN_IN_GATE = 0.05
"""Own phrasings count little in the gate: a near twin that answers as well counts as wrong there."""
_OFF_TOPIC = 0.5
"""A message of `off_topic.txt` (written for the fit alone) counts this much beside a golden one."""
_MISSING = 0.05
"""A golden question whose right entries were taken away counts this much, as one not to be answered.

They shape the gate only: what is right for them is an offer of what is near, and the thresholds are
set on questions as they come."""
_WRONG_SHARE = 0.025
"""Share of the questions that may be answered wrongly on held-out folds."""
_ANSWERED_SHARE = 0.1
"""Share of the messages without an answer, most of them made to mislead, that may be answered there."""
_AS_GOOD = 0.01
"""Worth of offers, a message, that makes no difference: of settings so good the one that offers most is taken."""
_FOLDS = 5
_OWN_WEIGHTS = (0.1, 0.3)
_L2S = (0.3, 3.0)


@dataclass
class Sample:
    """One question with its candidates: features, which are right, and how much it counts."""

    ranking: Ranking
    right: list[bool]
    group: str
    """Name of the golden group; empty for the content's own phrasings."""
    weight: float = 1.0
    """How much it counts in the gate and in choosing the thresholds."""
    reviewed: bool = True
    """Whether its label was looked at twice, as those of the golden set were: only then may it set a threshold."""
    answerable: bool = True
    """Whether it is a question that has an answer at all."""

    @property
    def golden(self) -> bool:
        """Whether it is of the golden set."""
        return bool(self.group)


def samples(library: Library) -> list[Sample]:
    """Dev questions, dev messages not to be answered, and the content's own phrasings."""
    found: list[Sample] = []
    index, fitted = library.index, library.fitted
    for name in ("questions", "training", "unanswerable"):
        for row in rows(name, "dev"):
            if name == "unanswerable" and row["expect"] != ["unknown"]:
                continue
            question = understand(normalise(row["q"]), index)
            if question.references or question.foreign:
                continue  # decided by structure, not by scores
            place = question.places[-1] if question.places else library.place(row["jurisdiction"])[0]
            ranking = library.usable(rank(question, index, fitted, place), place, day_of(row))
            right = [
                name != "unanswerable" and right_entry(index.profile(c.n).id, row, library) for c in ranking.candidates
            ]
            group = row.get("group", row["id"])
            found.append(Sample(ranking, right, group, 1.0, name != "training", name != "unanswerable"))
    found += [_without_answer(sample) for sample in found if any(sample.right)]
    for number, line in enumerate(OFF_TOPIC.read_text(encoding="utf-8").split("\n")):
        if line:
            question = understand(normalise(line), index)
            ranking = library.usable(rank(question, index, fitted, NATION), NATION, TODAY)
            right = [False] * len(ranking.candidates)
            found.append(Sample(ranking, right, f"off-{number}", _OFF_TOPIC, answerable=False))
    counter = 0
    for n, entry_id in index.searched():
        profile = index.profile(n)
        item = index.item(entry_id)
        for phrasing in profile.phrasings[1:]:
            counter += 1
            if counter % _EVERY or not phrasing.text:
                continue
            question = understand(phrasing.text, index)
            if question.references:
                continue
            place = item.place if item.place in library.registers.places.by_path else NATION
            ranking = library.usable(rank(question, index, fitted, place, (entry_id, phrasing.text)), place, TODAY)
            found.append(Sample(ranking, [c.n == n for c in ranking.candidates], ""))
    return found


def _without_answer(sample: Sample) -> Sample:
    """The same question as if the content held no right entry: what must then not be answered."""
    kept = [c for c, right in zip(sample.ranking.candidates, sample.right, strict=True) if not right]
    ranking = Ranking(sample.ranking.question, sample.ranking.weights, tuple(kept))
    return Sample(ranking, [False] * len(kept), sample.group, _MISSING)


def fit_ranker(data: list[Sample], own_weight: float, l2: float) -> Array:
    """Softmax regression over candidates by gradient ascent with momentum; several right answers share.

    Args:
        own_weight: how much one of the content's own phrasings counts beside a golden question.
        l2: penalty on the squared weights.
    """
    usable = [s for s in data if any(s.right)]
    x = np.array([c.row for s in usable for c in s.ranking.candidates])
    prior = np.array([c.prior for s in usable for c in s.ranking.candidates])
    mask = np.array([float(r) for s in usable for r in s.right])
    sizes = np.array([len(s.right) for s in usable])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    weight = np.repeat([1.0 if s.golden else own_weight for s in usable], sizes)
    total = weight.sum()
    theta, speed = np.zeros(len(NAMES)), np.zeros(len(NAMES))
    for _ in range(150):
        scores = x @ theta + prior
        e = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        p = e / np.repeat(np.add.reduceat(e, starts), sizes)
        target = mask * p
        target /= np.repeat(np.maximum(np.add.reduceat(target, starts), 1e-12), sizes)
        gradient = x.T @ (weight * (target - p)) - l2 * theta
        speed = 0.9 * speed + gradient / total * 20
        theta = theta + 0.5 * speed
    return theta


def choose(data: list[Sample]) -> tuple[float, float]:
    """The two settings of the ranker with the best hit@1 on held-out folds of dev."""
    golden = [s for s in data if s.golden and any(s.right)]
    own = [s for s in data if not s.golden]
    best: tuple[float, float, float] | None = None
    for own_weight in _OWN_WEIGHTS:
        for l2 in _L2S:
            hits = 0
            for fold in range(_FOLDS):
                theta = fit_ranker([s for s in golden if _fold(s) != fold] + own, own_weight, l2)
                hits += sum(s.right[0] for s in reranked([s for s in golden if _fold(s) == fold], theta))
            score = hits / len(golden)
            sys.stdout.write(f"held out on dev: own phrasings {own_weight}, l2 {l2}: hit@1 {score:.3f}\n")
            if best is None or score > best[0]:
                best = (score, own_weight, l2)
    if best is None:
        raise ValueError("the grid is empty")
    return best[1], best[2]


def _fold(sample: Sample) -> int:
    return int(hashlib.sha1(sample.group.encode(), usedforsecurity=False).hexdigest(), 16) // 7 % _FOLDS


def fit_gate(data: list[Sample]) -> tuple[Array, float]:
    """Logistic regression by Newton's method on standardised features."""
    x = np.array([s.ranking.gate_row() for s in data])
    y = np.array([float(s.right[0]) for s in data])
    w = np.array([s.weight if s.golden else _OWN_IN_GATE for s in data])
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.hstack([(x - mean) / spread, np.ones((len(x), 1))])
    theta = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-z @ theta))
        h = (z * (w * p * (1 - p))[:, None]).T @ z + np.eye(z.shape[1]) * 1.0
        theta += np.linalg.solve(h, z.T @ (w * (y - p)) - 1.0 * theta)
    coefficients = theta[:-1] / spread
    return coefficients, float(theta[-1] - coefficients @ mean)


def reranked(data: list[Sample], theta: Array) -> list[Sample]:
    """The samples with their candidates in the order of new weights."""
    found = []
    for sample in data:
        if not sample.ranking.candidates:
            continue
        scored = sorted(
            (
                (float(np.dot(theta, c.row)) + c.prior, c, right)
                for c, right in zip(sample.ranking.candidates, sample.right, strict=True)
            ),
            key=lambda row: -row[0],
        )
        candidates = tuple(replace(c, score=score) for score, c, _ in scored)
        ranking = Ranking(sample.ranking.question, sample.ranking.weights, candidates)
        found.append(replace(sample, ranking=ranking, right=[right for _, _, right in scored]))
    return found


Judged = tuple[float, Sample]
"""A sample, its candidates in order, with the probability that the first is right."""


def held_out(data: list[Sample], own_weight: float, l2: float) -> list[Judged]:
    """Every golden sample judged by models that have not seen its group."""
    own = [s for s in data if not s.golden]
    golden = [s for s in data if s.golden and s.weight != _MISSING]
    missing = [s for s in data if s.golden and s.weight == _MISSING]
    found: list[Judged] = []
    for fold in range(_FOLDS):
        seen = [s for s in (*golden, *missing) if _fold(s) != fold] + own
        theta = fit_ranker(seen, own_weight, l2)
        gate, bias = fit_gate(reranked(seen, theta))
        for sample in reranked([s for s in golden if _fold(s) == fold], theta):
            logit = bias + float(gate @ np.array(sample.ranking.gate_row()))
            found.append((1 / (1 + float(np.exp(-np.clip(logit, -30, 30)))), sample))
    return found


def thresholds(judged: list[Judged]) -> tuple[float, float, float]:
    """Answer and choice thresholds and the margin for choices, on samples judged by models that had not seen them.

    Only reviewed ones count: the labels of the training questions are too narrow to tell what is wrong.

    It answers from the lowest probability at which at most 2.5 % of the questions are answered wrongly, and at
    most 10 % of the messages that must not be answered are. Below
    that an offer counts 0.4 where the right entry is in it, -0.6 where it is not, silence 0.
    """

    judged = [(p, sample) for p, sample in judged if sample.reviewed]

    def wrong(answer_from: float, answerable: bool) -> float:
        """Share of the questions that have an answer, or of the messages that have none, answered wrongly."""
        rows_ = [(p, s) for p, s in judged if s.answerable == answerable]
        answered = sum(s.weight for p, s in rows_ if p >= answer_from and not s.right[0])
        return answered / sum(s.weight for _, s in rows_)

    def offers(answer_from: float, choices_from: float, margin: float) -> float:
        total = 0.0
        for p, sample in judged:
            if not choices_from <= p < answer_from:
                continue
            floor = sample.ranking.candidates[0].score - 2 * margin
            offered = [
                right for c, right in zip(sample.ranking.candidates, sample.right, strict=True) if c.score >= floor
            ][:4]
            offered = offered if len(offered) > 1 else sample.right[:2]
            if len(offered) > 1:
                total += sample.weight * (0.4 if any(offered) else -0.6)
        return total

    grid = [n / 40 for n in range(4, 39)]
    allowed = [a for a in grid if wrong(a, True) <= _WRONG_SHARE and wrong(a, False) <= _ANSWERED_SHARE]
    answer_from = min(allowed, default=grid[-1])
    worth = [(offers(answer_from, c, m), c, m) for c in grid if c < answer_from for m in (0.5, 0.8, 1.2, 1.6, 2.0)]
    enough = max(worth)[0] - _AS_GOOD * len(judged)
    _, choices_from, margin = min((row for row in worth if row[0] >= enough), key=lambda row: (row[1], -row[0]))
    return answer_from, choices_from, margin


def elsewhere(library: Library) -> float:
    """How much better another place's rule must fit: between what is right here and what is only right there."""

    def leads(rows_: list[dict[str, Any]]) -> list[float]:
        found = []
        for row in rows_:
            question = understand(normalise(row["q"]), library.index)
            place = question.places[-1] if question.places else library.place(row["jurisdiction"])[0]
            ranking = rank(question, library.index, library.fitted, place)
            lead = library.ahead_elsewhere(ranking, library.usable(ranking, place, TODAY), place)
            found += [] if lead is None or place == NATION else [lead[0]]
        return found

    here = leads([*rows("questions", "dev"), *rows("training")])
    there = leads([row for row in rows("unanswerable", "dev") if row["why"] == "other_place"])
    usual = max(here)
    return round((usual + min(lead for lead in there if lead > usual)) / 2, 3)


def main() -> None:
    """Fit, print a short report, write the parameters."""
    with tempfile.TemporaryDirectory() as folder:
        library = Library.open(Path(folder))
        fit(library)


def fit(library: Library, target: Path = PARAMETERS) -> Parameters:
    """Fit on a library and write the parameters to a file."""
    data = samples(library)
    settings = choose(data)
    theta = fit_ranker(data, *settings)
    ordered = reranked(data, theta)
    gate, bias = fit_gate(ordered)
    draft = Parameters(
        rank={name: round(float(value), 4) for name, value in zip(NAMES, theta, strict=True)},
        gate={name: round(float(value), 4) for name, value in zip(GATE_NAMES, gate, strict=True)},
        bias=round(bias, 4),
        answer_from=0.5,
        choices_from=0.2,
        margin=0.4,
        elsewhere=0.0,
    )
    judged = held_out(data, *settings)
    answer_from, choices_from, margin = thresholds(judged)
    fitted = draft.model_copy(update={"answer_from": answer_from, "choices_from": choices_from, "margin": margin})
    fitted = fitted.model_copy(update={"elsewhere": elsewhere(Library(library.index, fitted))})
    aside = target.with_suffix(".new")
    aside.write_text(json.dumps(fitted.model_dump(), indent=2) + "\n", encoding="utf-8")
    aside.replace(target)  # a running program never reads half of it
    answered = [s for p, s in judged if p >= answer_from]
    wrong = sum(not s.right[0] for s in answered)
    sys.stdout.write(f"held out: {len(judged)} messages, {len(answered)} answered, {wrong} of them wrong\n")
    for name, group in (("golden dev and training", True), ("own phrasings, left out", False)):
        chosen = [s for s in ordered if s.golden == group and any(s.right)]
        hits = sum(s.right[0] for s in chosen)
        top3 = sum(any(s.right[:3]) for s in chosen)
        sys.stdout.write(
            f"{name}: {len(chosen)} questions, hit@1 {hits / len(chosen):.3f}, hit@3 {top3 / len(chosen):.3f}\n"
        )
    return fitted


if __name__ == "__main__":
    main()
