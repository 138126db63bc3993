"""Messages to people: every durable one is a row before it is sent.

For a channel whose reader fetches from the store (`web`, `console`) the row itself is the delivery and
is `sent` from the start; for a channel that must be called it is `queued`, and then

    queued -> sending -> sent | unreachable | needs_human
                      -> queued     (certainly not taken: to be tried again at `not_before`)
                      -> unknown    (perhaps taken: to be sent again, marked) -> sending -> ...

`sending` is committed immediately before the call. Rows of one chat and lane go out in the order of
their ids, one at a time, except that none waits for an `unknown` one; an edit waits until its target is settled.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.db import Tx, insert_new
from store.schema import outbox

_PENDING = ("queued", "sending", "unknown")


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        op: `send`, `edit` or `delete`.
        target: the row an edit replaces; `target_id` what the provider calls the message it replaces.
        attempt: how often a call was begun.
        doubts: how often nobody learned whether it was taken.
    """

    id: int
    channel: str
    address: str
    lane: str
    op: str
    target: int | None
    target_id: str | None
    body: Mapping[str, Any]
    state: str
    attempt: int
    doubts: int
    provider_id: str | None
    error: str | None
    created_at: datetime


def _message(row: Any) -> Message:
    return Message(**{name: getattr(row, name) for name in Message.__dataclass_fields__})


def add(
    tx: Tx,
    *,
    channel: str,
    address: str,
    dedupe_key: str,
    body: Mapping[str, Any],
    pulled: bool,
    now: datetime,
    op: str | None = None,
    target: int | None = None,
    target_id: str | None = None,
    lane: str = "interactive",
) -> int | None:
    """Queue a message; None where one with this key is there already.

    Args:
        pulled: the reader fetches from the store, so nothing remains to be sent.
        op: by default `edit` where there is a target, else `send`.
        target: the row of the message this one replaces.
        target_id: or what the provider calls it.
    """
    row = {
        "channel": channel,
        "address": address,
        "lane": lane,
        "dedupe_key": dedupe_key,
        "op": op or ("send" if target is None and target_id is None else "edit"),
        "target": target,
        "target_id": target_id,
        "body": dict(body),
        "state": "sent" if pulled else "queued",
        "attempt": 0,
        "doubts": 0,
        "created_at": now,
        "settled_at": now if pulled else None,
    }
    return insert_new(tx, outbox, row)


def take(tx: Tx, channel: str, epoch: int, now: datetime, resting: Collection[str] = ()) -> Message | None:
    """Mark the next message as being sent, one more attempt begun; None where none may go now.

    The interactive lane goes first. An edit comes with its target's provider id in `target_id`; where
    the target never arrived it comes as a `send`.

    Args:
        epoch: of the leader that sends.
        resting: addresses that get nothing now.
    """
    for lane in ("interactive", "bulk"):
        values = {"channel": channel, "lane": lane, "now": now, "resting": list(resting)}
        row = tx.execute(_NEXT, values).first()
        if row is not None:
            begun = tx.execute(_BEGIN, {"row": row.id, "state": "sending", "epoch": epoch})
            return _aimed(tx, _message(begun.one()))
    return None


def _next() -> sa.Select[Any]:
    """The id of the message to send next: made once, since making it takes longer than running it."""
    other, target = outbox.alias("other"), outbox.alias("target")
    now = sa.bindparam("now", type_=outbox.c.not_before.type)
    # One that waits to be sent again was probably read; the next answer need not wait for it.
    resent_later = sa.and_(other.c.state == "unknown", other.c.not_before > now)
    overtakes = sa.exists().where(
        other.c.channel == outbox.c.channel,
        other.c.address == outbox.c.address,
        other.c.lane == outbox.c.lane,
        _pending(other),
        sa.or_(other.c.state == "sending", sa.and_(other.c.id < outbox.c.id, ~resent_later)),
    )
    target_open = sa.exists().where(target.c.id == outbox.c.target, _pending(target))
    return (
        sa.select(outbox.c.id)
        .where(
            _waiting(sa.bindparam("channel", type_=sa.Text)),
            outbox.c.lane == sa.bindparam("lane", type_=sa.Text),
            sa.or_(outbox.c.not_before.is_(None), outbox.c.not_before <= now),
            outbox.c.address.not_in(sa.bindparam("resting", expanding=True, type_=sa.Text)),
            ~overtakes,
            ~target_open,
        )
        .order_by(outbox.c.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=outbox)
    )


