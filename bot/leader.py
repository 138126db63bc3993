"""Which process polls, schedules and delivers: one leads, the others stand by.

The lease is a row with an epoch (`store.leases`). Besides it the leader holds something that vanishes
with its process, named after its epoch: a lock on a file beside SQLite, an advisory lock of a connection
of its own on PostgreSQL. Who finds it gone takes over at once. A leader that merely stopped still holds
it; on PostgreSQL another takes over once its lease was not renewed for ten seconds, measured by the
other's own monotonic clock, and whatever the old one still wants to write is refused by its epoch.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Protocol

import sqlalchemy as sa

from bot.app import App
from bot.logs import logger
from store import leases
from store.db import Database
from zhifa_errors import LeaseLost, StoreError

_LIFE = 10.0
_LOOK = 0.5
_ADVISORY = 7_482_002
_log = logger("leader")


class _Sign(Protocol):
    """What only a living process holds, for one epoch at a time."""

    expires: bool
    """Whether the lease may be taken from a holder that lives but does not renew."""

    def hold(self, epoch: int) -> bool:
        """Hold the sign of an epoch; False where another process does."""

    def drop(self) -> None:
        """Let go."""


class _File:
    """A locked file beside SQLite: one machine, so whoever holds it leads, however slow it is."""

    expires = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: IO[str] | None = None

    def hold(self, epoch: int) -> bool:
        """Lock the file; the same one for every epoch."""
        if self._handle is None:
            try:
                handle = self._path.open("a", encoding="ascii")
            except OSError as error:
                raise StoreError(f"{self._path}: {error.strerror}") from error
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.close()
                return False
            except OSError:
                handle.close()
                raise
            self._handle = handle
        return True

    def drop(self) -> None:
        """Unlock."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class _Advisory:
    """An advisory lock on PostgreSQL, held by a connection that does nothing else."""

    expires = True

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(
            url,
            poolclass=sa.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": 5, "tcp_user_timeout": 10_000},
        )
        self._connection: sa.Connection | None = None

    def hold(self, epoch: int) -> bool:
        """Lock the epoch's number."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            query = sa.text("SELECT pg_try_advisory_lock(:space, :epoch)")
            got = self._connection.execute(query, {"space": _ADVISORY, "epoch": epoch % 2**31}).scalar_one()
        except sa.exc.DBAPIError as error:
            self.drop()
            raise StoreError(f"PostgreSQL: {str(error.orig).splitlines()[0]}") from error
        return bool(got)

    def drop(self) -> None:
        """Close the connection, and with it every lock."""
        if self._connection is not None:
            with contextlib.suppress(sa.exc.DBAPIError):
                self._connection.close()
            self._connection = None


def _sign(database: Database, data_dir: Path) -> _Sign:
    return _File(data_dir / "leader.lock") if database.is_sqlite else _Advisory(database.url)


class Leader:
    """Takes the lease when it is free and keeps it.

    Args:
        app: the built program.
        life: seconds after which a lease that is not renewed may be taken from a living holder.
    """

    def __init__(self, app: App, life: float = _LIFE) -> None:
        self._app = app
        self._life = life
        self._sign = _sign(app.database, app.settings.data_dir)
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._watched: tuple[tuple[int, int], float] | None = None
        self._good_until = 0.0
        self.epoch = 0
        self._thread = ThreadPoolExecutor(1, "lease")

    @property
    def leads(self) -> bool:
        """Whether this process may act as the leader now; false well before another may take over."""
        return self.epoch > 0 and time.monotonic() < self._good_until

    async def elected(self) -> int:
        """Wait until this process leads; returns the epoch."""
        while True:
            try:
                if await self._in_thread(self._try):
                    _log.info("leading", epoch=self.epoch)
                    return self.epoch
            except StoreError as error:
                _log.warning("lease_unavailable", error=error.message)
            await asyncio.sleep(_LOOK)

    async def deposed(self) -> None:
        """Keep the lease; returns once it is lost."""
        while True:
            await asyncio.sleep(self._life / 5)
            begun = time.monotonic()
            try:
                if not await self._in_thread(self._renew):
                    break
                self._good_until = begun + self._life * 0.7
            except StoreError as error:
                _log.warning("lease_not_renewed", error=error.message)
                if not self._sign.expires:
                    continue
                if time.monotonic() > self._good_until:
                    break
        _log.warning("deposed", epoch=self.epoch)
        self.epoch = 0
        self._sign.drop()

    def resign(self) -> None:
        """Let another lead at once."""
        self.epoch = 0
        self._sign.drop()

    def close(self) -> None:
        """Let another lead, once nothing is under way that would take the lease again."""
        self._thread.shutdown(wait=True)
        self.resign()

    async def _in_thread(self, step: Callable[[], bool]) -> bool:
        """Run a step beside all other work: the lease must not wait behind it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)

    def _try(self) -> bool:
        begun = time.monotonic()
        with self._app.database.read() as tx:
            lease = leases.get(tx)
        seen = lease.epoch if lease else 0
        if lease and not self._sign.hold(seen) and not self._silent(lease):
            return False
        if not self._sign.hold(seen + 1):
            self._sign.drop()
            return False
        with self._app.database.write() as tx:
            won = leases.take(tx, self._holder, seen, self._app.clock())
        if not won:
            self._sign.drop()
            return False
        self.epoch, self._good_until = seen + 1, begun + self._life * 0.7
        return True

    def _silent(self, lease: leases.Lease) -> bool:
        """Whether the lease was not renewed for its whole life, by our own clock."""
        now, beat = time.monotonic(), (lease.epoch, lease.beat)
        if self._watched is None or self._watched[0] != beat:
            self._watched = (beat, now)
        return self._sign.expires and now - self._watched[1] > self._life

    def _renew(self) -> bool:
        with self._app.database.write() as tx:
            return leases.renew(tx, self.epoch, self._app.clock())


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run several until the first ends, then end the others.

    Raises:
        Exception: what the first raised.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def lead(leader: Leader, work: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Work while leading, stand by otherwise, for ever.

    Args:
        work: what a leader does in an epoch; cancelled when the lease is lost.
    """
    while True:
        epoch = 0
        try:
            epoch = await leader.elected()
            await together(work(epoch), leader.deposed())
        except LeaseLost:
            _log.warning("overruled", epoch=epoch)
        except StoreError as error:
            _log.warning("leading_interrupted", epoch=epoch, error=error.message)
        except Exception:  # whatever it was, somebody must lead again
            _log.exception("leading_failed", epoch=epoch)
        finally:
            leader.resign()
        await asyncio.sleep(_LOOK)
