"""The schedule: APScheduler only wakes us up; what is due stands in rows.

Measured on APScheduler 3.11: a job whose process is killed never runs again, one missed by four seconds
is dropped, and three processes on one job store start a job ten times instead of three. So its jobs are
in memory and only look whether a row is due; each row is done once, under the lease.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from actions import schedule
from actions.schedule import Occurrence
from actions.transaction import Tx
from jobs import retention
from zhifa_errors import StoreError

Write = Callable[[], AbstractContextManager[Tx]]
Work = Callable[[Tx, Occurrence, datetime], None]

LOOK_SECONDS = 10
_JUMP = timedelta(seconds=120)
_log = structlog.stdlib.get_logger("schedule")


@dataclass(frozen=True)
class Kind:
    """A kind of occurrence.

    Attributes:
        work: what is done, in the transaction that marks it done.
        cron: when it comes by itself, as crontab has it (minute hour day month weekday), in the
            program's time zone; None where occurrences are put on the schedule one by one. After a
            downtime, what was missed is done once.
    """

    work: Work
    cron: str | None = None


KINDS: Mapping[str, Kind] = {"retention": Kind(retention.run, "20 3 * * *")}


class Schedule:
    """Does what is due, while this process leads.

    Args:
        write: opens a transaction.
        clock: the time, in the program's time zone.
        epoch: of the leader.
        kinds: what there is to do.
        monotonic: seconds on a clock that nobody sets.
    """

    def __init__(
        self,
        write: Write,
        clock: Callable[[], datetime],
        epoch: int,
        kinds: Mapping[str, Kind] = KINDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._clock = clock
        self._epoch = epoch
        self._kinds = kinds
        self._monotonic = monotonic
        self._seen: tuple[datetime, float] | None = None
        self._waker = BackgroundScheduler(timezone=clock().tzinfo)

    def start(self) -> None:
        """Begin to look, at once and every ten seconds, in a thread."""
        self._waker.add_job(
            self._look,
            "interval",
            seconds=LOOK_SECONDS,
            next_run_time=datetime.now(self._waker.timezone),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        self._waker.start()

    def stop(self) -> None:
        """Look no more; returns when a look that was begun has ended."""
        self._waker.shutdown(wait=True)

    def _look(self) -> None:
        try:
            self.tick()
        except StoreError as error:
            _log.warning("schedule_waits", error=error.message)

    def tick(self) -> int:
        """Do what is due; returns how many occurrences were done.

        Raises:
            StoreError: the database is not there, or another process leads; what is due stays.
        """
        now = self._clock()
        if self._jumped(now):
            return 0
        with self._write() as tx:
            for name, kind in self._kinds.items():
                self._plan(tx, name, kind, now)
            due = schedule.list_due(tx, self._kinds, now)
        return sum(self._do(occurrence, now) for occurrence in due)

    def _plan(self, tx: Tx, name: str, kind: Kind, now: datetime) -> None:
        if kind.cron is None:
            return
        following = CronTrigger.from_crontab(kind.cron, timezone=now.tzinfo).get_next_fire_time(None, now)
        if following is not None:
            schedule.do_plan(tx, name, following.isoformat(), following)

    def _do(self, occurrence: Occurrence, now: datetime) -> bool:
        try:
            with self._write() as tx:
                if not schedule.do_begin(tx, occurrence, self._epoch, now):
                    return False
                self._kinds[occurrence.kind].work(tx, occurrence, now)
        except StoreError:
            raise
        except Exception as error:  # one that fails must not be in the way of the others
            _log.exception("occurrence_failed", kind=occurrence.kind, key=occurrence.key)
            with self._write() as tx:
                schedule.do_fail(tx, occurrence, type(error).__name__, now)
            return False
        return True

    def _jumped(self, now: datetime) -> bool:
        """Whether the clock was set by more than two minutes since the last look; then one look is left out."""
        before, self._seen = self._seen, (now, self._monotonic())
        if before is None:
            return False
        jump = (now - before[0]) - timedelta(seconds=self._seen[1] - before[1])
        if abs(jump) <= _JUMP:
            return False
        _log.warning("clock_jumped", seconds=jump.total_seconds())
        return True
