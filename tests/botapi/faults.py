"""Faults on purpose: what the played Telegram may do to a call instead of simply answering it."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from tests.botapi.rules import words

OUTGOING = words(
    """sendMessage editMessageText editMessageReplyMarkup deleteMessage answerCallbackQuery answerInlineQuery
    sendChatAction sendDocument sendPhoto"""
)
"""The methods that random faults strike unless told otherwise."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: as it is written in `Call.fault`.
        status: HTTP status of the answer; None for no answer at all (the connection is dropped), 200 for the
            true answer, only later.
        after: whether the call takes effect first, so that only its confirmation is lost.
        retry_after: seconds named in a 429.
        delay: seconds the call waits before anything else happens.
    """

    name: str
    status: int | None
    after: bool = False
    retry_after: int = 0
    delay: float = 0.0


def too_many(retry_after: int = 1) -> Fault:
    """429 with `retry_after` seconds."""
    return Fault("429", 429, retry_after=retry_after)


def error(status: int = 500, *, after: bool = False) -> Fault:
    """A server error, before or after the effect."""
    return Fault(f"{status}-after" if after else str(status), status, after)


def drop(*, after: bool = False) -> Fault:
    """The connection closes without an answer, before or after the effect."""
    return Fault("drop-after" if after else "drop", None, after)


def slow(seconds: float) -> Fault:
    """The right answer, but only after some seconds."""
    return Fault("slow", 200, delay=seconds)


@dataclass
class _Planned:
    method: str | None
    fault: Fault
    times: int
    when: Callable[[Any], bool]


class Faults:
    """Which calls go wrong: a seeded lottery, and faults planned for the next calls.

    Args:
        seed: of the lottery; the same calls in the same order meet the same faults.
        methods: which methods take part in the lottery.
        too_many: probability of a 429, with a `retry_after` of whole seconds from the range given.
        error_before: probability of 500 or 502 without effect.
        error_after: probability of 502 after the effect.
        drop_before: probability of a connection dropped without effect.
        drop_after: probability of a connection dropped after the effect.
        slow: probability of a late answer, by seconds from the range `delay`.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        methods: Collection[str] = OUTGOING,
        too_many: float = 0.0,
        retry_after: tuple[int, int] = (1, 2),
        error_before: float = 0.0,
        error_after: float = 0.0,
        drop_before: float = 0.0,
        drop_after: float = 0.0,
        slow: float = 0.0,
        delay: tuple[float, float] = (0.05, 0.3),
    ) -> None:
        self._random = random.Random(seed)
        self.methods = frozenset(methods)
        self.retry_after = retry_after
        self.delay = delay
        self._chances = [
            (too_many, self._too_many),
            (error_before, lambda: error(self._random.choice((500, 502)))),
            (error_after, lambda: error(502, after=True)),
            (drop_before, drop),
            (drop_after, lambda: drop(after=True)),
            (slow, self._slow),
        ]
        self._planned: list[_Planned] = []

    def _too_many(self) -> Fault:
        return too_many(self._random.randint(*self.retry_after))

    def _slow(self) -> Fault:
        return Fault("slow", 200, delay=self._random.uniform(*self.delay))

    def plan(self, method: str | None, fault: Fault, times: int, when: Callable[[Any], bool]) -> None:
        """Let the next `times` calls of a method (None for any outgoing one) that fit `when` meet a fault."""
        self._planned.append(_Planned(method, fault, times, when))

    def take_over(self, earlier: "Faults") -> None:
        """Keep what was planned before this lottery came into force."""
        self._planned.extend(earlier._planned)

    def meet(self, call: Any) -> Fault | None:
        """The fault that this call meets, if any."""
        for planned in self._planned:
            wanted = call.method in OUTGOING if planned.method is None else call.method == planned.method
            if wanted and planned.when(call):
                planned.times -= 1
                if planned.times == 0:
                    self._planned.remove(planned)
                return planned.fault
        if call.method not in self.methods:
            return None
        lot = self._random.random()
        for chance, make in self._chances:
            if lot < chance:
                return make()
            lot -= chance
        return None
