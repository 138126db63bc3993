"""What the program remembers of a channel as a whole, and of the chats in it that cannot be reached."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from store.db import Tx, insert, put
from store.schema import channels, chats

_REACHABLE = (
    sa.update(chats)
    .where(
        chats.c.channel == sa.bindparam("of_channel"),
        chats.c.address == sa.bindparam("of_address"),
        chats.c.unreachable_since.is_not(None),
    )
    .values(unreachable_since=None, reason=None)
)


@dataclass(frozen=True)
class Channel:
    """Where reading a channel goes on, and until when nothing may be sent to it.

    Attributes:
        next_update: the first update that was not kept yet.
        heard_at: when the last update came.
    """

    next_update: int | None = None
    heard_at: datetime | None = None
    halted_until: datetime | None = None


def get(tx: Tx, channel: str) -> Channel:
    """What is remembered of a channel."""
    row = tx.execute(sa.select(channels).where(channels.c.channel == channel)).one_or_none()
    return Channel(row.next_update, row.heard_at, row.halted_until) if row else Channel()


def heard(tx: Tx, channel: str, next_update: int, now: datetime) -> None:
    """Note that all updates below one were kept."""
    put(tx, channels, {"channel": channel}, {"next_update": next_update, "heard_at": now})


def halt(tx: Tx, channel: str, until: datetime) -> None:
    """Note that nothing may be sent to a channel before an instant; an earlier one than is noted changes nothing."""
    new = insert(tx, channels).values(channel=channel, halted_until=until)
    later = channels.c.halted_until.is_(None) | (channels.c.halted_until < until)
    tx.execute(new.on_conflict_do_update(index_elements=["channel"], set_={"halted_until": until}, where=later))


def mark_unreachable(tx: Tx, channel: str, address: str, reason: str, now: datetime) -> None:
    """Note that a chat cannot be written to (blocked, gone); the first time counts."""
    values = {"unreachable_since": now, "reason": reason}
    new = insert(tx, chats).values(channel=channel, address=address, **values)
    first = chats.c.unreachable_since.is_(None)
    tx.execute(new.on_conflict_do_update(index_elements=["channel", "address"], set_=values, where=first))


def mark_reachable(tx: Tx, channel: str, address: str) -> None:
    """Note that a chat can be written to again."""
    tx.execute(_REACHABLE, {"of_channel": channel, "of_address": address})


def unreachable_since(tx: Tx, channel: str, address: str) -> datetime | None:
    """Since when a chat cannot be written to; None where it can."""
    query = sa.select(chats.c.unreachable_since).where(chats.c.channel == channel, chats.c.address == address)
    return tx.execute(query).scalar_one_or_none()


def count_unreachable(tx: Tx, channel: str) -> int:
    """How many chats of a channel cannot be written to."""
    query = sa.select(sa.func.count()).where(chats.c.channel == channel, chats.c.unreachable_since.is_not(None))
    return int(tx.execute(query).scalar_one())


def menu(tx: Tx, channel: str, address: str) -> str | None:
    """Whose command menu a chat was given; None for everybody's."""
    query = sa.select(chats.c.menu).where(chats.c.channel == channel, chats.c.address == address)
    return tx.execute(query).scalar_one_or_none()


def set_menu(tx: Tx, channel: str, address: str, role: str | None) -> None:
    """Note whose command menu a chat was given."""
    put(tx, chats, {"channel": channel, "address": address}, {"menu": role})
