"""The store on a real SQLite file: transactions, migrations, and each kind of record."""

import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from store import conversations, inbox, outbox, questions
from store.conversations import Conversation
from store.db import Database, sqlite_url
from store.schema import metadata
from store.upgrade import HEAD, check, upgrade
from zhifa_errors import StoreError

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A database at the newest schema."""
    made = Database(sqlite_url(tmp_path / "zhifa.db"))
    upgrade(made, tmp_path)
    return made


def _event(database: Database, event_id: str = "e1", address: str = "a") -> int | None:
    with database.write() as tx:
        return inbox.add(
            tx, channel="web", event_id=event_id, address=address, payload={"kind": "text", "text": "问"}, now=NOW
        )


def _queue(database: Database, key: str, address: str = "a", target: int | None = None) -> int | None:
    with database.write() as tx:
        return outbox.add(
            tx, channel="web", address=address, dedupe_key=key, body={"n": key}, pulled=True, now=NOW, target=target
        )


def test_migrations_make_exactly_the_tables_of_the_schema(database: Database) -> None:
    """What the migrations build and what the code expects never drift apart."""
    with database.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []


def test_upgrade_is_done_once_and_a_newer_schema_is_refused(database: Database, tmp_path: Path) -> None:
    """A second upgrade does nothing; a database of a newer program is left alone."""
    assert upgrade(database, tmp_path) is False
    assert check(database) == HEAD
    with database.write() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="9999"):
        upgrade(database, tmp_path)


def test_a_reader_may_not_write(database: Database) -> None:
    """A transaction opened for reading refuses changes."""
    with database.read() as tx, pytest.raises(sa.exc.OperationalError, match="readonly"):
        conversations.put(tx, "web", "a", Conversation(), NOW)


def test_an_open_reader_never_blocks_a_writer_and_keeps_its_view(database: Database) -> None:
    """A writer commits while a reader is open; the reader still sees the state it began with."""
    with database.read() as reader:
        assert inbox.waiting(reader, ("web",)) == []
        _event(database)
        assert inbox.waiting(reader, ("web",)) == []
    with database.read() as later:
        assert len(inbox.waiting(later, ("web",))) == 1


def test_an_error_rolls_everything_back(database: Database) -> None:
    """Nothing of a failed transaction stays."""

    def broken() -> None:
        with database.write() as tx:
            conversations.put(tx, "web", "a", Conversation(place="全国"), NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    with database.read() as tx:
        assert conversations.get(tx, "web", "a") == Conversation()


def _increment(url: str, times: int) -> None:
    database = Database(url)
    for _ in range(times):
        with database.write() as tx:
            before = conversations.get(tx, "web", "counter")
            counted = {"n": (before.turn or {"n": 0})["n"] + 1}
            conversations.put(tx, "web", "counter", replace(before, turn=counted), NOW)


def test_read_modify_write_from_many_processes_loses_nothing(database: Database) -> None:
    """Four processes counting in one row, with a reader held open: no lock error, no lost update."""
    context = multiprocessing.get_context("spawn")
    with database.read() as reader:
        conversations.get(reader, "web", "counter")
        workers = [context.Process(target=_increment, args=(database.url, 50)) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    with database.read() as tx:
        assert conversations.get(tx, "web", "counter").turn == {"n": 200}


def test_a_duplicate_event_is_kept_once(database: Database) -> None:
    """The same event of the same channel is one row, however often it comes."""
    assert _event(database) is not None
    assert _event(database) is None


def test_an_event_is_finished_once(database: Database) -> None:
    """Only the first to finish an event may carry out its effects."""
    row = _event(database) or 0
    with database.write() as tx:
        assert inbox.finish(tx, row, NOW) is True
        assert inbox.finish(tx, row, NOW) is False
        assert inbox.waiting(tx, ("web",)) == []


def test_an_event_is_parked_after_three_failures(database: Database) -> None:
    """Two failures keep it waiting, the third parks it, out of the way of the next."""
    row = _event(database) or 0
    with database.write() as tx:
        assert [inbox.fail(tx, row, "boom") for _ in range(3)] == ["new", "new", "parked"]
        assert inbox.waiting(tx, ("web",)) == []
        assert [event.id for event in inbox.parked(tx)] == [row]


def test_messages_are_queued_once_and_read_by_their_own_chat_only(database: Database) -> None:
    """A dedupe key admits one row; a chat sees its own messages after the last one it saw."""
    first = _queue(database, "k1") or 0
    assert _queue(database, "k1") is None
    second = _queue(database, "k2", target=first) or 0
    _queue(database, "k3", address="b")
    with database.read() as tx:
        assert [m.id for m in outbox.after(tx, "web", "a", 0, 10)] == [first, second]
        assert [(m.op, m.target) for m in outbox.after(tx, "web", "a", first, 10)] == [("edit", first)]
        assert outbox.belongs(tx, first, "web", "a") is True
        assert outbox.belongs(tx, first, "web", "b") is False
        assert outbox.counts(tx) == {"sent": 3}


def test_old_wording_is_forgotten_and_the_rest_stays(database: Database) -> None:
    """Questions keep entry and status after their wording is dropped; younger ones keep everything."""
    with database.write() as tx:
        rows = [
            questions.add(
                tx,
                channel="web",
                address="a",
                text="听证几天",
                place="全国",
                status="answered",
                reason="",
                entry="hearing.apply-by",
                score=0.9,
                now=NOW - timedelta(days=days),
            )
            for days in (200, 10)
        ]
        assert questions.forget_texts(tx, NOW - timedelta(days=180)) == 1
        old, young = questions.get(tx, rows[0]), questions.get(tx, rows[1])
        assert old is not None
        assert young is not None
        assert (old.text, old.entry) == (None, "hearing.apply-by")
        assert young.text == "听证几天"
        assert young.asked_at == NOW - timedelta(days=10)
        assert questions.mark_unhelpful(tx, rows[1], "web", "somebody else") is False
        assert questions.mark_unhelpful(tx, rows[1], "web", "a") is True
        assert questions.counts(tx) == {"answered": 2}
