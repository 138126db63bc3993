"""Schema migrations: under a lock, after a backup, never on a schema newer than this program."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from store.db import Database, Tx
from zhifa_errors import StoreError

HEAD = "0002"
_KNOWN = ("0001", "0002")
_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK_KEY = 7_482_001


def revision(tx: Tx) -> str | None:
    """The schema revision of the database; None where it is empty."""
    if not sa.inspect(tx).has_table("alembic_version"):
        return None
    return tx.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def check(database: Database) -> str | None:
    """The revision of the database.

    Raises:
        StoreError: it is newer than this program.
    """
    with database.read() as tx:
        current = revision(tx)
    if current is not None and current not in _KNOWN:
        raise StoreError(f"数据库的结构版本是 {current}，比本程序新；没有改动任何内容，请升级程序。")
    return current


def upgrade(database: Database, data_dir: Path) -> bool:
    """Bring the schema to the newest revision; True where something was done.

    Args:
        data_dir: where the lock and the backup before a change lie.

    Raises:
        StoreError: the schema is newer than this program, or the database cannot be reached.
    """
    if check(database) == HEAD:
        return False
    from alembic import command
    from alembic.config import Config

    with _lock(database, data_dir):
        current = check(database)
        if current == HEAD:
            return False
        if current is not None and database.is_sqlite:
            _backup(database, data_dir, current)
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with database.write() as tx:
            config.attributes["connection"] = tx
            command.upgrade(config, HEAD)
    return True


def _backup(database: Database, data_dir: Path, current: str) -> None:
    folder = data_dir / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = folder / f"before-upgrade-from-{current}-{stamp}.db"
    with database.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        if raw is not None:
            raw.execute("PRAGMA query_only=OFF")  # its last transaction may have been one for reading
            raw.execute("VACUUM INTO ?", (str(target),))


@contextmanager
def _lock(database: Database, data_dir: Path) -> Iterator[None]:
    """One upgrade at a time: a file lock beside SQLite, an advisory lock on PostgreSQL."""
    if not database.is_sqlite:
        with database.write() as tx:
            tx.execute(sa.text("SET LOCAL lock_timeout = '10min'"))  # however long another's upgrade takes
            tx.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # or one's own
            tx.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            yield
        return
    import fcntl

    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "upgrade.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
