"""Pace: how fast one may type, and how fast the program may send. By the monotonic clock, which is passed in."""

from collections import deque
from dataclasses import dataclass

_UNEVEN = 0.05
_ONE = 1 - 1e-6
"""A token, in spite of rounding."""


@dataclass
class Bucket:
    """Tokens that come back with time.

    Args:
        size: how many there are at most, and at the beginning.
        refill: how many come back in a second.
    """

    size: float
    refill: float
    tokens: float
    at: float

    @classmethod
    def full(cls, size: float, refill: float, now: float) -> "Bucket":
        """A full bucket."""
        return cls(size, refill, size, now)

    def take(self, now: float) -> bool:
        """Take a token; False where there is none."""
        self._fill(now)
        if self.tokens < _ONE:
            return False
        self.tokens -= 1
        return True

    def _fill(self, now: float) -> None:
        self.tokens = min(self.size, self.tokens + max(0.0, now - self.at) * self.refill)
        self.at = max(self.at, now)


class Typing:
    """How many typed messages one person may send: 20 a minute, 10 at once (docs/settings.md)."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._told: dict[str, float] = {}

    def may(self, chat: str, now: float) -> bool:
        """Whether one more message of a chat may come now."""
        if len(self._buckets) > 10_000:
            self._buckets.clear()
            self._told.clear()
        return self._buckets.setdefault(chat, Bucket.full(10, 20 / 60, now)).take(now)

    def may_tell(self, chat: str, now: float) -> bool:
        """Whether a chat may be asked to slow down (once a minute)."""
        if now - self._told.get(chat, float("-inf")) < 60:
            return False
        self._told[chat] = now
        return True


class Window:
    """At most so many in any stretch of so many seconds.

    Args:
        most: how many.
        seconds: how long a stretch is; a little longer than the provider's, since calls arrive less evenly
            than they begin.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._seconds = seconds + _UNEVEN
        self._times: deque[float] = deque(maxlen=most)

    def ready_at(self, now: float) -> float:
        """The instant from which one more fits."""
        full = len(self._times) == self._times.maxlen
        return max(now, self._times[0] + self._seconds) if full else now

    def take(self, now: float) -> None:
        """Count one."""
        self._times.append(now)

    def empty(self, now: float) -> bool:
        """Whether all that was counted lies further back."""
        return not self._times or self._times[-1] + self._seconds <= now


@dataclass(frozen=True)
class Limits:
    """What a channel bears, as numbers of messages in stretches of seconds.

    Attributes:
        overall: in any second.
        chat: in one chat; Telegram wants about one a second and bears short bursts.
        group: in one group; Telegram's limit is 20 a minute.
    """

    overall: int = 30
    chat: tuple[int, float] = (5, 5.0)
    group: tuple[int, float] = (20, 60.0)


class Sending:
    """When the next message may go: overall, in one chat, and not before the end of a halt.

    A halt is a deadline and only ever moves later; an event that something else could set would open
    the gate too early.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._overall = Window(limits.overall, 1.0)
        self._chats: dict[str, Window] = {}
        self.halted_until = now

    def halt(self, until: float) -> None:
        """Let nothing go before an instant."""
        self.halted_until = max(self.halted_until, until)

    def ready_at(self, now: float) -> float:
        """The instant at which the channel as a whole bears one more message."""
        return max(self.halted_until, self._overall.ready_at(now))

    def resting(self, now: float) -> dict[str, float]:
        """Chats that get nothing now, and until when."""
        self._chats = {chat: window for chat, window in self._chats.items() if not window.empty(now)}
        ready = {chat: window.ready_at(now) for chat, window in self._chats.items()}
        return {chat: until for chat, until in ready.items() if until > now}

    def sent(self, chat: str, *, group: bool, now: float) -> None:
        """Count a message to a chat."""
        if chat not in self._chats:
            self._chats[chat] = Window(*(self._limits.group if group else self._limits.chat))
        self._chats[chat].take(now)
        self._overall.take(now)
