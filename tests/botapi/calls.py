"""The record of the calls the bot made, and the limits on how many it may make."""

import math
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from tests.botapi.methods import Params


@dataclass(eq=False)
class Call:
    """One call of the bot.

    Attributes:
        params: as the bot gave them, with their real types where the call was well-formed.
        chat: the chat it was for, or None.
        started: when its request was read, `time.monotonic` seconds; `ended` when it was answered or dropped.
        status: HTTP status answered, 0 for a dropped connection, None while it runs.
        description: Telegram's complaint, None where there was none.
        message_id: of the message it sent or changed, also where the confirmation was lost.
        fault: the name of the fault it met, or None.
    """

    method: str
    params: Params
    started: float
    chat: int | str | None = None
    ended: float | None = None
    status: int | None = None
    description: str | None = None
    message_id: int | None = None
    fault: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the bot was told that it succeeded."""
        return self.status == 200

    @property
    def outcome(self) -> str:
        """In words: "ok", "running", "dropped", or Telegram's description."""
        if self.status is None:
            return "running"
        return {200: "ok", 0: "dropped"}.get(self.status, self.description or str(self.status))


@dataclass(frozen=True)
class TooEarly:
    """A call made although Telegram had asked to wait.

    Attributes:
        early_by: seconds that were left of the `retry_after`.
        since_answer: seconds since the 429 was answered.
    """

    call: Call
    early_by: float
    since_answer: float


@dataclass
class Limits:
    """How much Telegram takes.

    Args:
        overall: messages per second to all chats.
        per_chat: messages per second to one private chat, on average; `burst` of them at once.
        per_group: messages per minute to one group.
        enforced: whether more are answered 429; otherwise they are only counted in `over`.
        query_lifetime: seconds within which a pressed button can be answered.
        grace: seconds after a 429 in which calls for something else count as already under way.
    """

    overall: int = 30
    per_chat: float = 1.0
    burst: int = 5
    per_group: int = 20
    enforced: bool = False
    query_lifetime: float = 60.0
    grace: float = 0.1
    over: Counter[str] = field(default_factory=Counter)


class Meter:
    """Counts messages against the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all: deque[float] = deque()
        self._groups: dict[int, deque[float]] = {}
        self._people: dict[int, tuple[float, float]] = {}

    def wait_for(self, chat_id: int, now: float) -> int:
        """Whole seconds the caller has to wait, 0 if the message may go; then it is counted."""
        waits = {
            "overall": _window(self._all, now, 1.0, self._limits.overall),
            "chat": self._group(chat_id, now) if chat_id < 0 else self._person(chat_id, now),
        }
        over = [name for name, wait in waits.items() if wait > 0]
        self._limits.over.update(over)
        if over and self._limits.enforced:
            return math.ceil(max(waits.values()))
        self._count(chat_id, now)
        return 0

    def _group(self, chat_id: int, now: float) -> float:
        return _window(self._groups.setdefault(chat_id, deque()), now, 60.0, self._limits.per_group)

    def _person(self, chat_id: int, now: float) -> float:
        tokens = self._tokens(chat_id, now)
        return 0.0 if tokens >= 1 else (1 - tokens) / self._limits.per_chat

    def _tokens(self, chat_id: int, now: float) -> float:
        left, since = self._people.get(chat_id, (float(self._limits.burst), now))
        return min(self._limits.burst, left + (now - since) * self._limits.per_chat)

    def _count(self, chat_id: int, now: float) -> None:
        self._all.append(now)
        if chat_id < 0:
            self._groups[chat_id].append(now)
        else:
            self._people[chat_id] = (max(0.0, self._tokens(chat_id, now) - 1), now)


def _window(times: deque[float], now: float, length: float, most: int) -> float:
    """Seconds until one more fits into a sliding window."""
    while times and times[0] <= now - length:
        times.popleft()
    return 0.0 if len(times) < most else times[len(times) - most] + length - now


class Halts:
    """Watches that nothing is sent before the end of a `retry_after`, in any chat.

    Args:
        limits: of which the grace matters here.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._refused: deque[tuple[float, float, str, Params]] = deque()
        self.too_early: list[TooEarly] = []

    def begin(self, call: Call, retry_after: int) -> None:
        """A 429 was answered just now."""
        now = time.monotonic()
        self._refused.append((now, now + retry_after, call.method, call.params))

    def watch(self, call: Call) -> None:
        """Note a call that starts too early; one of before the 429 was answered does not."""
        if not call.method.startswith(("send", "edit")) or not self._refused:
            return
        while self._refused and self._refused[0][1] <= call.started:
            self._refused.popleft()
        for answered, until, method, params in self._refused:
            since, early_by = call.started - answered, until - call.started
            again = (method, params) == (call.method, call.params)
            if since > 0 and early_by > 0 and (again or since > self._limits.grace):
                self.too_early.append(TooEarly(call, early_by, since))
                return
