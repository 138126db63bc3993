"""Understanding one question: what it speaks of, asks, cites, and where it is about."""

import re
from dataclasses import dataclass, replace

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.numerals import CHINESE_NUMBER, to_int
from knowledge.search.index import Index
from knowledge.search.pinyin import key
from knowledge.search.text import bigrams, characters, runs

_NUMBER = rf"(\d{{1,4}}|{CHINESE_NUMBER})"
_REFERENCE = re.compile(
    rf"第?{_NUMBER}条(?:之一)?(?:,?第?{_NUMBER}款)?(?:,?第?[(（]?{_NUMBER}[)）]?项)?"
    rf"|第{_NUMBER}款(?:,?第?[(（]?{_NUMBER}[)）]?项)?"
    rf"|第[(（]?{_NUMBER}[)）]?项"
)
_NAME_OF_A_LAW = re.compile(r"([\u4e00-\u9fff]{1,24}(?:法|法典|条例|规定|办法|细则|规则|解释))》?的?$")
"""What reads like the name of a statute, right before «第N条»."""
_LED_IN_BY = re.compile(r"^.*(?:按照|按|依据|依照|根据|请问|想问|查|看|问|里的)")
_THIS_ONE = re.compile(
    r"(?:这|那|该|本|此|上述|同|新|老|旧|有关|相关)?[部个一项]?(?:法|法典|条例|规定|办法|细则|规则|解释|法律规定)"
    r"|.?[执违合依司方无想看用说做处罚]法"
)
_PARTS = re.compile(r"[?!;。；\n]+|,?(?:另外再?问?一?下?|还想问一?下?|再问一?下?|顺便问一?下?),?")
_SUBSTANCE = 3
_LONGEST_SPOKEN = 8
_A_WORD = 4
"""A pair that stands in this many entries is (part of) a word, not two that happened to meet."""
_COMMON = 30
"""A pair that stands in one entry only may still be misheard, if what it sounds like stands in this many."""


@dataclass(frozen=True)
class Reference:
    """«33条第二款» as read; what was not said is None."""

    source: str | None
    article: int | None
    paragraph: int | None
    item: str | None
    stranger: str = ""
    """The statute it names, where the register does not know it."""

    def citation(self, default_source: str) -> Citation:
        """The reference as a citation, of the default source where none is named."""
        return Citation(self.source or default_source, self.article, self.paragraph, self.item)


@dataclass(frozen=True)
class Question:
    """A question in comparable pieces.

    `text` is what is searched for: normalised, without chatter, places and article numbers. `places` are
    held places it names, `foreign` names of places the content does not hold.
    """

    text: str
    bigrams: frozenset[str]
    characters: frozenset[str]
    core: frozenset[str]
    concepts: frozenset[str]
    intents: frozenset[str]
    references: tuple[Reference, ...] = ()
    sources: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()
    compares: bool = False
    """Whether it asks how places differ."""
    conduct: "Question | None" = None
    """What is left of it as the name of a violation, without the words that ask what becomes of it."""
    corrected: bool = False


def split(text: str) -> list[str]:
    """The questions a normalised message holds, in order; a story with one question stays whole."""
    parts = [part.strip(" ,.") for part in _PARTS.split(text) if part]
    parts = [part for part in parts if sum(c.isalnum() for c in part) >= _SUBSTANCE]
    return parts[:4] if parts else [text]


def understand(text: str, index: Index) -> Question:
    """Read one normalised question."""
    registers, lexicon = index.registers, index.lexicon

    def known(pair: str) -> bool:
        return index.frequency(pair) >= _A_WORD

    places, foreign, _ = registers.places.mentioned(text, known)
    references, sources, rest = _references(text, index)  # first: a place may be part of a statute's name
    rest = registers.places.mentioned(rest, known)[2]
    if references:
        rest = lexicon.without_generic(rest)
    rest = lexicon.without_chatter(rest) if any(c.isalnum() for c in rest) else ""
    question = _pieces(rest, index)
    spelled = _respell(rest, index)
    if spelled != rest:
        question = replace(_pieces(spelled, index), corrected=True)
    return replace(
        question,
        conduct=_pieces(lexicon.conduct(question.text), index),
        references=references,
        sources=sources,
        places=places,
        foreign=foreign,
        fields=registers.domains.mentioned(text),
        compares=len(places) > 1 or any(word in text for word in lexicon.comparing),
    )


def _pieces(text: str, index: Index) -> Question:
    return Question(
        text,
        frozenset(bigrams(text)),
        frozenset(characters(index.lexicon.core(text))),
        frozenset(bigrams(index.lexicon.core(text))),
        index.lexicon.concepts_in(text),
        index.lexicon.intents_in(text),
    )


def _references(text: str, index: Index) -> tuple[tuple[Reference, ...], tuple[str, ...], str]:
    """Article references and named sources of a text, and the text without the references."""
    names = index.registers.sources
    named = [(match.start(), match.end(), names.names[match[0]]) for match in names.name_pattern.finditer(text)]
    found: list[Reference] = []
    taken: set[tuple[int, int]] = set()
    for match in _REFERENCE.finditer(text):
        groups = [None if group is None else to_int(group) for group in match.groups()]
        article = groups[0]
        paragraph = groups[1] if groups[1] is not None else groups[3]
        item = next((n for n in (groups[2], groups[4], groups[5]) if n is not None), None)
        before = [row for row in named if row[1] <= match.start() and match.start() - row[1] <= 4]
        source = before[-1][2] if before else None
        taken.update(row[:2] for row in before)
        stranger = "" if source else _stranger(text[: match.start()])
        found.append(Reference(source, article, paragraph, None if item is None else str(item), stranger))
    rest = _REFERENCE.sub(" ", text) if found else text
    if found:
        for start, end in sorted(taken, reverse=True):
            rest = rest.replace(text[start:end], " ")
    return tuple(found), tuple(dict.fromkeys(row[2] for row in named)), rest


def _stranger(before: str) -> str:
    """The name of a statute that a text ends with, empty where it only says «this statute» or names none."""
    match = _NAME_OF_A_LAW.search(before)
    name = _LED_IN_BY.sub("", match[1]) if match else ""
    return "" if _THIS_ONE.fullmatch(name) else name


def _respell(text: str, index: Index) -> str:
    """Put right what voice input got wrong: runs no entry knows that sound like words it does.

    Only pairs of characters that the content hardly knows are touched («停证» becomes «听证»).
    """
    result = text
    for run in runs(text):
        if not run[0].isascii() and len(run) > 1:
            spelled = _respell_run(run, index)
            if spelled != run:
                result = result.replace(run, spelled)
    return result


def _respell_run(run: str, index: Index) -> str:
    stands = [index.frequency(run[n : n + 2]) for n in range(len(run) - 1)]
    unknown = [count <= 1 for count in stands]
    if not any(unknown):
        return run
    letters, done = list(run), [False] * len(run)
    for length in range(min(_LONGEST_SPOKEN, len(run)), 1, -1):
        for at in range(len(run) - length + 1):
            if any(done[at : at + length]) or not any(unknown[at : at + length - 1]):
                continue
            if length == 2 and 0 < at < len(run) - 2 and not unknown[at - 1] and not unknown[at + 1]:
                continue  # where two known words meet: «面包|头一回»
            word = index.spoken.get(key(run[at : at + length], index.syllables))
            if not word or len(word) != length:
                continue
            if 0 in stands[at : at + length - 1] or index.frequency(word[:2]) >= _COMMON:
                letters[at : at + length] = word
                done[at : at + length] = [True] * length
    return "".join(letters)
