"""The audit trail: who did what to what. Rows are only added, and each holds the hash of the one before.

A row that is changed, taken out or put in between breaks the chain there. Rows cut off at the end, or a
chain that was computed anew, show only in the last hash, which is why `find_last` gives it to be noted elsewhere.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from store.db import Tx
from store.schema import audit

_BEGINNING = "0" * 64


@dataclass(frozen=True)
class Record:
    """One thing that was done.

    Attributes:
        actor: `person:3`, or `machine` for the command line.
        object: what it was done to, `code:5`.
        before, after: SHA-256 of the state before and after; None where there was none.
    """

    at: datetime
    actor: str
    action: str
    object: str
    before: str | None
    after: str | None


def digest(value: object) -> str:
    """SHA-256 of a value as canonical JSON (sorted keys, no spaces, UTF-8), in hexadecimal."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def append(tx: Tx, record: Record) -> None:
    """Add a row after the last one; on PostgreSQL others who add wait until this transaction ends."""
    if tx.dialect.name == "postgresql":
        tx.execute(sa.text("LOCK TABLE audit IN EXCLUSIVE MODE"))
    previous = find_last(tx)
    values = {**vars(record), "previous": previous, "hash": _chained(previous, record)}
    tx.execute(sa.insert(audit).values(values))


def _chained(previous: str, record: Record) -> str:
    at = record.at.astimezone(UTC).isoformat(timespec="microseconds")
    return digest([previous, at, record.actor, record.action, record.object, record.before, record.after])


def find_last(tx: Tx) -> str:
    """The hash of the last row; zeros where there is none."""
    return tx.execute(sa.select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)).scalar() or _BEGINNING


def find_break(tx: Tx) -> int | None:
    """The first row that does not follow from the ones before it; None where the chain holds."""
    previous = _BEGINNING
    for row in tx.execute(sa.select(audit).order_by(audit.c.id)).yield_per(1_000):
        record = Record(row.at, row.actor, row.action, row.object, row.before, row.after)
        if row.previous != previous or row.hash != _chained(previous, record):
            return int(row.id)
        previous = row.hash
    return None


def count(tx: Tx) -> int:
    """Number of rows."""
    return int(tx.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one())
