"""Which process leads: polls, schedules and delivers. A row with an epoch that every such write checks.

A new leader takes the row with the next epoch, so that whatever an older one still wants to write is
refused (a fencing token). `beat` changes with every renewal; those who stand by watch it with their own
monotonic clock, so that no two machines need the same time.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from store.db import Tx, insert
from store.schema import leases
from zhifa_errors import LeaseLost

LEADER = "leader"
_HELD = sa.select(leases.c.epoch).where(leases.c.name == sa.bindparam("name")).with_for_update(read=True)


@dataclass(frozen=True)
class Lease:
    """Who leads, in which epoch, and how often it was renewed."""

    holder: str
    epoch: int
    beat: int
    renewed_at: datetime


def get(tx: Tx, name: str = LEADER) -> Lease | None:
    """The lease; None where nobody ever led."""
    row = tx.execute(sa.select(leases).where(leases.c.name == name)).one_or_none()
    return Lease(row.holder, row.epoch, row.beat, row.renewed_at) if row else None


def take(tx: Tx, holder: str, seen: int, now: datetime, name: str = LEADER) -> bool:
    """Take the lease for epoch `seen + 1`; False where it is no longer at epoch `seen` (0: nobody ever led)."""
    values = {"holder": holder, "epoch": seen + 1, "beat": 0, "renewed_at": now}
    if seen == 0:
        first = insert(tx, leases).values(name=name, **values).on_conflict_do_nothing()
        return tx.execute(first.returning(leases.c.epoch)).first() is not None
    mine = sa.update(leases).where(leases.c.name == name, leases.c.epoch == seen).values(values)
    return tx.execute(mine).rowcount == 1


def renew(tx: Tx, epoch: int, now: datetime, name: str = LEADER) -> bool:
    """Show that the leader of an epoch lives; False where another leads."""
    values = {"beat": leases.c.beat + 1, "renewed_at": now}
    mine = sa.update(leases).where(leases.c.name == name, leases.c.epoch == epoch).values(values)
    return tx.execute(mine).rowcount == 1


def check(tx: Tx, epoch: int, name: str = LEADER) -> None:
    """Refuse what the leader of an epoch wants to write once another leads.

    The row is held against a change until the transaction ends, so that a new leader sees all that an
    older one wrote.

    Raises:
        LeaseLost: another leads.
    """
    if tx.execute(_HELD, {"name": name}).scalar_one_or_none() != epoch:
        raise LeaseLost(f"epoch {epoch} is over")
