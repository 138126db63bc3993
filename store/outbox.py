"""Messages to people: every durable one is a row before it is sent.

For a channel whose reader fetches from the store (`web`, `console`) the row itself is the delivery and
is `sent` from the start; for a channel that must be called it is `queued`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.db import Tx
from store.schema import outbox


@dataclass(frozen=True)
class Message:
    """One message; `target` is the row an edit replaces."""

    id: int
    channel: str
    address: str
    op: str
    target: int | None
    body: Mapping[str, Any]
    state: str
    created_at: datetime


def _message(row: Any) -> Message:
    return Message(row.id, row.channel, row.address, row.op, row.target, row.body, row.state, row.created_at)


def add(
    tx: Tx,
    *,
    channel: str,
    address: str,
    dedupe_key: str,
    body: Mapping[str, Any],
    pulled: bool,
    now: datetime,
    target: int | None = None,
    lane: str = "interactive",
) -> int | None:
    """Queue a message; None where one with this key is there already.

    Args:
        pulled: the reader fetches from the store, so nothing remains to be sent.
        target: the row of the message this one replaces.
    """
    if tx.execute(sa.select(outbox.c.id).where(outbox.c.dedupe_key == dedupe_key)).first():
        return None
    row = {
        "channel": channel,
        "address": address,
        "lane": lane,
        "dedupe_key": dedupe_key,
        "op": "send" if target is None else "edit",
        "target": target,
        "body": dict(body),
        "state": "sent" if pulled else "queued",
        "attempt": 0,
        "created_at": now,
    }
    return int(tx.execute(sa.insert(outbox).values(row).returning(outbox.c.id)).scalar_one())


def after(tx: Tx, channel: str, address: str, row: int, most: int) -> list[Message]:
    """Messages of one chat after a row id, oldest first; the newest `most` of them."""
    query = (
        sa.select(outbox)
        .where(outbox.c.channel == channel, outbox.c.address == address, outbox.c.id > row)
        .order_by(outbox.c.id.desc())
        .limit(most)
    )
    return [_message(found) for found in reversed(tx.execute(query).all())]


def belongs(tx: Tx, row: int, channel: str, address: str) -> bool:
    """Whether a message was sent to that chat (an edit may only replace one's own)."""
    query = sa.select(outbox.c.id).where(outbox.c.id == row, outbox.c.channel == channel, outbox.c.address == address)
    return tx.execute(query).first() is not None


def counts(tx: Tx) -> dict[str, int]:
    """Number of messages in each state."""
    rows = tx.execute(sa.select(outbox.c.state, sa.func.count()).group_by(outbox.c.state))
    return {str(state): int(count) for state, count in rows}


def sweep(tx: Tx, before: datetime) -> int:
    """Delete answers that were sent before an instant; returns how many. Other lanes keep their own time."""
    old = (outbox.c.state == "sent") & (outbox.c.lane == "interactive") & (outbox.c.created_at < before)
    return tx.execute(sa.delete(outbox).where(old)).rowcount
