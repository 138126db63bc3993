"""Pace: how fast one may type, and how fast the program may send. By the monotonic clock, which is passed in."""

from dataclasses import dataclass

_ONE = 1 - 1e-9
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

    def ready_at(self, now: float) -> float:
        """The instant at which there is a token."""
        self._fill(now)
        return now if self.tokens >= _ONE else now + (1 - self.tokens) / self.refill

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


@dataclass(frozen=True)
class Limits:
    """What a channel bears.

    Attributes:
        overall: messages a second in all.
        chat: messages at once in one chat, and a second after that.
        group: the same for a group (Telegram: 20 a minute).
    """

    overall: float = 30
    chat: tuple[float, float] = (5, 1)
    group: tuple[float, float] = (5, 20 / 60)


class Sending:
    """When the next message may go: overall, in one chat, and not before the end of a halt.

    A halt is a deadline and only ever moves later; an event that something else could set would open
    the gate too early.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._overall = Bucket.full(min(5.0, limits.overall), limits.overall, now)
        self._chats: dict[str, Bucket] = {}
        self.halted_until = now

    def halt(self, until: float) -> None:
        """Let nothing go before an instant."""
        self.halted_until = max(self.halted_until, until)

    def ready_at(self, now: float) -> float:
        """The instant at which the channel as a whole bears one more message."""
        return max(self.halted_until, self._overall.ready_at(now))

    def resting(self, now: float) -> dict[str, float]:
        """Chats that get nothing now, and until when."""
        waiting = {}
        for chat, bucket in list(self._chats.items()):
            ready = bucket.ready_at(now)
            if ready > now:
                waiting[chat] = ready
            elif bucket.tokens >= bucket.size:
                del self._chats[chat]
        return waiting

    def sent(self, chat: str, *, group: bool, now: float) -> None:
        """Count a message to a chat."""
        size, refill = self._limits.group if group else self._limits.chat
        self._chats.setdefault(chat, Bucket.full(size, refill, now)).take(now)
        self._overall.take(now)