def _pending(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    """Not settled; in the very words of the partial indexes, because SQLite uses them for nothing less."""
    return rows.c.state.in_([sa.literal_column(f"'{state}'") for state in _PENDING])


def _waiting(channel: str | sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    return sa.and_(outbox.c.channel == channel, _pending(outbox), outbox.c.state != "sending")


_NEXT = _next()
_BEGIN = (
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("row"))
    .values(attempt=outbox.c.attempt + 1)
    .returning(*outbox.c)
)
_SETTLE = sa.update(outbox).where(
    outbox.c.id == sa.bindparam("begun_id"),
    outbox.c.state == "sending",
    outbox.c.epoch == sa.bindparam("begun_epoch"),
    outbox.c.attempt == sa.bindparam("begun_attempt"),
)


def _aimed(tx: Tx, message: Message) -> Message:
    if message.op == "send" or message.target_id is not None:
        return message
    provider_id = tx.execute(sa.select(outbox.c.provider_id).where(outbox.c.id == message.target)).scalar_one_or_none()
    op = message.op if provider_id else "send"
    return Message(**{**message.__dict__, "target_id": provider_id, "op": op})


def settle(
    tx: Tx,
    message: Message,
    epoch: int,
    *,
    state: str,
    now: datetime,
    provider_id: str | None = None,
    not_before: datetime | None = None,
    doubts: int | None = None,
    error: str | None = None,
) -> bool:
    """Write down what became of a call; False where somebody else settled it already."""
    values = {
        "begun_id": message.id,
        "begun_epoch": epoch,
        "begun_attempt": message.attempt,
        "state": state,
        "not_before": not_before,
        "error": error[:500] if error else None,
        "settled_at": None if state in _PENDING else now,
        "provider_id": provider_id if provider_id is not None else message.provider_id,
        "doubts": doubts if doubts is not None else message.doubts,
    }
    return tx.execute(_SETTLE, values).rowcount == 1


def abandoned(tx: Tx, channel: str, epoch: int) -> list[Message]:
    """Messages whose call was begun by a leader before this epoch and never settled."""
    left = (outbox.c.channel == channel) & (outbox.c.state == "sending") & (outbox.c.epoch < epoch)
    return [_message(row) for row in tx.execute(sa.select(outbox).where(left).order_by(outbox.c.id))]


def adopt(tx: Tx, message: Message, epoch: int) -> None:
    """Make an abandoned call one's own, in order to settle it."""
    tx.execute(sa.update(outbox).where(outbox.c.id == message.id, outbox.c.state == "sending").values(epoch=epoch))


def under_way(tx: Tx, channel: str, epoch: int) -> list[Message]:
    """Messages whose call the leader of an epoch began and has not settled."""
    begun = (outbox.c.channel == channel) & (outbox.c.state == "sending") & (outbox.c.epoch == epoch)
    return [_message(row) for row in tx.execute(sa.select(outbox).where(begun).order_by(outbox.c.id))]


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


def in_state(tx: Tx, states: tuple[str, ...], most: int = 1_000) -> list[Message]:
    """Messages in some states, oldest first."""
    query = sa.select(outbox).where(outbox.c.state.in_(states)).order_by(outbox.c.id).limit(most)
    return [_message(row) for row in tx.execute(query)]


def sweep(tx: Tx, before: datetime) -> int:
    """Delete answers that were settled before an instant; returns how many. Other lanes keep their own time."""
    old = outbox.c.state.not_in(_PENDING) & (outbox.c.lane == "interactive") & (outbox.c.created_at < before)
    return tx.execute(sa.delete(outbox).where(old)).rowcount
