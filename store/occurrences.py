"""What must happen at a time: one row for each occurrence, unique by kind and key, so that none happens twice.

States: `due`, then `done` in the commit that holds its effects; `failed` after too many tries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.db import Tx, insert_new
from store.schema import occurrences


@dataclass(frozen=True)
class Occurrence:
    """One thing that is due at an instant; `key` tells it from others of its kind."""

    id: int
    kind: str
    key: str
    due_at: datetime
    payload: Mapping[str, Any]
    state: str
    attempts: int
    error: str | None


def _occurrence(row: Any) -> Occurrence:
    return Occurrence(row.id, row.kind, row.key, row.due_at, row.payload, row.state, row.attempts, row.error)


def plan(tx: Tx, *, kind: str, key: str, due_at: datetime, payload: Mapping[str, Any] | None = None) -> int | None:
    """Put an occurrence on the schedule; None where it is there already, whatever became of it."""
    row = {"kind": kind, "key": key, "due_at": due_at, "payload": dict(payload or {}), "state": "due", "attempts": 0}
    return insert_new(tx, occurrences, row)


def due(tx: Tx, kinds: tuple[str, ...], now: datetime, most: int = 100) -> list[Occurrence]:
    """What is due of some kinds at an instant, earliest first."""
    ready = sa.or_(occurrences.c.not_before.is_(None), occurrences.c.not_before <= now)
    mine = (occurrences.c.state == "due") & (occurrences.c.due_at <= now) & occurrences.c.kind.in_(kinds) & ready
    query = sa.select(occurrences).where(mine).order_by(occurrences.c.due_at, occurrences.c.id).limit(most)
    return [_occurrence(row) for row in tx.execute(query)]


def finish(tx: Tx, occurrence: int, now: datetime) -> bool:
    """Mark an occurrence done; False where it is no longer due, so that its effects must not happen again."""
    mine = (occurrences.c.id == occurrence) & (occurrences.c.state == "due")
    return tx.execute(sa.update(occurrences).where(mine).values(state="done", done_at=now)).rowcount == 1


def fail(tx: Tx, occurrence: int, error: str, again_at: datetime | None) -> None:
    """Count a failure; to be tried again at an instant, or given up (None)."""
    values = {
        "attempts": occurrences.c.attempts + 1,
        "error": error[:500],
        "not_before": again_at,
        "state": "due" if again_at else "failed",
    }
    mine = (occurrences.c.id == occurrence) & (occurrences.c.state == "due")
    tx.execute(sa.update(occurrences).where(mine).values(values))


def failed(tx: Tx) -> list[Occurrence]:
    """Occurrences that were given up, earliest first."""
    query = sa.select(occurrences).where(occurrences.c.state == "failed").order_by(occurrences.c.id)
    return [_occurrence(row) for row in tx.execute(query)]


def sweep(tx: Tx, before: datetime) -> int:
    """Delete occurrences that were done before an instant; returns how many."""
    old = (occurrences.c.state == "done") & (occurrences.c.done_at < before)
    return tx.execute(sa.delete(occurrences).where(old)).rowcount
