"""The store on SQLite and on PostgreSQL: transactions, and each kind of record."""

import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from bot.logs import Redactor
from store import channels, conversations, inbox, leases, outbox, people, questions
from store.conversations import Conversation
from store.db import Database, Tx
from store.schema import outbox as rows
from tests.databases import NOW, Postgres, count_up, in_processes
from zhifa_errors import Overtaken, StoreError


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


def test_a_reader_may_not_write(database: Database) -> None:
    """A transaction opened for reading refuses changes."""
    with database.read() as tx, pytest.raises(sa.exc.DBAPIError, match=r"readonly|read-only"):
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


def test_read_modify_write_from_many_processes_loses_nothing(database: Database) -> None:
    """Eight processes count in one row while a reader is open: no lock error, nothing lost.

    On PostgreSQL two may read the same state; the second is told so by the version and thinks again.
    """
    times = TIMES[database.engine.dialect.name]
    with database.read() as reader:
        assert conversations.get(reader, "web", "counter") == Conversation()
        overtaken = in_processes(8, count_up, database.url, times)
        assert conversations.get(reader, "web", "counter") == Conversation()
    assert len(overtaken) == 8
    with database.read() as tx:
        counter = conversations.get(tx, "web", "counter")
    assert (counter.turn, counter.version) == ({"n": 8 * times}, 8 * times)


TIMES = {"sqlite": 300, "postgresql": 75}
"""How often each counts; on PostgreSQL most attempts are overtaken by one of the seven others."""


def test_who_waits_five_seconds_for_a_row_is_told_so(database: Database) -> None:
    """Nobody waits for ever behind a transaction that does not end; what was begun is undone."""
    _keep(database, Conversation())
    first = Conversation(version=1)
    with database.write() as holds:
        conversations.put(holds, "web", "a", replace(first, place="全国"), NOW)
        begun = time.monotonic()
        with pytest.raises(StoreError, match="没有确认完成"):
            _keep(database, first)
        assert 4.5 < time.monotonic() - begun < 8
    with database.read() as tx:
        assert conversations.get(tx, "web", "a").place == "全国"


def test_a_failed_statement_leaves_nothing_behind_for_the_next(database: Database) -> None:
    """What was begun is undone, and the next transaction knows nothing of it."""

    def broken() -> None:
        with database.write() as tx:
            conversations.put(tx, "web", "a", Conversation(place="全国"), NOW)
            tx.execute(sa.text("SELECT * FROM nowhere"))

    with pytest.raises((StoreError, sa.exc.ProgrammingError), match="nowhere"):
        broken()
    with database.read() as tx:
        assert conversations.get(tx, "web", "a") == Conversation()
    _keep(database, Conversation())


def _keep(database: Database, state: Conversation) -> None:
    with database.write() as tx:
        conversations.put(tx, "web", "a", state, NOW)


def test_a_state_that_was_not_seen_is_not_written_over(database: Database) -> None:
    """Of two that read the same state only the first may replace it."""
    with database.read() as tx:
        seen = conversations.get(tx, "web", "a")
    _keep(database, replace(seen, place="全国"))
    with pytest.raises(Overtaken):
        _keep(database, replace(seen, place="海东省"))
    with database.read() as tx:
        again = conversations.get(tx, "web", "a")
    assert (again.place, again.version) == ("全国", 1)
    _keep(database, replace(again, place="海东省"))
    with pytest.raises(Overtaken):
        _keep(database, again)


_Write = Callable[[Tx], object]


def _add_event(tx: Tx) -> object:
    return inbox.add(tx, channel="web", event_id="e", address="a", payload={}, now=NOW)


def _add_message(tx: Tx) -> object:
    return outbox.add(tx, channel="web", address="a", dedupe_key="k", body={}, pulled=True, now=NOW)


@pytest.mark.parametrize(
    ("write", "second"),
    [
        pytest.param(_add_event, None, id="event"),
        pytest.param(_add_message, None, id="message"),
        pytest.param(lambda tx: people.add_unit(tx, "局", "全国", NOW), False, id="unit"),
        pytest.param(lambda tx: leases.take(tx, "me", 0, NOW), False, id="lease"),
        pytest.param(lambda tx: channels.heard(tx, "telegram", 7, NOW), None, id="heard"),
        pytest.param(lambda tx: channels.halt(tx, "telegram", NOW), None, id="halt"),
        pytest.param(lambda tx: channels.set_menu(tx, "telegram", "a", "officer"), None, id="menu"),
        pytest.param(lambda tx: channels.mark_unreachable(tx, "telegram", "a", "gone", NOW), None, id="unreachable"),
        pytest.param(lambda tx: people.link(tx, "web", "a", 1, NOW), None, id="account"),
    ],
)
def test_two_who_add_the_same_row_at_once_make_one(postgres: Postgres, write: _Write, second: object) -> None:
    """Where PostgreSQL lets both begin, the second waits for the first and then finds its row; no error."""
    database = Database(postgres.current())
    with database.write() as tx:
        people.add_person(tx, name="王某", staff_no=None, role="officer", unit=None, now=NOW)
    assert _at_once(postgres, database, write) == second
    database.close()


