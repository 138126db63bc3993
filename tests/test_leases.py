"""Who leads: the lease in the store, and the election between real processes that are stopped and killed."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import pytest

from bot.app import App, Shelf
from bot.leader import Leader, lead
from bot.settings import Settings
from store import leases, outbox
from store.db import Database
from tests.databases import NOW, PROCESSES, Postgres, Sqlite
from zhifa_errors import LeaseLost, StoreError

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
    with _other_thread() as run, database.write() as tx:
        leases.check(tx, 1)
        _note(database, 1, "beside")
        taken = run(lambda: _take(database, "b", 1))
        postgres.wait_until_somebody_waits(str(database.engine.url.database))
        outbox.add(tx, channel="telegram", address="a", dedupe_key="last", body={}, pulled=False, now=NOW)
        assert not taken.done()
    assert taken.result() is True
    database.close()


@dataclass
class StandBy:
    """A process that leads when it can. It tells so, and writes as the leader when it is asked to."""

    pid: int
    line: Connection
    kill: Callable[[], None]

    def leads(self, within: float = PATIENCE) -> int:
        """Wait until it leads; the epoch.

        Raises:
            TimeoutError: it does not within so many seconds.
        """
        assert self.hears(within) == "leads"
        return cast("int", self.line.recv())

    def hears(self, within: float = PATIENCE) -> object:
        """The next thing it tells."""
        if not self.line.poll(within):
            raise TimeoutError
        return self.line.recv()


def _stand_by(url: str, data_dir: Path, line: Connection) -> None:
    """What such a process does."""
    settings = Settings(data_dir=data_dir)
    app = App(settings, Database(url), cast("Shelf", None), lambda: NOW, "全国")
    leader = Leader(app, life=LIFE)

    def write(epoch: int) -> None:
        line.recv()
        try:
            _note(app.database, epoch, f"{os.getpid()} in {epoch}")
        except StoreError as error:
            line.send(error.code)
            raise
        line.send("written")

    async def work(epoch: int) -> None:
        line.send("leads")
        line.send(epoch)
        while True:
            await asyncio.to_thread(write, epoch)

    asyncio.run(lead(leader, work))
