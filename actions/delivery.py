"""Getting messages to people: what is sent next, and what becomes of it.

At least once, and every repeat is marked as one: Telegram has no idempotency key, so a call whose end
nobody saw is an explicit `unknown`, sent again with a mark at most three times and then put before a
human. Duplicates are bounded by one per kill and concurrent call.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.message import Reply, mark_again
from actions.transaction import Tx
from store import channels, leases, outbox

MOST_DOUBTS = 3
"""How often a message is sent again after nobody learned whether it was taken."""

_PAUSES = (timedelta(seconds=2), timedelta(seconds=10), timedelta(seconds=60))
"""Before each of these: a program that dies again and again must not use them up."""

LONGEST_PAUSE = timedelta(hours=24)
"""No provider's word halts a channel for longer."""


@dataclass(frozen=True)
class Call:
    """A message whose call may begin now; committed as begun.

    Attributes:
        op: `send`, `edit` or `delete`.
        target_id: for an edit, what the provider calls the message it replaces.
        quotes: what the provider calls the message it answers, in a group.
    """

    message: outbox.Message
    op: str
    address: str
    reply: Reply
    target_id: str | None
    quotes: str | None


@dataclass(frozen=True)
class Sent:
    """The provider took it."""

    provider_id: str | None = None


@dataclass(frozen=True)
class Unreachable:
    """The chat cannot be written to: blocked, gone, never started."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """The provider will never take it as it is: a defect of this program."""

    reason: str


@dataclass(frozen=True)
class NotTaken:
    """It certainly did not arrive; nothing more is sent to the channel before a pause is over.

    Attributes:
        pause: as the provider asked; None where it could not be reached.
    """

    reason: str
    pause: timedelta | None


@dataclass(frozen=True)
class Doubtful:
    """Nobody knows whether it was taken: no answer, or a server's failure."""

    reason: str


End = Sent | Unreachable | Refused | NotTaken | Doubtful


def do_begin(tx: Tx, channel: str, epoch: int, now: datetime, resting: Collection[str] = ()) -> Call | None:
    """Take the next message and note that its call begins; None where none may go now.

    Args:
        epoch: of the leader that sends.
        resting: addresses that get nothing now.

    Raises:
        LeaseLost: another process delivers.
    """
    leases.check(tx, epoch)
    while (message := outbox.take(tx, channel, epoch, now, resting)) is not None:
        try:
            reply = Reply.from_json(message.body)
        except (KeyError, TypeError, ValueError) as error:  # written by another version perhaps
            do_settle(tx, message, epoch, Refused(f"unreadable: {type(error).__name__}"), now)
        else:
            return _call(message, reply)
    return None


def _call(message: outbox.Message, reply: Reply) -> Call:
    if message.doubts and message.op == "send":
        reply = mark_again(reply)
    return Call(message, message.op, message.address, reply, message.target_id, message.body.get("quotes"))


def do_settle(tx: Tx, message: outbox.Message, epoch: int, end: End, now: datetime) -> bool:
    """Write down how a call ended; False where it was settled already.

    Raises:
        LeaseLost: another process delivers; it will take the message for unknown.
    """
    leases.check(tx, epoch)
    again = "unknown" if message.doubts else "queued"
    match end:
        case Sent():
            channels.mark_reachable(tx, message.channel, message.address)
            return outbox.settle(tx, message, epoch, state="sent", provider_id=end.provider_id, now=now)
        case Unreachable():
            channels.mark_unreachable(tx, message.channel, message.address, end.reason, now)
            return outbox.settle(tx, message, epoch, state="unreachable", error=end.reason, now=now)
        case Refused():
            return outbox.settle(tx, message, epoch, state="needs_human", error=end.reason, now=now)
        case NotTaken():
            # The channel as a whole rests; by the wall clock a row might rest until that is set right.
            return outbox.settle(tx, message, epoch, state=again, error=end.reason, now=now)
        case Doubtful():
            return _doubt(tx, message, epoch, end.reason, now)


def _doubt(tx: Tx, message: outbox.Message, epoch: int, reason: str, now: datetime) -> bool:
    doubts = message.doubts + 1
    if doubts > MOST_DOUBTS:
        return outbox.settle(tx, message, epoch, state="needs_human", doubts=doubts, error=reason, now=now)
    later = now + _PAUSES[doubts - 1]
    return outbox.settle(tx, message, epoch, state="unknown", doubts=doubts, not_before=later, error=reason, now=now)


def do_recover(tx: Tx, channel: str, epoch: int, now: datetime) -> int:
    """Take every call that an older leader began and never settled for unknown; returns how many.

    Raises:
        LeaseLost: another process delivers.
    """
    leases.check(tx, epoch)
    left = outbox.abandoned(tx, channel, epoch)
    for message in left:
        outbox.adopt(tx, message, epoch)
        _doubt(tx, message, epoch, "the program ended during the call", now)
    return len(left)


def do_release(tx: Tx, channel: str, epoch: int, held: Collection[int], now: datetime) -> int:
    """Put back messages that this leader began and does not hold: no call was made; returns how many.

    Args:
        held: rows whose calls are under way.

    Raises:
        LeaseLost: another process delivers.
    """
    left = [m for m in outbox.under_way(tx, channel, epoch) if m.id not in held]
    for message in left:
        do_settle(tx, message, epoch, NotTaken("not begun", None), now)
    return len(left)


def do_halt(tx: Tx, channel: str, epoch: int, until: datetime) -> None:
    """Remember over a restart that nothing may be sent before an instant.

    Raises:
        LeaseLost: another process delivers.
    """
    leases.check(tx, epoch)
    channels.halt(tx, channel, until)


def find_halt(tx: Tx, channel: str) -> datetime | None:
    """Until when nothing may be sent to a channel."""
    return channels.get(tx, channel).halted_until


def count_by_state(tx: Tx) -> dict[str, int]:
    """Number of messages in each state."""
    return outbox.counts(tx)


def list_needing_human(tx: Tx) -> list[str]:
    """Messages nobody could deliver, one line each, without their text."""
    return [
        f"#{m.id} {m.channel} {m.created_at:%Y-%m-%d %H:%M} {m.error or ''}"
        for m in outbox.in_state(tx, ("needs_human",))
    ]
