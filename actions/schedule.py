"""What must happen at a time: rows that are due, each done once, in the commit that marks it done."""

from collections.abc import Collection
from datetime import datetime, timedelta

from actions.transaction import Tx
from store import leases, occurrences
from store.occurrences import Occurrence

MOST_ATTEMPTS = 5
_FIRST_PAUSE = timedelta(minutes=1)

__all__ = ["Occurrence", "do_begin", "do_fail", "do_plan", "do_sweep", "list_due", "list_failed"]


def do_plan(tx: Tx, kind: str, key: str, due_at: datetime) -> bool:
    """Put an occurrence on the schedule; False where it is there already, whatever became of it."""
    return occurrences.plan(tx, kind=kind, key=key, due_at=due_at) is not None


def list_due(tx: Tx, kinds: Collection[str], now: datetime) -> list[Occurrence]:
    """What is due of some kinds, earliest first."""
    return occurrences.due(tx, tuple(kinds), now)


def do_begin(tx: Tx, occurrence: Occurrence, epoch: int, now: datetime) -> bool:
    """Mark an occurrence done, in the transaction that does it; False where it is done already.

    Raises:
        LeaseLost: another process keeps the schedule.
    """
    leases.check(tx, epoch)
    return occurrences.finish(tx, occurrence.id, now)


def do_fail(tx: Tx, occurrence: Occurrence, error: str, now: datetime) -> bool:
    """Count a failure, to be tried again after a minute, two, four …; True where it is now given up."""
    given_up = occurrence.attempts + 1 >= MOST_ATTEMPTS
    again = None if given_up else now + _FIRST_PAUSE * 2**occurrence.attempts
    occurrences.fail(tx, occurrence.id, error, again)
    return given_up


def do_sweep(tx: Tx, before: datetime) -> int:
    """Delete occurrences that were done before an instant; returns how many."""
    return occurrences.sweep(tx, before)


def list_failed(tx: Tx) -> list[str]:
    """Occurrences that were given up, one line each."""
    return [f"#{o.id} {o.kind} {o.due_at:%Y-%m-%d %H:%M} {o.error or ''}" for o in occurrences.failed(tx)]
