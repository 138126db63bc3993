"""Enrolment codes, of which only a hash is kept, and failed attempts at them.

A code is looked up by its hash, so that how long the search takes says nothing about the code.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from store.db import Tx
from store.people import Role, unit_id
from store.schema import code_failures, codes, units


@dataclass(frozen=True)
class Code:
    """What a code makes of whoever redeems it.

    Attributes:
        unit: path of the unit; None leaves the unit as it is.
        person: the only person it may link to; None for whoever redeems it.
        made_by: who made it, as the audit trail names them.
    """

    id: int
    role: Role
    unit: str | None
    person: int | None
    uses_left: int
    expires_at: datetime
    made_by: str


def add(
    tx: Tx,
    *,
    hash_: str,
    role: Role,
    unit: str | None,
    person: int | None,
    uses: int,
    expires_at: datetime,
    made_by: str,
    now: datetime,
) -> int:
    """Keep a code and return its row id."""
    row = {
        "hash": hash_,
        "role": role,
        "unit": unit_id(unit),
        "person": person,
        "uses_left": uses,
        "expires_at": expires_at,
        "made_by": made_by,
        "made_at": now,
    }
    return int(tx.execute(sa.insert(codes).values(row).returning(codes.c.id)).scalar_one())


def find(tx: Tx, hash_: str) -> Code | None:
    """A code by its hash."""
    query = sa.select(codes, units.c.path).outerjoin(units, units.c.id == codes.c.unit).where(codes.c.hash == hash_)
    row = tx.execute(query).one_or_none()
    if row is None:
        return None
    return Code(row.id, row.role, row.path, row.person, row.uses_left, row.expires_at, row.made_by)


def take(tx: Tx, code: int) -> bool:
    """Use a code up by one; False where no use is left, however many try at once."""
    left = sa.update(codes).where(codes.c.id == code, codes.c.uses_left > 0)
    return tx.execute(left.values(uses_left=codes.c.uses_left - 1)).rowcount == 1


def void(tx: Tx, made_by: str, now: datetime) -> None:
    """End the codes somebody made, where they are still good."""
    tx.execute(sa.update(codes).where(codes.c.made_by == made_by, codes.c.expires_at > now).values(expires_at=now))


def add_failure(tx: Tx, channel: str, sender: str, now: datetime, forget: datetime) -> None:
    """Note a failed attempt, and let go of everybody's up to the instant `forget`."""
    tx.execute(sa.delete(code_failures).where(code_failures.c.at <= forget))
    tx.execute(sa.insert(code_failures).values(channel=channel, sender=sender, at=now))


def count_failures(tx: Tx, channel: str, sender: str, since: datetime) -> int:
    """How often somebody failed after an instant."""
    mine = (code_failures.c.channel == channel) & (code_failures.c.sender == sender) & (code_failures.c.at > since)
    return int(tx.execute(sa.select(sa.func.count()).where(mine)).scalar_one())
