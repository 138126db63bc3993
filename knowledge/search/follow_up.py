"""Reading a message that leans on the one before: «那听证呢», «几天», «邢台的呢», «第二款呢».

Pure: from the message and the previous turn, the texts to try, the most likely first.
"""

from dataclasses import dataclass

from knowledge.search.index import Index
from knowledge.search.question import understand
from knowledge.search.text import normalise
from knowledge.search.verdict import Turn

_SHORT = 8
_MEDIUM = 14


@dataclass(frozen=True)
class Reading:
    """One way to read a message: the full question it stands for."""

    text: str
    leans: bool
    """Whether the reading uses the previous turn."""


def readings(text: str, previous: Turn | None, index: Index) -> tuple[Reading, ...]:
    """Ways to read a normalised message, the most likely first.

    Args:
        previous: the turn before, if any.
    """
    alone = Reading(text, False)
    marks = index.lexicon.follow_up
    if previous is None or not previous.question:
        return (alone,)
    if any(text.startswith(normalise(word)) for word in marks.fresh):
        return (alone,)
    bare, led = _bare(text, index)
    question = understand(bare, index)
    asked_before = understand(previous.question, index)
    length = sum(c.isalnum() for c in question.text)
    if question.references and not question.sources and previous.source:
        return (Reading(_with_source(bare, previous, index), True), alone)
    if (question.places or question.foreign) and length <= 1:
        place = (question.places or question.foreign)[-1]
        return (Reading(f"{place} {asked_before.text}", True),)
    joined = Reading(f"{_topic(previous, index)} {bare}", True)
    new_subject = bool(index.lexicon.subjects_in(question.text))
    if new_subject and led and length <= _MEDIUM:
        swapped = Reading(f"{bare} {_frame(asked_before.text, index)}".strip(), True)
        return (swapped, joined, Reading(bare, False))
    if new_subject or length > _MEDIUM:
        return (alone,)
    whole = Reading(f"{_topic(previous, index, aspects=True)} {bare}", True)
    return (joined, whole, alone) if led or length <= _SHORT else (alone, joined)


def _bare(text: str, index: Index) -> tuple[str, bool]:
    marks = index.lexicon.follow_up
    bare, led = index.lexicon.without_chatter(text).strip(" ?,.!"), False
    for word in sorted(marks.lead, key=len, reverse=True):
        if bare.startswith(word) and len(bare) > len(word):
            bare, led = bare[len(word) :].lstrip(" ,"), True
            break
    for word in marks.tail:
        if bare.endswith(word) and len(bare) > len(word):
            bare, led = bare.removesuffix(word).removesuffix("的"), True
    return bare, led


def _with_source(text: str, previous: Turn, index: Index) -> str:
    source = index.registers.sources.by_id[previous.source or ""]
    article = "" if "条" in text or previous.article is None else f"第{previous.article}条"
    return f"{source.short}{article}{text}"


def _topic(previous: Turn, index: Index, *, aspects: bool = False) -> str:
    """What the previous turn was about, in a few words; with `aspects`, also which side of it."""
    lexicon = index.lexicon
    if lexicon.subjects_in(previous.question):
        words = [
            s for _, s in lexicon.spans(previous.question) if aspects or lexicon.spellings[s] not in lexicon.aspects
        ]
        return " ".join(dict.fromkeys(words))
    if previous.entry is not None:
        return normalise(index.item(previous.entry).entry.title)
    return previous.question


def _frame(text: str, index: Index) -> str:
    """The previous question without its subject: «听证要几天内申请» leaves «要几天内申请»."""
    rest = text
    for _, spelling in index.lexicon.spans(text):
        rest = rest.replace(spelling, " ", 1)
    return " ".join(rest.split())