def test_two_first_states_of_a_chat_do_not_mix(postgres: Postgres) -> None:
    """Where PostgreSQL lets both begin, the second is told that it was overtaken."""
    database = Database(postgres.current())
    with pytest.raises(Overtaken):
        _at_once(postgres, database, lambda tx: conversations.put(tx, "web", "a", Conversation(), NOW))
    database.close()


def _at_once(postgres: Postgres, database: Database, write: _Write) -> object:
    """Do a thing in one transaction and, before it ends, in a second one; what the second returned."""

    def again() -> object:
        with database.write() as tx:
            return write(tx)

    with ThreadPoolExecutor(1) as other:
        with database.write() as tx:
            write(tx)
            waits = other.submit(again)
            postgres.wait_until_somebody_waits(str(database.engine.url.database))
        return waits.result()


def test_what_is_kept_comes_back_as_it_was(database: Database) -> None:
    """Text of every plane and control characters in bodies, numbers, booleans, nothing; on either database."""
    body = {"text": "听证😀\x00\u202e'\"\\", "whole": 2**53, "part": 0.1, "yes": True, "none": None, "list": [{}]}
    with database.write() as tx:
        kept = outbox.add(tx, channel="web", address="群-１", dedupe_key="k", body=body, pulled=True, now=NOW) or 0
        conversations.put(tx, "web", "a", Conversation("全国", {"n": body}, None), NOW)
    with database.read() as tx:
        (message,) = outbox.after(tx, "web", "群-１", kept - 1, 1)
        assert message.body == body
        state = conversations.get(tx, "web", "a")
    assert (state.place, state.turn, state.dialogue, state.version) == ("全国", {"n": body}, None, 1)


def test_an_instant_is_the_same_whatever_the_zone(database: Database) -> None:
    """Microseconds stay; a zone going in is the same instant in UTC coming out."""
    beijing = timezone(timedelta(hours=8))
    at = datetime(2026, 1, 1, 0, 30, 0, 123_456, tzinfo=beijing)
    with database.write() as tx:
        tx.execute(sa.text(ZONES[tx.dialect.name]))
        channels.halt(tx, "telegram", at)
        halted = channels.get(tx, "telegram").halted_until
    assert halted == at
    assert halted is not None
    assert halted.tzinfo is UTC


ZONES = {"sqlite": "SELECT 1", "postgresql": "SET LOCAL TIME ZONE 'America/New_York'"}
"""What moves a session of a database to another zone, where it has one."""


def test_a_stopped_process_cannot_hold_a_row_for_ever(postgres: Postgres) -> None:
    """The limits of a connection are in force on the server: five seconds for a lock, ten for doing nothing."""
    database = Database(postgres.current())
    with database.write() as tx:
        limits = [
            tx.execute(sa.text(f"SHOW {name}")).scalar_one()
            for name in ("lock_timeout", "idle_in_transaction_session_timeout", "transaction_isolation")
        ]
    with database.read() as tx:
        reading = [
            tx.execute(sa.text(f"SHOW {name}")).scalar_one()
            for name in ("transaction_isolation", "transaction_read_only")
        ]
    with database.write() as tx:
        after = tx.execute(sa.text("SHOW transaction_read_only")).scalar_one()
    assert (limits, reading, after) == (["5s", "10s", "read committed"], ["repeatable read", "on"], "off")
    database.close()


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


def test_a_failure_noted_late_does_not_bring_back_what_another_finished(database: Database) -> None:
    """Its effects happened; they must not happen again."""
    row = _event(database) or 0
    with database.write() as tx:
        inbox.finish(tx, row, NOW)
        assert inbox.fail(tx, row, "boom") == "done"
        assert inbox.waiting(tx, ("web",)) == []


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


def test_a_halt_only_moves_later(database: Database) -> None:
    """Of two rests that a channel is told to take the longer counts, whichever is written down last."""
    for seconds in (2, 1, 3):
        with database.write() as tx:
            channels.halt(tx, "telegram", NOW + timedelta(seconds=seconds))
        with database.read() as tx:
            assert channels.get(tx, "telegram").halted_until == NOW + timedelta(seconds=max(seconds, 2))


def test_what_was_written_is_not_in_the_error_of_a_failed_write(database: Database) -> None:
    """An error that reaches the log says what failed, never what was typed."""
    values = {"channel": "telegram", "address": "私密的\n原话"}
    with database.write() as tx, pytest.raises(sa.exc.DBAPIError) as failed:
        tx.execute(sa.insert(rows), values)
    logged = Redactor([]).text("".join(traceback.format_exception(failed.value)))
    assert "私密的" not in logged
    assert "原话" not in logged
    assert "hide_parameters" in logged
