"""The front of the knowledge base: `ask` gives a verdict on a question.

Pure: the same content, question, place, day and previous turn give the same verdict. Structure comes
before scores: an article that does not exist, a place that is not held, a rule of another place or of
another time never answers, however alike the words are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.load import BUNDLED, Item
from knowledge.catalogue.model import AnyEntry, Offence
from knowledge.catalogue.registers import NATION, Registers
from knowledge.listing import Listing, listing, resting_on
from knowledge.search.build import build
from knowledge.search.features import NAMES
from knowledge.search.follow_up import readings
from knowledge.search.index import Cited, Index
from knowledge.search.profile import COMPARISONS
from knowledge.search.question import Question, split, understand
from knowledge.search.ranking import Candidate, Parameters, Ranking, parameters, rank
from knowledge.search.text import normalise
from knowledge.search.verdict import Match, Reason, Turn, Verdict
from zhifa_errors import UsageError

_MOST_CHOICES = 4
_REFERENCES = 3
_DUTIES = frozenset({"requirement", "task"})
_DEFAULT_SOURCE = "xzcf"
"""«33条» alone means 行政处罚法 to everybody in the trade."""


_WHOLE = NAMES.index("core_whole")
_OWN_PLACE = NAMES.index("own_place")


class Library:
    """The compiled content with its search. Safe to share between threads; never changes.

    Args:
        index: an opened index.
        fitted: parameters of the ranking; the tracked ones by default.
    """

    def __init__(self, index: Index, fitted: Parameters | None = None) -> None:
        self.index = index
        self.fitted = fitted or parameters()

    @classmethod
    def open(cls, into: Path, folders: Sequence[Path] = ()) -> "Library":
        """Compile what is not compiled yet and open it.

        Args:
            into: folder of index files.
            folders: content folders over the bundled one.

        Raises:
            ContentError: the content is not right.
            IndexUnavailable: the index cannot be written or read.
        """
        return cls(Index(build([BUNDLED, *folders], into)))

    @property
    def registers(self) -> Registers:
        """Sources, places and fields."""
        return self.index.registers

    def item(self, entry_id: str) -> Item:
        """An entry by id.

        Raises:
            KeyError: there is none.
        """
        return self.index.item(entry_id)

    def listing(self, offence_id: str, place: str, day: date) -> Listing:
        """Where an offence stands on the lists, seen from a place on a day."""
        items = map(self.item, self.index.of_offence(offence_id))
        return listing(items, self.registers.places.chain(place), day)

    def citations(self, entry_id: str, place: str, day: date) -> tuple[Citation, ...]:
        """What the answer of an entry rests on, for a person of that place on that day; what carries it first."""
        item = self.item(entry_id)
        listed = self.listing(entry_id, place, day) if isinstance(item.entry, Offence) else None
        return resting_on(item, listed, self.registers)

    def browse(self, kinds: Sequence[str], topics: Sequence[str] = ()) -> list[str]:
        """Ids of entries of some kinds, or of files of some topic, in the order of the content."""
        return self.index.browse(kinds, topics)

    def place(self, name: str) -> tuple[str, str | None]:
        """The held place a name stands for, and the name itself where it is a place that is not held.

        A place of China outside the content is answered from the nation's rules.

        Raises:
            UsageError: the name is no place.
        """
        if path := self.registers.places.find(name):
            return path, None
        parts = [part for part in name.split("/") if part]
        for length in range(len(parts) - 1, 0, -1):
            if path := self.registers.places.find("/".join(parts[:length])):
                return path, name
        if self.registers.places.is_elsewhere(name):
            return NATION, name
        known = "、".join(row for row in self.registers.places.by_path)
        raise UsageError(f"没有这个地区：{name}。本库收录：{known}。")

    def ask(self, text: str, place: str, day: date, previous: Turn | None = None) -> Verdict:
        """Answer a message, or say why not.

        Args:
            text: what a person typed, as it is.
            place: path of the place the person works in.
            day: the day whose law is asked for; it comes from the caller's clock.
            previous: the turn before, for messages that lean on it.

        Returns:
            The verdict; where the message held several questions, that of the first with all in `parts`.
        """
        clean = normalise(text.replace("\n", "。"))
        kept = previous or Turn()
        if not any(c.isalnum() for c in clean):
            return Verdict("unknown", place, day, reason="empty", turn=kept)
        if talk := self.index.lexicon.small_talk(clean):
            return Verdict("smalltalk", place, day, detail=talk, turn=kept)
        for refusal in self.index.lexicon.refusals:
            if refusal.matches(clean):
                return Verdict("refused", place, day, detail=refusal.why, turn=kept)
        verdicts: list[Verdict] = []
        parts = split(clean)
        for part in [p for p in parts if not self.index.lexicon.is_chatter(p)] or parts:
            verdict = self._one(part, place, day, kept)
            verdicts.append(verdict)
            kept = verdict.turn
        if len(verdicts) > 1:
            verdicts = self._settle(clean, verdicts, place, day, previous or Turn())
        first = verdicts[0]
        return replace(first, parts=tuple(verdicts), turn=verdicts[-1].turn) if len(verdicts) > 1 else first

    def _settle(self, clean: str, verdicts: list[Verdict], place: str, day: date, previous: Turn) -> list[Verdict]:
        """Parts that are no questions of their own belong to the others: a story stays one question."""
        found = [verdict for verdict in verdicts if verdict.status in {"answered", "choices"}]
        if len(found) == len(verdicts):
            return list({v.match.entry if v.match else str(n): v for n, v in enumerate(verdicts)}.values())
        whole = self._one(clean, place, day, previous)
        if whole.status == "answered" or not found:
            return [whole]
        return [next((v for v in found if v.status == "answered"), found[0])] if len(found) == 1 else found

    def _one(self, text: str, place: str, day: date, previous: Turn) -> Verdict:
        first: Verdict | None = None
        for reading in readings(text, previous, self.index):
            verdict = self._read(reading.text, place, day)
            if verdict.status == "answered":
                return verdict
            if first is None or (first.status == "unknown" and verdict.status == "choices"):
                first = verdict
        assert first is not None  # noqa: S101  (readings is never empty)
        return first

    def _read(self, text: str, place: str, day: date) -> Verdict:
        """The verdict on one complete question."""
        question = understand(text, self.index)
        base = Verdict("unknown", place, day, turn=Turn(question=text, place=place))
        if question.foreign:
            return replace(
                base,
                reason="place_not_held",
                detail=question.foreign[0],
                nearest=self._listed_in(question, question.foreign[0], base),
            )
        if question.places:
            base = replace(base, place=question.places[-1], asked_place=True)
        if question.references:
            return self._by_reference(question, base, text)
        ranking = rank(question, self.index, self.fitted, base.place)
        if "case" in question.intents:
            cases = self._decide(question, ranking.only(lambda c: self._kind(c) == "case"), base, text)
            if cases.status != "unknown":
                return cases
        return self._decide(question, ranking, base, text)

    def _listed_in(self, question: Question, foreign: str, base: Verdict) -> tuple[str, ...]:
        """Offences the question speaks of that are on a list of a place not held; to look at, never an answer."""
        ranking = rank(question, self.index, self.fitted, base.place)
        offences = (self._id(c) for c in ranking.candidates if self._kind(c) == "offence")
        listed = (
            offence
            for offence in offences
            if any(foreign in item.place for item in self.listing(offence, base.place, base.day).elsewhere)
        )
        return tuple(islice(listed, _REFERENCES))

    def _by_reference(self, question: Question, base: Verdict, text: str) -> Verdict:
        """A question that names an article: only entries that cite it may answer."""
        if stranger := next((r for r in question.references if r.stranger), None):
            article = f"第{stranger.article}条" if stranger.article else ""
            return replace(base, reason="article_not_held", detail=f"《{stranger.stranger}》{article}")
        cited = [reference.citation(_DEFAULT_SOURCE) for reference in question.references]
        for citation in cited:
            if citation.article is not None and self.registers.sources.fault(citation, base.day):
                source = self.registers.sources.by_id[citation.source]
                last = (self.registers.sources.version(source.id, base.day) or source.versions[-1]).articles
                named = self.registers.sources.show(citation)
                return replace(base, reason="no_such_article", detail=f"{named}|{source.short}|{last or ''}")
        wanted = cited[0]
        base = self._where_it_holds(wanted.source, base)
        turn = Turn(text, None, base.place, wanted.source, wanted.article)
        citing = self.index.citing(wanted.source, wanted.article, wanted.item)
        if wanted.article is None and not citing:
            ranking = rank(question, self.index, self.fitted, base.place)
            return self._decide(question, ranking, replace(base, turn=turn), text)
        full = replace(
            question,
            references=tuple(replace(r, source=c.source) for r, c in zip(question.references, cited, strict=True)),
        )
        ranking = rank(full, self.index, self.fitted, base.place).only(lambda candidate: candidate.n in citing)
        usable = self.usable(ranking, base.place, base.day)
        if not usable.candidates:
            return replace(base, reason="article_not_held", detail=self.registers.sources.show(wanted), turn=turn)
        exact = self._meant(usable.candidates, citing, wanted)
        gap = exact[0].score - exact[1].score if len(exact) > 1 else self.fitted.margin
        if len(exact) == 1 or (question.text and gap >= self.fitted.margin):
            return self._answer(exact[0], 1.0 if len(exact) == 1 else 0.9, base, text)
        matches = tuple(Match(self._id(c), 0.5) for c in exact[:_MOST_CHOICES])
        return replace(base, status="choices", choices=matches, score=0.5, turn=turn)

    def _meant(
        self, candidates: Sequence[Candidate], citing: Mapping[int, Sequence[Cited]], wanted: Citation
    ) -> Sequence[Candidate]:
        """Of the entries that cite an article those that were meant, step by step; a step nothing passes is skipped.

        First those it carries; then those it carries by just the paragraph or item; of a plan the measure itself,
        not what was written about it; of several those that are asked for by its number; rules before words.
        """
        number = f"{wanted.article}条"

        def exactly(c: Candidate) -> bool:
            parts = [(at.paragraph, at.item) for at in citing[c.n] if at.leads]
            return any(p == wanted.paragraph and wanted.item in {None, i} for p, i in parts)

        steps: list[Callable[[Candidate], bool]] = [lambda c: any(at.leads for at in citing[c.n])]
        steps += [exactly] if wanted.paragraph or wanted.item else []
        steps += [lambda c: self._kind(c) == "task"] if wanted.article is None else []
        steps += [
            lambda c: any(number in phrasing.text for phrasing in self.index.profile(c.n).phrasings),
            lambda c: self._kind(c) != "term",
        ]
        for step in steps:
            candidates = [c for c in candidates if step(c)] or candidates
        return candidates

    def _where_it_holds(self, source: str, base: Verdict) -> Verdict:
        """Who names a document of another place asks for that place."""
        place = self.registers.sources.by_id[source].place
        known = place in self.registers.places.by_path
        if not known or place in self.registers.places.chain(base.place) or base.asked_place:
            return base
        return replace(base, place=place, asked_place=True)

    def usable(self, ranking: Ranking, place: str, day: date) -> Ranking:
        """Only what may answer: it holds in the place or above it, on the day; comparisons only if asked for.

        A duty whose time is over stays, and is answered as over. A published case answers who asks for cases.
        """

        def holds(candidate: Candidate) -> bool:
            profile = self.index.profile(candidate.n)
            in_force = self.index.item(profile.id).entry.in_force
            lapsed = profile.kind in _DUTIES and in_force.until is not None and in_force.until < day
            return in_force.covers(day) or lapsed or profile.kind == "case"

        return self._fitting(ranking, place).only(holds)

    def _fitting(self, ranking: Ranking, place: str) -> Ranking:
        """Only what may answer this question in this place, at whatever time."""
        chain, question = self.registers.places.chain(place), ranking.question
        compares = question.compares or "difference" in question.intents

        def may(candidate: Candidate) -> bool:
            profile = self.index.profile(candidate.n)
            unasked = (profile.comparison and not compares) or (
                profile.kind == "case" and "case" not in question.intents
            )
            return profile.place in chain and not unasked

        return ranking.only(may)

    def _decide(self, question: Question, ranking: Ranking, base: Verdict, text: str) -> Verdict:
        usable = self.usable(ranking, base.place, base.day)
        probability = usable.probability(self.fitted)
        if entry := self._out_of_time(ranking, usable, base):
            span = f"{entry.title}|{entry.in_force.from_ or ''}|{entry.in_force.until or ''}"
            return replace(base, reason="not_in_force", detail=span, nearest=(entry.id,))
        elsewhere = self._only_elsewhere(ranking, usable, base)
        if probability >= self.fitted.answer_from and not elsewhere:
            return self._answer(usable.candidates[0], probability, base, text)
        base = replace(base, nearest=self._nearest(usable), score=probability)
        if elsewhere:
            return replace(base, reason="local_matter", detail=base.place)
        near = self._near(usable)
        if probability >= self.fitted.choices_from and len(near) > 1:
            return replace(
                base,
                status="choices",
                choices=tuple(Match(self._id(c), probability) for c in near[:_MOST_CHOICES]),
                nearest=(),
            )
        reason_code: Reason = "unsure" if probability >= self.fitted.choices_from / 2 else "nothing_near"
        return replace(base, reason=reason_code)

    def _near(self, ranking: Ranking) -> list[Candidate]:
        """What is offered beside the best: all that is close to it, or else the next one."""
        if not ranking.candidates:
            return []
        floor = ranking.candidates[0].score - 2 * self.fitted.margin
        near = [candidate for candidate in ranking.candidates if candidate.score >= floor]
        return near if len(near) > 1 else list(ranking.candidates[:2])

    def ahead_elsewhere(self, ranking: Ranking, usable: Ranking, place: str) -> tuple[float, Candidate] | None:
        """By how much (in score, apart from being local) the best rule of another place fits better than any here.

        Returns:
            The lead, negative where it fits worse, and that rule; None where there is nothing to compare.
        """
        chain = self.registers.places.chain(place)
        foreign = [c for c in ranking.candidates if self.index.profile(c.n).place not in chain]
        if not foreign:
            return None
        best = max(foreign, key=self._apart_from_place)
        nearest = max(map(self._apart_from_place, usable.candidates), default=0.0)
        return self._apart_from_place(best) - nearest, best

    def _only_elsewhere(self, ranking: Ranking, usable: Ranking, base: Verdict) -> bool:
        """Whether another place has a rule that fits clearly better than any that holds here."""
        found = self.ahead_elsewhere(ranking, usable, base.place)
        if found is None or found[0] < self.fitted.elsewhere:
            return False
        return ranking.only(lambda c: c.n == found[1].n).probability(self.fitted) >= self.fitted.answer_from

    def _apart_from_place(self, candidate: Candidate) -> float:
        """The score without what it owes to being a local rule."""
        return candidate.score - self.fitted.rank["own_place"] * candidate.row[_OWN_PLACE]

    def _out_of_time(self, ranking: Ranking, usable: Ranking, base: Verdict) -> AnyEntry | None:
        """The entry of this place that would answer at another day, and fits clearly better than what holds now."""
        here = self._fitting(ranking, base.place)
        if not here.candidates or here.probability(self.fitted) < self.fitted.answer_from:
            return None
        best = here.candidates[0]
        if usable.candidates and best.score < usable.candidates[0].score + self.fitted.margin:
            return None
        return self.item(self._id(best)).entry

    def _nearest(self, ranking: Ranking) -> tuple[str, ...]:
        return tuple(self._id(candidate) for candidate in ranking.candidates[:3] if candidate.row[_WHOLE] > 0.25)

    def _kind(self, candidate: Candidate) -> str:
        return self.index.profile(candidate.n).kind

    def _id(self, candidate: Candidate) -> str:
        return self.index.profile(candidate.n).id

    def _only_of_the_nation(self, item: Item, base: Verdict) -> bool:
        """Whether a place was asked for by name and only the nation's rule is held; an offence says that itself."""
        says_it = isinstance(item.entry, Offence) or item.topic == COMPARISONS
        return base.asked_place and item.place == NATION and base.place != NATION and not says_it

    def _answer(self, candidate: Candidate, probability: float, base: Verdict, text: str) -> Verdict:
        entry_id = self._id(candidate)
        item = self.item(entry_id)
        lead = item.cites[0] if item.cites else None
        return replace(
            base,
            status="answered",
            match=Match(entry_id, probability),
            score=probability,
            national_only=self._only_of_the_nation(item, base),
            turn=Turn(text, entry_id, base.place, lead.source if lead else None, lead.article if lead else None),
        )
