"""Upgrading a database with rows in it, and what survives when PostgreSQL cuts a connection."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from store import conversations, inbox, outbox, questions
from store.db import Database
from store.schema import metadata
from store.upgrade import HEAD, check, upgrade
from tests.conftest import ROOT
from tests.databases import NOW, Postgres, Server, Sqlite, in_processes, upgrade_once
from zhifa_errors import StoreError

STATES = ("sent", "queued", "unreachable", "needs_human")
OLD_ROWS = (
    "INSERT INTO inbox (channel, event_id, address, payload, state, attempts, received_at, done_at, error) VALUES "
    "('web', 'e1', 'a', '{\"kind\": \"text\", \"text\": \"听证几天\"}', 'done', 0, '{now}', '{now}', NULL), "
    "('web', 'e2', 'a', '{}', 'new', 1, '{now}', NULL, NULL), "
    "('web', 'e3', 'b', '{}', 'parked', 3, '{now}', NULL, 'boom')",
    "INSERT INTO conversations (channel, address, place, turn, dialogue, updated_at) VALUES "
    "('web', 'a', '全国', '{\"n\": 1}', 'null', '{now}'), ('web', 'b', NULL, NULL, NULL, '{now}')",
    "INSERT INTO questions (channel, address, text, place, status, reason, entry, score, helpful, asked_at) VALUES "
    "('web', 'a', '听证几天', '全国', 'answered', '', 'hearing.apply-by', 0.9, {false}, '{now}'), "
    "('web', 'a', NULL, '全国', 'unsure', 'close', NULL, 0.25, NULL, '{now}')",
)
OLD_MESSAGE = (
    "INSERT INTO outbox (channel, address, lane, dedupe_key, op, target, body, state, lease, attempt, not_before, "
    "provider_id, error, created_at) VALUES "
    "('web', 'a', 'interactive', :key, 'send', :target, '{}', :state, NULL, 2, NULL, 'p', 'e', '2026-11-21 08:30:00')"
)


def _filled_at_first_revision(url: str) -> Database:
    """A database at revision 0001 with rows of every kind; ids begin at 1."""
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(ROOT / "store" / "migrations"))
    with database.write() as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "0001")
        false = str(sa.false().compile(dialect=tx.dialect))
        for statement in OLD_ROWS:
            tx.exec_driver_sql(statement.replace("{now}", "2026-11-21 08:30:00").replace("{false}", false))
        for n, state in enumerate(STATES):
            tx.execute(sa.text(OLD_MESSAGE), {"key": f"k{n}", "target": n or None, "state": state})
    return database


@pytest.fixture
def old(server: Server) -> Iterator[Database]:
    """A filled database of the first program."""
    made = _filled_at_first_revision(server.empty())
    yield made
    made.close()


def test_an_upgrade_keeps_every_row(old: Database, tmp_path: Path) -> None:
    """What the first program kept, the newest reads, with what is new at its beginning."""
    assert upgrade(old, tmp_path) is True
    assert check(old) == HEAD
    with old.read() as tx:
        events = [inbox.get(tx, row) for row in (1, 2, 3)]
        assert [(e.event_id, e.state, e.attempts, e.error, e.received_at) for e in events if e] == [
            ("e1", "done", 0, None, NOW),
            ("e2", "new", 1, None, NOW),
            ("e3", "parked", 3, "boom", NOW),
        ]
        assert events[0] is not None
        assert events[0].payload == {"kind": "text", "text": "听证几天"}
        assert [
            (m.id, m.state, m.target, m.attempt, m.doubts, m.provider_id, m.target_id, m.created_at)
            for m in outbox.in_state(tx, STATES)
        ] == [(n, state, n - 1 or None, 2, 0, "p", None, NOW) for n, state in enumerate(STATES, 1)]
        states = [conversations.get(tx, "web", address) for address in ("a", "b")]
        assert [(s.place, s.turn, s.dialogue, s.version) for s in states] == [
            ("全国", {"n": 1}, None, 0),
            (None, None, None, 0),
        ]
        first, second = questions.get(tx, 1), questions.get(tx, 2)
        assert first is not None
        assert second is not None
        assert (first.text, first.score, first.helpful, first.asked_at) == ("听证几天", 0.9, False, NOW)
        assert (second.text, second.score, second.helpful, second.entry) == (None, 0.25, None, None)


def test_an_upgraded_database_goes_on_working(old: Database, tmp_path: Path) -> None:
    """Ids go on counting, a state of before is replaced once, and what was queued is delivered."""
    upgrade(old, tmp_path)
    with old.write() as tx:
        assert inbox.add(tx, channel="web", event_id="e1", address="a", payload={}, now=NOW) is None
        added = inbox.add(tx, channel="web", event_id="e4", address="a", payload={}, now=NOW)
        assert added is not None
        assert added > 3
        conversations.put(tx, "web", "b", conversations.get(tx, "web", "b"), NOW)
        message = outbox.take(tx, "web", 1, NOW)
        assert message is not None
        assert (message.id, message.attempt) == (2, 3)


def _indexes(tx: sa.Connection) -> dict[str, tuple[list[str | None], str]]:
    """Columns and condition of every index, as the database tells them."""
    inspector = sa.inspect(tx)
    found = {}
    for table in metadata.tables:
        for index in inspector.get_indexes(table):
            options: dict[str, Any] = index.get("dialect_options", {})
            where = options.get(f"{tx.dialect.name}_where", "")
            found[str(index["name"])] = (index["column_names"], str(where))
    return found


def test_upgraded_and_new_databases_are_what_the_code_expects(old: Database, server: Server, tmp_path: Path) -> None:
    """No table, column, key or index differs from the schema, nor an upgraded database from a new one."""
    upgrade(old, tmp_path)
    new = Database(server.current())
    with old.read() as upgraded, new.read() as made:
        for tx in (upgraded, made):
            assert (
                compare_metadata(MigrationContext.configure(tx, opts={"compare_server_default": True}), metadata) == []
            )
        assert _indexes(upgraded) == _indexes(made)
        partial = {name: where for name, (_, where) in _indexes(made).items() if where}
    new.close()
    assert partial.keys() == {"ix_outbox_pending", "ix_outbox_pending_lane"}
    assert all(state in where for where in partial.values() for state in ("queued", "sending", "unknown"))


def test_upgrade_is_done_once_and_a_newer_schema_is_refused(database: Database, tmp_path: Path) -> None:
    """A second upgrade does nothing; a database of a newer program is left alone."""
    assert upgrade(database, tmp_path) is False
    assert check(database) == HEAD
    with database.write() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="9999"):
        upgrade(database, tmp_path)


@pytest.mark.parametrize("filled", [_filled_at_first_revision, Database])
def test_of_processes_that_upgrade_at_once_one_does_it(server: Server, tmp_path: Path, filled: Any) -> None:
    """The others wait and find it done, in a new database and in one with rows."""
    database = filled(server.empty())
    assert sorted(in_processes(3, upgrade_once, database.url, tmp_path)) == [False, False, True]
    assert check(database) == HEAD
    database.close()


def test_sqlite_is_backed_up_before_it_is_changed(tmp_path: Path) -> None:
    """The backup is a whole database of the old revision; a new database needs none."""
    files = Sqlite(tmp_path)
    old = _filled_at_first_revision(files.empty())
    upgrade(old, tmp_path)
    old.close()
    (backup,) = (tmp_path / "backups").iterdir()
    kept = sqlite3.connect(backup)
    assert kept.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert kept.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert kept.execute("SELECT count(*) FROM inbox").fetchall() == [(3,)]
    kept.close()
    files.current()
    assert list((tmp_path / "backups").iterdir()) == [backup]


def test_a_failed_upgrade_changes_nothing(old: Database, tmp_path: Path) -> None:
    """One commit holds the whole upgrade; once what stood in its way is gone it is done."""
    with old.write() as tx:
        tx.execute(sa.text("CREATE TABLE audit (x INTEGER)"))
    with pytest.raises((StoreError, sa.exc.ProgrammingError), match="audit"):
        upgrade(old, tmp_path)
    assert check(old) == "0001"
    with old.read() as tx:
        assert "lease" in {column["name"] for column in sa.inspect(tx).get_columns("outbox")}
    with old.write() as tx:
        tx.execute(sa.text("DROP TABLE audit"))
    assert upgrade(old, tmp_path) is True


def test_whoever_waits_for_anothers_upgrade_waits_as_long_as_it_takes(postgres: Postgres, tmp_path: Path) -> None:
    """Longer than anybody waits for a row; a large table takes its time."""
    database = Database(postgres.empty())
    with ThreadPoolExecutor(1) as other:
        with database.write() as tx:
            tx.execute(sa.text("SELECT pg_advisory_xact_lock(7482001)"))
            done = other.submit(upgrade, database, tmp_path)
            with pytest.raises(TimeoutError):
                done.result(timeout=6)
        assert done.result() is True
    database.close()


def test_a_cut_connection_loses_no_commit(postgres: Postgres) -> None:
    """Twenty times the server ends a session amid a transaction: a StoreError, and the next one works at once."""
    database = Database(postgres.current())
    committed = []

    def cut(n: int) -> None:
        with database.write() as tx:
            inbox.add(tx, channel="web", event_id=f"cut {n}", address="a", payload={}, now=NOW)
            pid = tx.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            postgres.execute("SELECT pg_terminate_backend(%s, 5000)", pid)
            AMID[n % len(AMID)](tx)

    for n in range(20):
        with pytest.raises(StoreError, match="没有确认完成"):
            cut(n)
        with database.write() as tx:
            inbox.add(tx, channel="web", event_id=f"kept {n}", address="a", payload={}, now=NOW + timedelta(n))
            committed.append(f"kept {n}")
    with database.read() as tx:
        assert [event.event_id for event in inbox.waiting(tx, ("web",))] == committed
    database.close()


AMID = (
    lambda tx: None,  # the end itself fails
    lambda tx: inbox.known(tx, "web", "cut"),
    lambda tx: inbox.add(tx, channel="web", event_id="more", address="a", payload={}, now=NOW),
)
"""What is tried after the connection is gone."""
