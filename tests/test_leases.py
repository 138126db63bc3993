"""Who leads: the lease in the store, and the election between real processes that are stopped and killed."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import pytest
import structlog

from bot.app import App, Shelf
from bot.leader import Leader, lead
from bot.settings import Settings
from store import leases, outbox
from store.db import Database
from tests.databases import NOW, PROCESSES, Postgres, Server, Sqlite
from zhifa_errors import LeaseLost

LIFE = 2.0
"""Seconds after which these processes take the lead from one that lives but does not renew."""

AT_ONCE = 1.5
PATIENCE = 20.0


def _take(database: Database, holder: str, seen: int) -> bool:
    with database.write() as tx:
        return leases.take(tx, holder, seen, NOW)


def test_each_epoch_is_taken_once(database: Database) -> None:
    """Only who saw the last epoch may take the next; epochs only grow."""
    assert _take(database, "early", 1) is False
    assert [_take(database, "a", 0), _take(database, "b", 0), _take(database, "b", 1)] == [True, False, True]
    assert [_take(database, "a", 1), _take(database, "a", 3)] == [False, False]
    with database.read() as tx:
        assert leases.get(tx) == leases.Lease("b", 2, 0, NOW)


def test_only_the_leader_renews(database: Database) -> None:
    """Every renewal moves the beat, which those who stand by watch; a taken lease begins anew."""
    _take(database, "a", 0)
    later = NOW + timedelta(seconds=2)
    with database.write() as tx:
        assert [leases.renew(tx, 1, later), leases.renew(tx, 1, later), leases.renew(tx, 2, later)] == [
            True,
            True,
            False,
        ]
        assert leases.get(tx) == leases.Lease("a", 1, 2, later)
    _take(database, "b", 1)
    with database.write() as tx:
        assert leases.renew(tx, 1, later) is False
        assert leases.get(tx) == leases.Lease("b", 2, 0, NOW)


def test_leases_of_other_names_are_apart(database: Database) -> None:
    """Taking one leaves the other free."""
    _take(database, "a", 0)
    with database.write() as tx:
        assert leases.take(tx, "b", 0, NOW, "other") is True
        leases.check(tx, 1, "other")
        assert leases.renew(tx, 1, NOW, "other") is True
        assert leases.get(tx) == leases.Lease("a", 1, 0, NOW)


def _note(database: Database, epoch: int, key: str) -> None:
    with database.write() as tx:
        leases.check(tx, epoch)
        outbox.add(tx, channel="telegram", address="a", dedupe_key=key, body={}, pulled=False, now=NOW)


def test_what_an_older_leader_writes_is_refused(database: Database) -> None:
    """Its epoch is over, or not come, or there never was one: nothing of the transaction stays."""
    with pytest.raises(LeaseLost):
        _note(database, 0, "before anybody led")
    _take(database, "a", 0)
    _note(database, 1, "while leading")
    _take(database, "b", 1)
    for epoch in (1, 3):
        with pytest.raises(LeaseLost):
            _note(database, epoch, f"in epoch {epoch}")
    with database.read() as tx:
        assert [message.body for message in outbox.in_state(tx, ("queued",))] == [{}]


def test_a_new_leader_waits_for_what_the_older_one_is_writing(postgres: Postgres) -> None:
    """So that it sees all of it: a checked epoch stays until its transaction ends. Others may write beside it."""
    database = Database(postgres.current())
    _take(database, "a", 0)
    with ThreadPoolExecutor(1) as other, database.write() as tx:
        leases.check(tx, 1)
        _note(database, 1, "beside")
        taken = other.submit(_take, database, "b", 1)
        postgres.wait_until_somebody_waits(str(database.engine.url.database))
        outbox.add(tx, channel="telegram", address="a", dedupe_key="last", body={}, pulled=False, now=NOW)
        assert not taken.done()
    assert taken.result() is True
    database.close()


class StandBy:
    """A process that leads when it can. It tells so, and writes as the leader when it is asked to.

    Args:
        url: of the database.
        data_dir: where the lock beside SQLite lies.
    """

    def __init__(self, url: str, data_dir: Path) -> None:
        self.line, theirs = PROCESSES.Pipe()
        self._process = PROCESSES.Process(target=_stand_by, args=(url, data_dir, theirs), daemon=True)
        self._process.start()
        theirs.close()
        assert self.hears() == "stands by"

    def hears(self, within: float = PATIENCE) -> object:
        """The next thing it tells.

        Raises:
            TimeoutError: nothing within so many seconds.
        """
        if not self.line.poll(within):
            raise TimeoutError
        return self.line.recv()

    def signal(self, number: signal.Signals) -> None:
        """Stop it, continue it, kill it."""
        os.kill(self._process.pid or 0, number)

    def end(self) -> None:
        """Kill it and let go of it."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self.line.close()


