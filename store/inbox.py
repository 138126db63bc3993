"""Events as they came in, kept before anything looks at them.

States: `new`, then `done` in the commit that holds its effects; `parked` after three failures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.db import Tx, insert_new
from store.schema import inbox

MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Event:
    """One event of a channel."""

    id: int
    channel: str
    address: str
    payload: Mapping[str, Any]
    state: str
    attempts: int
    received_at: datetime
    error: str | None
    event_id: str


def _event(row: Any) -> Event:
    return Event(
        row.id,
        row.channel,
        row.address,
        row.payload,
        row.state,
        row.attempts,
        row.received_at,
        row.error,
        row.event_id,
    )


def add(tx: Tx, *, channel: str, event_id: str, address: str, payload: Mapping[str, Any], now: datetime) -> int | None:
    """Keep an event; None where it is already there (a duplicate is a no-op)."""
    values = {
        "channel": channel,
        "event_id": event_id,
        "address": address,
        "payload": dict(payload),
        "state": "new",
        "attempts": 0,
        "received_at": now,
    }
    return insert_new(tx, inbox, values)


def known(tx: Tx, channel: str, event_id: str) -> bool:
    """Whether an event was kept."""
    query = sa.select(inbox.c.id).where(inbox.c.channel == channel, inbox.c.event_id == event_id)
    return tx.execute(query).first() is not None


def get(tx: Tx, event: int) -> Event | None:
    """An event by its row id."""
    row = tx.execute(sa.select(inbox).where(inbox.c.id == event)).one_or_none()
    return _event(row) if row else None


def waiting(tx: Tx, channels: tuple[str, ...], most: int = 1_000) -> list[Event]:
    """Events of the channels that are not done, oldest first; at most so many."""
    mine = (inbox.c.state == "new") & inbox.c.channel.in_(channels)
    return [_event(row) for row in tx.execute(sa.select(inbox).where(mine).order_by(inbox.c.id).limit(most))]


def finish(tx: Tx, event: int, now: datetime, payload: Mapping[str, Any] | None = None) -> bool:
    """Mark an event done; False where it already was, so that its effects must not happen again.

    Args:
        payload: what is kept of the event from now on; None for all of it.
    """
    values: dict[str, Any] = {"state": "done", "done_at": now}
    if payload is not None:
        values["payload"] = dict(payload)
    done = sa.update(inbox).where(inbox.c.id == event, inbox.c.state == "new").values(values)
    return tx.execute(done).rowcount == 1


def fail(tx: Tx, event: int, error: str) -> str:
    """Count a failure and return the state: `new` (to be tried again), `parked` (given up), or `done` by another."""
    attempts = inbox.c.attempts + 1
    values = {
        "attempts": attempts,
        "state": sa.case((attempts >= MOST_ATTEMPTS, "parked"), else_="new"),
        "error": error[:500],
    }
    failed = sa.update(inbox).where(inbox.c.id == event, inbox.c.state == "new").values(values)
    return tx.execute(failed.returning(inbox.c.state)).scalar_one_or_none() or "done"


def parked(tx: Tx) -> list[Event]:
    """Events that were given up, oldest first."""
    return [_event(row) for row in tx.execute(sa.select(inbox).where(inbox.c.state == "parked").order_by(inbox.c.id))]


def typed(tx: Tx, channel: str, address: str, after: int, most: int) -> list[Event]:
    """Events of one chat after a row id, oldest first: what a page shows as the person's own messages."""
    query = (
        sa.select(inbox)
        .where(inbox.c.channel == channel, inbox.c.address == address, inbox.c.id > after)
        .order_by(inbox.c.id.desc())
        .limit(most)
    )
    return [_event(row) for row in reversed(tx.execute(query).all())]


def sweep(tx: Tx, before: datetime) -> int:
    """Delete events that were done or given up, and came before an instant; returns how many."""
    old = inbox.c.state.in_(("done", "parked")) & (inbox.c.received_at < before)
    return tx.execute(sa.delete(inbox).where(old)).rowcount
