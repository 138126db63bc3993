"""What came in, and the replies it led to: kept before it is looked at, settled in one commit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.message import Incoming, Reply, pieces
from actions.privacy import mask
from actions.transaction import Tx
from store import channels, conversations, inbox, leases, outbox

PULLED = frozenset({"web", "console"})
"""Channels whose reader fetches messages from the store; the others are called."""

KEPT_CHARACTERS = 4_000
"""A longer message is cut here before it is kept; matching looks at 1,000 characters."""

PIECE = 3_900
"""UTF-16 units of a message to a channel that is called; Telegram's limit is 4,096."""

_CODE = re.compile(r"\s*/start(@\w+)?\s+\S", re.IGNORECASE)

Event = inbox.Event


@dataclass(frozen=True)
class Line:
    """One line of a chat as its page shows it: typed by the person (`me`), or said by the bot.

    Attributes:
        target: row of the message that this one replaces.
        event_id: what the channel called the event, for one's own lines.
    """

    row: int
    me: bool
    at: datetime
    body: dict[str, Any]
    target: int | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class Raw:
    """An event as a channel delivered it, not yet understood; personal numbers are taken out by the channel."""

    event_id: str
    address: str
    payload: Mapping[str, Any]


def do_receive(tx: Tx, incoming: Incoming, event_id: str, now: datetime) -> int | None:
    """Keep an event, without personal numbers; None where it was kept before."""
    payload = incoming.as_json()
    if incoming.kind == "text":
        payload["text"] = without_numbers(incoming.text)[:KEPT_CHARACTERS]
        payload["cut"] = len(incoming.text) > KEPT_CHARACTERS
    return inbox.add(
        tx, channel=incoming.channel, event_id=event_id, address=incoming.address, payload=payload, now=now
    )


def do_receive_raw(
    tx: Tx, channel: str, raws: Sequence[Raw], now: datetime, *, upto: tuple[int, str, int] | None = None
) -> None:
    """Keep events as they came; duplicates are no-ops.

    Args:
        upto: where a leader polled: its epoch, what it polled (one bot), and the update to go on with,
            noted in the same commit.

    Raises:
        LeaseLost: another process polls now.
    """
    if upto is not None:
        epoch, source, next_update = upto
        leases.check(tx, epoch)
        channels.heard(tx, source, next_update, now)
    for raw in raws:
        inbox.add(tx, channel=channel, event_id=raw.event_id, address=raw.address, payload=raw.payload, now=now)


def find_next_update(tx: Tx, source: str) -> tuple[int | None, datetime | None]:
    """The first update of what is polled that was not kept yet, and when the last one came."""
    known = channels.get(tx, source)
    return known.next_update, known.heard_at


def without_numbers(text: str) -> str:
    """Text without personal numbers, as it is kept; but a code stays as it is until it was handed in."""
    near = text[: KEPT_CHARACTERS + 64]  # so that no number is cut in two, and half of it kept
    return near if enrols(near) else mask(near)


def enrols(text: str) -> bool:
    """Whether something stands after `/start`: an enrolment code, or what a link says."""
    return _CODE.match(text) is not None


def is_known(tx: Tx, channel: str, event_id: str) -> bool:
    """Whether an event was kept."""
    return inbox.known(tx, channel, event_id)


def find_event(tx: Tx, row: int) -> Event | None:
    """A kept event that is still to be handled; None where it is done or parked."""
    event = inbox.get(tx, row)
    return event if event is not None and event.state == "new" else None


def read_kept(event: Event) -> Incoming:
    """What a person did, of a channel that keeps events understood (`web`, `console`)."""
    payload = event.payload
    return Incoming(event.channel, event.address, payload["kind"], payload["text"], payload.get("message"))


def list_waiting(tx: Tx, channel: str, most: int, before: datetime | None = None) -> list[tuple[int, str]]:
    """Row and chat of events that are still to be handled, oldest first.

    Args:
        before: only those that came before an instant.
    """
    found = inbox.waiting(tx, (channel,), most)
    return [(e.id, f"{e.channel}:{e.address}") for e in found if before is None or e.received_at < before]


def do_finish(tx: Tx, event: Event, now: datetime) -> bool:
    """Mark an event done; False where it was done already and nothing may happen again.

    What only the handling needed is let go of: the raw event of a channel that shows the chat itself,
    and the code of a `/start`.
    """
    payload: dict[str, Any] | None = None
    if event.channel not in PULLED:
        payload = {}
    elif enrols(str(event.payload["text"])):
        payload = {**event.payload, "text": "/start ···"}
    return inbox.finish(tx, event.id, now, payload)


def do_fail(tx: Tx, row: int, error: str) -> bool:
    """Count a failure; True where the event is now given up."""
    return inbox.fail(tx, row, error) == "parked"


def do_reply(tx: Tx, row: int, incoming: Incoming, replies: Sequence[Reply], now: datetime) -> None:
    """Put the replies to an event into the outbox, each once however often this is called."""
    pulled = incoming.channel in PULLED
    parts = [p for reply in replies for p in ((reply,) if pulled else pieces(reply, PIECE))]
    for n, reply in enumerate(parts):
        target = target_id = None
        if reply.edits is not None and reply.edits.isdecimal():
            if pulled:
                wanted = int(reply.edits)
                target = wanted if outbox.belongs(tx, wanted, incoming.channel, incoming.address) else None
            else:
                target_id = reply.edits
        body = reply.as_json()
        if (incoming.group or incoming.edited) and target_id is None:
            body["quotes"] = incoming.own
        outbox.add(
            tx,
            channel=incoming.channel,
            address=incoming.address,
            dedupe_key=f"reply:{row}:{n}",
            body=body,
            pulled=pulled,
            target=target,
            target_id=target_id,
            now=now,
        )


def do_note_reach(tx: Tx, incoming: Incoming, now: datetime) -> None:
    """Note that a chat blocked the bot, or lets it write again."""
    if incoming.text == "blocked":
        channels.mark_unreachable(tx, incoming.channel, incoming.address, "blocked by the person", now)
    else:
        channels.mark_reachable(tx, incoming.channel, incoming.address)


def list_lines(tx: Tx, channel: str, address: str, after: tuple[int, int], most: int = 100) -> list[Line]:
    """Lines of a chat after (inbox row, outbox row), in the order they happened; the newest `most` of each."""
    mine = [
        Line(event.id, True, event.received_at, _typed(event.payload), event_id=event.event_id)
        for event in inbox.typed(tx, channel, address, after[0], most)
        if event.payload["kind"] == "text"
    ]
    theirs = [
        Line(message.id, False, message.created_at, dict(message.body), message.target)
        for message in outbox.after(tx, channel, address, after[1], most)
    ]
    return sorted([*mine, *theirs], key=lambda line: (line.at, not line.me, line.row))


def _typed(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": payload["text"], "cut": payload.get("cut", False)}


def list_parked(tx: Tx) -> list[str]:
    """Events that were given up, one line each, without what was typed."""
    return [f"#{e.id} {e.channel} {e.received_at:%Y-%m-%d %H:%M} {e.error or ''}" for e in inbox.parked(tx)]


def do_sweep(tx: Tx, before: datetime) -> int:
    """Delete what was said in chats, by either side, before an instant; returns the number of rows."""
    return inbox.sweep(tx, before) + outbox.sweep(tx, before) + conversations.forget(tx, before)
