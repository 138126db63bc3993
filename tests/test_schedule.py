"""The schedule: rows that are due are done once, late rather than never, under the lease."""

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from actions import schedule as actions
from actions.schedule import MOST_ATTEMPTS, Occurrence
from actions.transaction import Tx
from jobs.schedule import KINDS, Kind, Schedule
from store import leases
from store.db import Database
from store.schema import occurrences
from zhifa_errors import LeaseLost

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 23, 9, tzinfo=SHANGHAI)


class World:
    """A clock that stands until it is set, a monotonic clock beside it, and a diary of what was done."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = MONDAY
        self.monotonic = 1_000.0
        self.diary: list[str] = []
        self.broken = False
        with database.write() as tx:
            assert leases.take(tx, "me", 0, MONDAY)

    def later(self, **delta: float) -> None:
        """Let time pass, on both clocks."""
        self.now += timedelta(**delta)
        self.monotonic += timedelta(**delta).total_seconds()

    def note(self, _tx: Tx, occurrence: Occurrence, _now: datetime) -> None:
        """Work: write the key into the diary, or fail."""
        if self.broken:
            raise ValueError("broken on purpose")
        self.diary.append(occurrence.key)

    def schedule(self, cron: str | None = None, epoch: int = 1) -> Schedule:
        """A schedule with one kind."""
        kinds = {"diary": Kind(self.note, cron)}
        return Schedule(self.database.write, lambda: self.now, epoch, kinds, lambda: self.monotonic)

    def plan(self, key: str, due_at: datetime) -> bool:
        """Put something on the schedule."""
        with self.database.write() as tx:
            return actions.do_plan(tx, "diary", key, due_at)


@pytest.fixture
def world(database: Database) -> World:
    """A world on a database of its own."""
    return World(database)


def test_what_is_due_is_done_once(world: World) -> None:
    """Nothing before its time; at its time once; a second look, or another process, does nothing."""
    world.plan("a", MONDAY + timedelta(hours=1))
    first, second = world.schedule(), world.schedule()
    assert first.tick() == 0
    world.later(hours=1)
    assert first.tick() == 1
    assert second.tick() == first.tick() == 0
    assert world.diary == ["a"]


def test_one_key_is_one_occurrence(world: World) -> None:
    """Planning the same again changes nothing, even after it was done."""
    assert world.plan("a", MONDAY) is True
    assert world.plan("a", MONDAY + timedelta(days=1)) is False
    assert world.schedule().tick() == 1
    assert world.plan("a", MONDAY) is False


def test_what_comes_daily_is_done_once_after_nine_days_of_downtime(world: World) -> None:
    """A machine that was off over the Spring Festival does the missed night's work once, then goes on."""
    schedule = world.schedule("20 3 * * *")
    assert schedule.tick() == 0
    world.later(days=9)
    after = world.schedule("20 3 * * *")
    assert after.tick() == 1
    assert world.diary == ["2026-11-24T03:20:00+08:00"]
    world.later(hours=24)
    assert after.tick() == 1
    assert world.diary[1:] == ["2026-12-03T03:20:00+08:00"]


def test_only_the_leader_does_anything(world: World) -> None:
    """Once another leads, what an older leader wants to do is refused, and stays due for the new one."""
    world.plan("a", MONDAY)
    with world.database.write() as tx:
        assert leases.take(tx, "other", 1, MONDAY)
    with pytest.raises(LeaseLost):
        world.schedule(epoch=1).tick()
    assert world.diary == []
    assert world.schedule(epoch=2).tick() == 1
    assert world.diary == ["a"]


def test_what_fails_is_tried_again_and_holds_nobody_up(world: World) -> None:
    """A failing occurrence is tried after one, two, four … minutes; then it is given up, and the doctor knows."""
    world.broken = True
    world.plan("a", MONDAY)
    schedule = world.schedule()
    assert schedule.tick() == 0
    world.broken = False
    assert schedule.tick() == 0
    world.later(minutes=1)
    assert schedule.tick() == 1
    world.broken = True
    world.plan("b", MONDAY)
    for attempt in range(MOST_ATTEMPTS):
        assert schedule.tick() == 0
        world.later(minutes=2**attempt)
    world.broken = False
    world.later(days=1)
    assert schedule.tick() == 0
    assert world.diary == ["a"]
    with world.database.read() as tx:
        (line,) = actions.list_failed(tx)
    assert "ValueError" in line
    assert "broken on purpose" not in line


def test_an_effect_and_its_being_done_are_one_commit(world: World) -> None:
    """Where the work fails, nothing of it stays."""

    def half(tx: Tx, occurrence: Occurrence, now: datetime) -> None:
        actions.do_plan(tx, "other", "half done", now)
        raise ValueError

    world.plan("a", MONDAY)
    Schedule(world.database.write, lambda: world.now, 1, {"diary": Kind(half)}).tick()
    with world.database.read() as tx:
        assert tx.execute(sa.select(occurrences.c.kind, occurrences.c.state)).all() == [("diary", "due")]


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(hours=2), timedelta(days=400)])
def test_a_clock_that_jumps_fires_nothing_twice_and_skips_nothing(world: World, jump: timedelta) -> None:
    """After a jump one look is left out; what was done stays done, what is due by the new clock is done."""
    world.plan("done", MONDAY)
    world.plan("ahead", MONDAY + timedelta(hours=1))
    schedule = world.schedule()
    assert schedule.tick() == 1
    world.now += jump
    world.monotonic += 10
    assert schedule.tick() == 0
    world.later(seconds=10)
    schedule.tick()
    world.now = max(world.now, MONDAY + timedelta(hours=1))
    schedule.tick()
    schedule.tick()
    assert world.diary == ["done", "ahead"]


def test_the_waker_looks_at_once_and_stops(world: World) -> None:
    """APScheduler wakes the schedule in a thread; what is due is done unasked, and ends before a stop."""
    world.plan("a", MONDAY)
    begun, done = threading.Event(), threading.Event()

    def tell(_tx: Tx, occurrence: Occurrence, _now: datetime) -> None:
        begun.set()
        world.diary.append(occurrence.key)
        done.set()

    schedule = Schedule(world.database.write, lambda: world.now, 1, {"diary": Kind(tell)})
    schedule.start()
    assert begun.wait(10)
    schedule.stop()
    assert done.is_set()
    assert world.diary == ["a"]
    with world.database.read() as tx:
        assert tx.execute(sa.select(occurrences.c.state)).scalar_one() == "done"


def test_every_night_old_wording_is_let_go_of(database: Database) -> None:
    """The kinds of the real program stand on the schedule after one look."""
    with database.write() as tx:
        assert leases.take(tx, "me", 0, MONDAY)
    Schedule(database.write, lambda: MONDAY, 1, KINDS).tick()
    with database.read() as tx:
        rows = tx.execute(sa.select(occurrences.c.kind, occurrences.c.due_at)).all()
    assert rows == [("retention", datetime(2026, 11, 24, 3, 20, tzinfo=SHANGHAI))]
