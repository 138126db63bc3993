"""The database: one way to open a transaction for reading and one for writing.

SQLite runs in WAL mode with `synchronous=FULL`. Writers begin with `BEGIN IMMEDIATE`, because a deferred
transaction that reads and then writes fails at once with «database is locked» and no timeout applies;
readers begin plainly and read-only, so that an open reader never blocks a writer.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from zhifa_errors import StoreError

Tx = Connection
"""An open transaction. Functions of this room take one and never begin or commit."""

_BUSY_MS = 5_000
_LOOK_MS = 8
WRITE = "zhifa_write"
"""Execution option of a connection: whether its transaction may change things."""
_PG_OPTIONS = f"-c lock_timeout={_BUSY_MS} -c idle_in_transaction_session_timeout=10000"
"""A stopped process must not hold a row against the others for longer than ten seconds."""
_UNAVAILABLE = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.InternalError,
    sa.exc.TimeoutError,
    sa.exc.ProgrammingError,  # a column that is not there: somebody else upgraded the schema meanwhile
)


def sqlite_url(path: Path) -> str:
    """The database URL of a SQLite file."""
    return f"sqlite+pysqlite:///{path}"


class Database:
    """Opens transactions on SQLite or PostgreSQL.

    Args:
        url: an SQLAlchemy URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _engine(url, self.is_sqlite)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that may change things; committed at the end, rolled back on an error.

        Raises:
            StoreError: the database is busy for longer than five seconds or cannot be reached.
        """
        with self._transaction(write=True) as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that sees one state of the database and may not change it.

        Raises:
            StoreError: as in `write`.
        """
        with self._transaction(write=False) as tx:
            yield tx

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Tx]:
        options: dict[str, Any] = {WRITE: write}
        if not self.is_sqlite and not write:
            options |= {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
        try:
            with self.engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except _UNAVAILABLE as error:
            raise StoreError(
                f"数据库暂时用不了（{_first_line(error)}）；这一步没有确认完成，请稍后核对再试。"
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def insert(tx: Tx, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say what happens where the row is there already, also one that another just inserts."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)


def insert_new(tx: Tx, table: sa.Table, values: Mapping[str, Any]) -> int | None:
    """Insert a row of a table with an `id`; returns the id, None where a unique key of it is there already."""
    statement = insert(tx, table).on_conflict_do_nothing().returning(table.c.id)
    return tx.execute(statement.values(dict(values))).scalar_one_or_none()


def put(tx: Tx, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Set columns of the row with a primary key, which is added where it is not there."""
    statement = insert(tx, table).values({**key, **values})
    tx.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def _first_line(error: Exception) -> str:
    return next(iter(str(getattr(error, "orig", error)).splitlines()), type(error).__name__)


def _engine(url: str, is_sqlite: bool) -> Engine:
    if not is_sqlite:
        try:
            options = {"options": _PG_OPTIONS, "connect_timeout": 5, "tcp_user_timeout": 10_000}
            return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=options)
        except ModuleNotFoundError as error:
            raise StoreError(f"PostgreSQL 需要驱动 {error.name}：请运行 pip install '.[postgresql]'。") from None
    engine = sa.create_engine(
        url,
        hide_parameters=True,  # what was typed must not reach the log by way of an error
        poolclass=QueuePool,
        pool_size=5,
        connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={_BUSY_MS}",
            "foreign_keys=ON",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(WRITE, True)
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if write else 'ON'}")
        if write:
            _begin_writing(connection)
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _begin_writing(connection: Connection) -> None:
    """Become SQLite's only writer.

    SQLite waits longer and longer between its looks, up to 100 ms, so that among many writers one can miss
    its turn until its five seconds are over. Waiting in short slices, it looks again every few milliseconds.
    """
    end = time.monotonic() + _BUSY_MS / 1000
    connection.exec_driver_sql(f"PRAGMA busy_timeout={_LOOK_MS}")
    try:
        while not _begun(connection, last=time.monotonic() > end):
            continue  # SQLite itself waited
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_MS}")


def _begun(connection: Connection, *, last: bool) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except sa.exc.OperationalError as error:
        busy = isinstance(error.orig, sqlite3.Error) and error.orig.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
        if last or not busy:
            raise
        return False
    return True
