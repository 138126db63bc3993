"""Units, persons, and the chat accounts through which they speak.

A person exists apart from any chat: several accounts may be theirs, and a new one takes nothing away.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from store.db import Tx, insert_new, put
from store.schema import accounts, persons, units
from zhifa_errors import Overtaken

Role = Literal["officer", "supervisor", "curator", "admin"]


@dataclass(frozen=True)
class Unit:
    """A unit of the tree, `市场监管局/城关所`, bound to the place whose rules it works under."""

    path: str
    place: str


@dataclass(frozen=True)
class Person:
    """Somebody who is enrolled.

    Attributes:
        name: as the chat gave it; may be empty.
        unit: path of the unit; None where none was said.
        place: that of the unit.
        active: False once somebody left; their rows stay, their rights end.
    """

    id: int
    name: str
    staff_no: str | None
    role: Role
    unit: str | None
    place: str | None
    active: bool


def unit_id(path: str | None) -> Any:
    """The row id of a unit, as part of a statement; NULL where there is none."""
    return sa.select(units.c.id).where(units.c.path == path).scalar_subquery()


def add_unit(tx: Tx, path: str, place: str, now: datetime) -> bool:
    """Add a unit; False where its path is taken."""
    return insert_new(tx, units, {"path": path, "place": place, "created_at": now}) is not None


def get_unit(tx: Tx, path: str) -> Unit | None:
    """A unit by its path."""
    row = tx.execute(sa.select(units).where(units.c.path == path)).one_or_none()
    return Unit(row.path, row.place) if row else None


def all_units(tx: Tx) -> list[Unit]:
    """All units in the order of the tree, each after its parent."""
    found = [Unit(row.path, row.place) for row in tx.execute(sa.select(units))]
    return sorted(found, key=lambda unit: unit.path.split("/"))


def add_person(tx: Tx, *, name: str, staff_no: str | None, role: Role, unit: str | None, now: datetime) -> int:
    """Add an active person and return the row id.

    Raises:
        Overtaken: somebody of that staff number was added meanwhile.
    """
    values = {"name": name, "staff_no": staff_no, "role": role, "unit": unit_id(unit), "active": True}
    added = insert_new(tx, persons, {**values, "created_at": now})
    if added is None:
        raise Overtaken("the staff number was added meanwhile")
    return added


def change(tx: Tx, person: int, *, name: str, role: Role, unit: str | None) -> None:
    """Change what is known of a person."""
    values = {"name": name, "role": role, "unit": unit_id(unit)}
    tx.execute(sa.update(persons).where(persons.c.id == person).values(values))


def _find(tx: Tx, where: sa.ColumnElement[bool]) -> Person | None:
    query = sa.select(persons, units.c.path, units.c.place).outerjoin(units, units.c.id == persons.c.unit).where(where)
    row = tx.execute(query).one_or_none()
    return Person(row.id, row.name, row.staff_no, row.role, row.path, row.place, row.active) if row else None


def get(tx: Tx, person: int) -> Person | None:
    """A person by row id."""
    return _find(tx, persons.c.id == person)


def by_staff_no(tx: Tx, staff_no: str) -> Person | None:
    """A person by staff number."""
    return _find(tx, persons.c.staff_no == staff_no)


def by_account(tx: Tx, channel: str, sender: str) -> Person | None:
    """Whose account it is; also of persons who left."""
    mine = (accounts.c.channel == channel) & (accounts.c.sender == sender)
    return _find(tx, persons.c.id == sa.select(accounts.c.person).where(mine).scalar_subquery())


def link(tx: Tx, channel: str, sender: str, person: int, now: datetime) -> None:
    """Make an account a person's, whosever it was before."""
    values = {"person": person, "linked_at": now, "used_at": now}
    put(tx, accounts, {"channel": channel, "sender": sender}, values)


def touch(tx: Tx, channel: str, sender: str, now: datetime) -> None:
    """Note that a person spoke through an account."""
    mine = (accounts.c.channel == channel) & (accounts.c.sender == sender)
    tx.execute(sa.update(accounts).where(mine).values(used_at=now))


def channels_of(tx: Tx, person: int) -> list[str]:
    """Channels of a person's accounts, the one last used first."""
    query = sa.select(accounts.c.channel).where(accounts.c.person == person)
    return list(tx.execute(query.order_by(accounts.c.used_at.desc(), accounts.c.channel)).scalars())


def has_active(tx: Tx, role: Role) -> bool:
    """Whether somebody of a role can speak: is active and has an account."""
    query = sa.select(persons.c.id).join(accounts, accounts.c.person == persons.c.id)
    return tx.execute(query.where(persons.c.role == role, persons.c.active).limit(1)).first() is not None
