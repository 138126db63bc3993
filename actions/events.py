"""What came in, and the replies it led to: kept before it is looked at, settled in one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.message import Incoming, Reply
from actions.privacy import mask
from actions.transaction import Tx
from store import inbox, outbox

PULLED = frozenset({"web", "console"})
"""Channels whose reader fetches messages from the store; the others are called."""

KEPT_CHARACTERS = 4_000
"""A longer message is cut here before it is kept; matching looks at 1,000 characters."""


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


def do_receive(tx: Tx, incoming: Incoming, event_id: str, now: datetime) -> int | None:
    """Keep an event, without personal numbers; None where it was kept before."""
    payload = incoming.as_json()
    if incoming.kind == "text":
        payload["text"] = _without_numbers(incoming.text)[:KEPT_CHARACTERS]
        payload["cut"] = len(incoming.text) > KEPT_CHARACTERS
    return inbox.add(
        tx, channel=incoming.channel, event_id=event_id, address=incoming.address, payload=payload, now=now
    )


def _without_numbers(text: str) -> str:
    """Prose is masked before it is kept; a command is data (`/start CODE`) and stays as it is."""
    near = text[: KEPT_CHARACTERS + 64]  # so that no number is cut in two, and half of it kept
    return near if near.lstrip().startswith("/") else mask(near)


def is_known(tx: Tx, channel: str, event_id: str) -> bool:
    """Whether an event was kept."""
    return inbox.known(tx, channel, event_id)


def find_event(tx: Tx, row: int) -> Incoming | None:
    """A kept event that is still to be handled; None where it is done or parked."""
    event = inbox.get(tx, row)
    if event is None or event.state != "new":
        return None
    payload = event.payload
    return Incoming(event.channel, event.address, payload["kind"], payload["text"], payload.get("message"))


def list_waiting(tx: Tx, channels: Sequence[str]) -> list[tuple[int, str]]:
    """Row and address of every event of the channels that is still to be handled."""
    return [(event.id, f"{event.channel}:{event.address}") for event in inbox.waiting(tx, tuple(channels))]


def do_finish(tx: Tx, row: int, now: datetime) -> bool:
    """Mark an event done; False where it was done already and nothing may happen again."""
    return inbox.finish(tx, row, now)


def do_fail(tx: Tx, row: int, error: str) -> bool:
    """Count a failure; True where the event is now given up."""
    return inbox.fail(tx, row, error) == "parked"


def do_reply(tx: Tx, row: int, incoming: Incoming, replies: Sequence[Reply], now: datetime) -> None:
    """Put the replies to an event into the outbox, each once however often this is called."""
    for n, reply in enumerate(replies):
        target = None
        if reply.edits is not None and reply.edits.isdecimal():
            wanted = int(reply.edits)
            target = wanted if outbox.belongs(tx, wanted, incoming.channel, incoming.address) else None
        outbox.add(
            tx,
            channel=incoming.channel,
            address=incoming.address,
            dedupe_key=f"reply:{row}:{n}",
            body=reply.as_json(),
            pulled=incoming.channel in PULLED,
            target=target,
            now=now,
        )


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


def count_outbox(tx: Tx) -> dict[str, int]:
    """Number of messages in each state."""
    return outbox.counts(tx)


def do_sweep(tx: Tx, before: datetime) -> int:
    """Delete what was said in chats, by either side, before an instant; returns the number of rows."""
    return inbox.sweep(tx, before) + outbox.sweep(tx, before)