def _stand_by(url: str, data_dir: Path, line: Connection) -> None:
    """What such a process does."""
    app = App(Settings(data_dir=data_dir), Database(url), cast("Shelf", None), lambda: NOW, "全国")

    def write(epoch: int) -> None:
        line.recv()
        try:
            _note(app.database, epoch, f"{os.getpid()} in {epoch}")
        except LeaseLost:
            line.send("refused")
            raise
        line.send("written")

    async def work(epoch: int) -> None:
        line.send(epoch)
        while True:
            await asyncio.to_thread(write, epoch)

    line.send("stands by")
    asyncio.run(lead(Leader(app, life=LIFE), work))


Start = Callable[[str], StandBy]


@pytest.fixture
def stand_by(tmp_path: Path) -> Iterator[Start]:
    """Start a process that leads a database when it can; all end with the test."""
    started: list[StandBy] = []

    def start(url: str) -> StandBy:
        started.append(StandBy(url, tmp_path))
        return started[-1]

    yield start
    for process in started:
        process.end()


def test_when_the_leader_is_killed_another_leads_at_once(server: Server, stand_by: Start) -> None:
    """The second waits while the first lives, and needs no time to run out once it is gone."""
    url = server.current()
    first = stand_by(url)
    assert first.hears() == 1
    second = stand_by(url)
    with pytest.raises(TimeoutError):
        second.hears(1.0)
    first.signal(signal.SIGKILL)
    assert second.hears(AT_ONCE) == 2
    second.line.send("write")
    assert second.hears() == "written"


def test_a_stopped_leader_on_postgresql_is_replaced_and_refused(postgres: Postgres, stand_by: Start) -> None:
    """After its life another leads; continued, it may not write, steps down, and stands by like any other."""
    url = postgres.current()
    first = stand_by(url)
    assert first.hears() == 1
    second = stand_by(url)
    first.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    first.line.send("write")
    assert second.hears() == 2
    assert time.monotonic() - stopped > 0.7 * LIFE
    second.line.send("write")
    assert second.hears() == "written"
    first.signal(signal.SIGCONT)
    assert first.hears() == "refused"
    second.signal(signal.SIGKILL)
    assert first.hears(AT_ONCE) == 3
    assert _written(url) == 1


def test_a_stopped_leader_on_sqlite_keeps_the_lead(tmp_path: Path, stand_by: Start) -> None:
    """One machine has one file lock: whoever holds it leads, however long it was stopped."""
    url = Sqlite(tmp_path).current()
    first = stand_by(url)
    assert first.hears() == 1
    second = stand_by(url)
    first.signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        second.hears(1.5 * LIFE)
    first.signal(signal.SIGCONT)
    first.line.send("write")
    assert first.hears() == "written"
    assert _written(url) == 1


def _written(url: str) -> int:
    database = Database(url)
    with database.read() as tx:
        count = outbox.counts(tx)["queued"]
    database.close()
    return count


def test_a_lock_that_cannot_be_had_is_tried_again_and_said(tmp_path: Path) -> None:
    """Where the lock's file belongs to somebody else nobody leads, which is no silent end: it is tried until it can."""
    database = Database(Sqlite(tmp_path).current())
    (tmp_path / "leader.lock").mkdir()
    leader = Leader(App(Settings(data_dir=tmp_path), database, cast("Shelf", None), lambda: NOW, "全国"))

    async def wait() -> int:
        elected = asyncio.create_task(leader.elected())
        done, _ = await asyncio.wait([elected], timeout=0.2)
        assert not done
        (tmp_path / "leader.lock").rmdir()
        return await asyncio.wait_for(elected, 10)

    with structlog.testing.capture_logs() as logged:
        assert asyncio.run(wait()) == 1
    leader.close()
    database.close()
    assert "lease_unavailable" in [entry["event"] for entry in logged]
