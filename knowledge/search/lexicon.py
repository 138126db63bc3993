"""The words of the trade as the search uses them, read from `lexicon.yaml`."""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ValidationError

from knowledge.catalogue.model import Model
from knowledge.catalogue.strict_yaml import YamlProblem, parse, read_text
from knowledge.search.text import normalise
from zhifa_errors import ContentError

_LEAST = 2
"""Characters that something said must have."""
PATH = Path(__file__).with_name("lexicon.yaml")


def _words(value: object) -> object:
    return tuple(str(word) for word in value) if isinstance(value, list) else value


def _groups(value: object) -> object:
    return tuple(_words(group) for group in value) if isinstance(value, list) else value


def _rows(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class Refusal(Model):
    """A kind of question that is refused: every group of `all` is met and no word of `unless` stands in it."""

    why: str
    all: Annotated[tuple[Words, ...], BeforeValidator(_groups)]
    unless: Words = ()

    def matches(self, text: str) -> bool:
        """Whether the normalised text asks for this."""
        return all(any(word in text for word in group) for group in self.all) and not any(
            word in text for word in self.unless
        )


class FollowUp(Model):
    """Words by which a message leans on the one before, or says that it does not."""

    lead: Words
    tail: Words
    fresh: Words


class Lexicon(Model):
    """Concepts with their spellings, kinds of question, chatter, small talk and refusals."""

    concepts: dict[str, Words]
    aspects: Words
    intents: dict[str, Words]
    generic: Words
    fillers: Words
    handling: Words
    comparing: Words
    chatter: Words
    smalltalk: dict[str, Words]
    refusals: Annotated[tuple[Refusal, ...], BeforeValidator(_rows)]
    follow_up: FollowUp

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Every spelling of every concept, normalised, to the concept's name."""
        return {normalise(word): name for name, words in self.concepts.items() for word in (name, *words)}

    def subjects_in(self, text: str) -> frozenset[str]:
        """The concepts of a text that can be a subject on their own."""
        return self.concepts_in(text) - set(self.aspects)

    @cached_property
    def _by_first(self) -> dict[str, list[str]]:
        table: dict[str, list[str]] = defaultdict(list)
        for spelling in sorted(self.spellings, key=len, reverse=True):
            table[spelling[0]].append(spelling)
        return dict(table)

    def spans(self, text: str) -> Iterator[tuple[int, str]]:
        """Spellings found in a normalised text as (position, spelling), the longest at each place."""
        at = 0
        while at < len(text):
            for spelling in self._by_first.get(text[at], ()):
                if text.startswith(spelling, at):
                    yield at, spelling
                    at += len(spelling)
                    break
            else:
                at += 1

    def concepts_in(self, text: str) -> frozenset[str]:
        """Names of the concepts a normalised text speaks of."""
        return frozenset(self.spellings[spelling] for _, spelling in self.spans(text))

    def intents_in(self, text: str) -> frozenset[str]:
        """Kinds of question (how long, who, may one …) a normalised text asks."""
        return frozenset(name for name, words in self.intents.items() if any(word in text for word in words))

    @cached_property
    def _hollow(self) -> re.Pattern[str]:
        words = {normalise(word) for group in (self.fillers, *self.intents.values()) for word in group}
        return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))

    def core(self, text: str) -> str:
        """A normalised text without the words that only make it a question; the text itself if nothing is left."""
        rest = self._hollow.sub(" ", text)
        return rest if any(c.isalnum() for c in rest) else text

    @cached_property
    def _handling(self) -> re.Pattern[str]:
        words = {normalise(word) for name in self.handling for word in (name, *self.concepts.get(name, ()))}
        return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))

    def conduct(self, text: str) -> str:
        """A normalised text without what may be asked about any violation; empty where nothing else is said."""
        rest = " ".join(self._handling.sub(" ", text).split())
        return rest if sum(c.isalnum() for c in self._hollow.sub(" ", rest)) >= _LEAST else ""

    @cached_property
    def _chatter_longest_first(self) -> list[str]:
        return sorted((normalise(word) for word in self.chatter), key=len, reverse=True)

    def _stripped(self, text: str) -> str:
        for word in self._chatter_longest_first:
            text = text.replace(word, " ")
        return " ".join(text.split())

    def without_chatter(self, text: str) -> str:
        """A normalised text without politeness; never shortened to nothing."""
        rest = self._stripped(text)
        return rest if any(c.isalnum() for c in rest) else text

    def is_chatter(self, text: str) -> bool:
        """Whether a part of a message is only politeness («谢谢啦») and asks nothing."""
        return sum(c.isalnum() for c in self._stripped(text)) < _LEAST

    @cached_property
    def _small_talk_longest_first(self) -> list[tuple[str, str]]:
        kinds = {normalise(word): kind for kind, words in self.smalltalk.items() for word in words}
        return sorted(kinds.items(), key=lambda row: len(row[0]), reverse=True)

    @cached_property
    def _generic_longest_first(self) -> list[str]:
        return sorted(map(normalise, self.generic), key=len, reverse=True)

    def without_generic(self, text: str) -> str:
        """A normalised text without the words that ask for an article as such."""
        for word in self._generic_longest_first:
            text = text.replace(word, " ")
        return text

    def small_talk(self, text: str) -> str | None:
        """The kind of small talk a message is made of, if it is nothing else."""
        rest, found = text, ""
        for word, kind in self._small_talk_longest_first:
            if word in rest:
                found = found or kind
                rest = rest.replace(word, " ")
        left = "".join(c for c in rest if c.isalnum() and c not in "您你呀啊哈啦了吧呢嘛哦的很真太我")
        return found if found and not left else None


def read_lexicon(path: Path = PATH) -> Lexicon:
    """Read and check the lexicon.

    Raises:
        ContentError: with `file:line: message`.
    """
    try:
        data, lines = parse(read_text(path))
        return Lexicon.model_validate(data)
    except YamlProblem as problem:
        raise ContentError([f"{path}:{problem.line}: {problem.message}"]) from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = fault["loc"]
        while where and where not in lines:
            where = where[:-1]
        raise ContentError([f"{path}:{lines.get(where, 1)}: {fault['msg']}"]) from None
