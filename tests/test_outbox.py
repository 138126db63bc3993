"""Delivery as a state machine, on SQLite and on PostgreSQL: what goes next, and what becomes of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actions import delivery
from actions.delivery import Call, Doubtful, End, NotTaken, Refused, Sent, Unreachable
from actions.message import plain, say
from store import channels, leases, outbox
from store.db import Database
from store.schema import metadata
from store.schema import outbox as rows
from tests.databases import NOW, in_processes, take_all
from zhifa_errors import LeaseLost

SECOND = timedelta(seconds=1)
SETTLED = {"sent", "unreachable", "needs_human"}
PENDING = {"queued", "sending", "unknown"}


class Desk:
    """The outbox of the channel `telegram` as its leader handles it.

    Attributes:
        epoch: of the leader.
        now: what its clock says.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.epoch = 0
        self.now: datetime = NOW
        self.succeed()

    def succeed(self) -> None:
        """Another takes the lead, wherever the one before was."""
        with self.database.write() as tx:
            assert leases.take(tx, "me", self.epoch, self.now)
        self.epoch += 1

    def queue(self, key: str, chat: str = "a", **more: Any) -> int:
        """Queue a message whose text is its key, which must be new."""
        body = say(key).as_json()
        values = {"channel": "telegram", "address": chat, "dedupe_key": key, "body": body, "pulled": False, **more}
        with self.database.write() as tx:
            added = outbox.add(tx, now=self.now, **values)
        assert added is not None
        return added

    def begin(self, *resting: str) -> Call | None:
        """Begin the next call."""
        with self.database.write() as tx:
            return delivery.do_begin(tx, "telegram", self.epoch, self.now, resting)

    def begun(self) -> Call:
        """Begin the next call, which there must be."""
        call = self.begin()
        assert call is not None
        return call

    def settle(self, call: Call, end: End, epoch: int = 0) -> bool:
        """Write down how a call ended."""
        with self.database.write() as tx:
            return delivery.do_settle(tx, call.message, epoch or self.epoch, end, self.now)

    def recover(self) -> int:
        """Take what older leaders left for unknown."""
        with self.database.write() as tx:
            return delivery.do_recover(tx, "telegram", self.epoch, self.now)

    def all(self) -> dict[int, Any]:
        """Every row by its id."""
        with self.database.read() as tx:
            return {row.id: row for row in tx.execute(sa.select(rows))}

    def order(self) -> list[str]:
        """Send all that may go now, one after another; the texts."""
        calls: Iterator[Call | None] = iter(self.begin, None)
        return [plain(call.reply) for call in calls if call and self.settle(call, Sent(f"m{call.message.id}"))]


@pytest.fixture
def desk(database: Database) -> Desk:
    """An empty outbox with a leader."""
    return Desk(database)


def test_messages_of_a_chat_go_one_at_a_time_in_their_order(desk: Desk) -> None:
    """While one is being sent the next of its chat waits, and other chats go on."""
    for key, chat in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        desk.queue(key, chat)
    first = desk.begun()
    assert (plain(first.reply), plain(desk.begun().reply), desk.begin()) == ("a1", "b1", None)
    assert desk.settle(first, Sent("1")) is True
    assert desk.order() == ["a2"]


def test_answers_go_before_bulk(desk: Desk) -> None:
    """However old a bulk message is, an answer to somebody goes first."""
    desk.queue("reminder", "a", lane="bulk")
    desk.queue("answer", "b")
    desk.queue("another answer", "a")
    assert desk.order() == ["answer", "another answer", "reminder"]


def test_a_key_is_sent_once(desk: Desk) -> None:
    """What was queued under a key is not queued again, not even once it was sent."""
    desk.queue("k")
    assert desk.order() == ["k"]
    with desk.database.write() as tx:
        again = outbox.add(
            tx, channel="telegram", address="b", dedupe_key="k", body={"n": 2}, pulled=False, now=desk.now
        )
    assert again is None
    assert desk.order() == []


def test_addresses_that_rest_get_nothing(desk: Desk) -> None:
    """Others are sent to meanwhile; afterwards they get theirs."""
    desk.queue("a1", "a")
    desk.queue("b1", "b")
    assert plain(desk.begun().reply) == "a1"
    assert desk.begin("b") is None
    assert plain(desk.begun().reply) == "b1"


def test_what_was_not_taken_holds_its_place_whatever_the_clock_says(desk: Desk) -> None:
    """It goes again before the next of its chat, unmarked; a clock that is set back holds nothing."""
    desk.queue("a1")
    desk.queue("a2")
    assert desk.settle(desk.begun(), NotTaken("too many", timedelta(seconds=7))) is True
    desk.now = NOW - timedelta(hours=8)
    assert desk.order() == ["a1", "a2"]


def test_what_was_begun_and_is_held_by_nobody_is_put_back(desk: Desk) -> None:
    """Where the answer to a commit was lost no call was made: the row goes again unmarked; one that is held stays."""
    desk.queue("a1")
    desk.queue("b1", "b")
    held = desk.begun()
    desk.begun()
    with desk.database.write() as tx:
        assert delivery.do_release(tx, "telegram", desk.epoch, (held.message.id,), NOW) == 1
    assert plain(desk.begun().reply) == "b1"
    assert desk.begin() is None


def test_a_message_nobody_can_read_is_put_before_a_human(desk: Desk) -> None:
    """A row of another form than this program writes stops nobody: it is set aside, the next one goes."""
    row = desk.queue("a1")
    desk.queue("b1", "b")
    with desk.database.write() as tx:
        tx.execute(sa.update(rows).where(rows.c.id == row).values(body={"blocks": 1}))
    assert plain(desk.begun().reply) == "b1"
    with desk.database.read() as tx:
        assert ["unreadable" in line for line in delivery.list_needing_human(tx)] == [True]


def test_the_next_answer_does_not_wait_for_one_that_is_sent_again(desk: Desk) -> None:
    """An `unknown` one was probably read; its repeat is marked, and still one call a chat is under way."""
    desk.queue("a1")
    desk.queue("a2")
    desk.queue("a3")
    desk.settle(desk.begun(), Doubtful("no answer"))
    second = desk.begun()
    assert plain(second.reply) == "a2"
    desk.now += 2 * SECOND
    assert desk.begin() is None
    desk.settle(second, Sent("2"))
    assert desk.order() == ["（重发）a1", "a3"]


def test_an_edit_waits_for_its_target(desk: Desk) -> None:
    """It goes once the target was sent, aimed at what the provider calls it."""
    target = desk.queue("a1")
    desk.queue("other lane", target=target, lane="bulk")
    first = desk.begun()
    assert desk.begin() is None
    desk.settle(first, Sent("77"))
    edit = desk.begun()
    assert (edit.op, edit.target_id, plain(edit.reply)) == ("edit", "77", "other lane")


@pytest.mark.parametrize("end", [Unreachable("blocked"), Refused("too long")])
def test_an_edit_of_what_never_arrived_is_sent(desk: Desk, end: End) -> None:
    """There is nothing to replace, and the person must still be told."""
    target = desk.queue("a1")
    desk.queue("a2", target=target)
    desk.settle(desk.begun(), end)
    call = desk.begun()
    assert (call.op, call.target_id) == ("send", None)


def test_an_edit_may_name_the_providers_message(desk: Desk) -> None:
    """Then there is no row to wait for."""
    desk.queue("a1", target_id="5")
    call = desk.begun()
    assert (call.op, call.target_id) == ("edit", "5")


@pytest.mark.parametrize(
    ("end", "state", "since"),
    [
        pytest.param(Sent("1"), "sent", None, id="sent"),
        pytest.param(Unreachable("blocked"), "unreachable", NOW, id="unreachable"),
        pytest.param(Refused("too long"), "needs_human", None, id="refused"),
        pytest.param(NotTaken("down", None), "queued", None, id="not taken"),
        pytest.param(Doubtful("no answer"), "unknown", None, id="doubtful"),
    ],
)
def test_every_end_has_its_state(desk: Desk, end: End, state: str, since: datetime | None) -> None:
    """A settled row knows when; a chat that cannot be reached is remembered."""
    row = desk.queue("a1")
    assert desk.settle(desk.begun(), end) is True
    found = desk.all()[row]
    assert found.state == state
    assert (found.settled_at is None) == (state in PENDING)
    with desk.database.read() as tx:
        assert channels.unreachable_since(tx, "telegram", "a") == since


def test_a_chat_that_answers_again_is_no_longer_unreachable(desk: Desk) -> None:
    """The first refusal counts until something arrives."""
    for n in range(3):
        desk.queue(f"a{n}")
    desk.settle(desk.begun(), Unreachable("blocked"))
    desk.now += SECOND
    desk.settle(desk.begun(), Unreachable("blocked"))
    with desk.database.read() as tx:
        assert channels.unreachable_since(tx, "telegram", "a") == NOW
    desk.settle(desk.begun(), Sent("1"))
    with desk.database.read() as tx:
        assert channels.unreachable_since(tx, "telegram", "a") is None


def test_only_the_attempt_that_was_begun_is_settled(desk: Desk) -> None:
    """A second settling, or one of an earlier attempt, changes nothing."""
    row = desk.queue("a1")
    first = desk.begun()
    assert desk.settle(first, NotTaken("down", SECOND)) is True
    assert desk.settle(first, Sent("1")) is False
    desk.now += SECOND
    again = desk.begun()
    assert again.message.attempt == 2
    assert desk.settle(first, Sent("1")) is False
    assert desk.all()[row].state == "sending"
    assert desk.settle(again, Sent("2")) is True
    assert desk.settle(again, Refused("late")) is False
    assert desk.all()[row].provider_id == "2"


def test_a_message_is_sent_again_three_times_and_then_put_before_a_human(desk: Desk) -> None:
    """Two, ten and sixty seconds after the doubt; each repeat is marked once."""
    row = desk.queue("a1")
    seen = []
    for pause in (0, 2, 10, 60):
        desk.now += pause * SECOND - SECOND / 10
        early = desk.begin()
        desk.now += SECOND / 10
        call = early or desk.begun()
        seen.append((early is None, plain(call.reply)))
        desk.settle(call, Doubtful("no answer"))
    assert seen == [(False, "a1"), (True, "（重发）a1"), (True, "（重发）a1"), (True, "（重发）a1")]
    assert (desk.all()[row].state, desk.all()[row].doubts) == ("needs_human", 4)
    with desk.database.read() as tx:
        assert delivery.list_needing_human(tx) == [f"#{row} telegram 2026-11-21 08:30 no answer"]


def test_calls_of_an_older_leader_are_taken_for_unknown(desk: Desk) -> None:
    """A leader that died during a call left it `sending`: it is sent again after two seconds, marked."""
    desk.queue("a1", "a")
    desk.queue("b1", "b")
    desk.begun()
    desk.begun()
    desk.succeed()
    assert desk.recover() == 2
    assert desk.recover() == 0
    assert desk.begin() is None
    desk.now += 2 * SECOND
    assert desk.order() == ["（重发）a1", "（重发）b1"]


def test_a_kill_during_every_repeat_ends_before_a_human(desk: Desk) -> None:
    """Dying four times during the same message is the message's fault, or nobody's to repeat."""
    row = desk.queue("a1")
    for _ in range(4):
        desk.now += 61 * SECOND
        desk.begun()
        desk.succeed()
        desk.recover()
    assert desk.all()[row].state == "needs_human"
    desk.now += 61 * SECOND
    assert desk.begin() is None


def test_calls_of_the_same_leader_are_nobodys_to_recover(desk: Desk) -> None:
    """They are under way."""
    desk.queue("a1")
    call = desk.begun()
    assert desk.recover() == 0
    assert desk.settle(call, Sent("1")) is True


def test_a_leader_that_was_overtaken_may_write_nothing(desk: Desk) -> None:
    """Neither begin, nor settle, nor recover, nor halt; the rows are as the new leader left them."""
    row = desk.queue("a1")
    desk.queue("b1", "b")
    call = desk.begun()
    desk.succeed()
    desk.recover()
    before = desk.all()
    old = desk.epoch - 1
    with pytest.raises(LeaseLost):
        desk.settle(call, Sent("1"), epoch=old)
    desk.epoch = old
    with pytest.raises(LeaseLost):
        desk.begin()
    with pytest.raises(LeaseLost):
        desk.recover()
    with pytest.raises(LeaseLost), desk.database.write() as tx:
        delivery.do_halt(tx, "telegram", old, NOW)
    assert desk.all() == before
    assert before[row].state == "unknown"


def test_a_failed_begin_leaves_the_message_where_it_was(desk: Desk) -> None:
    """A process that dies between taking and committing took nothing."""
    desk.queue("a1")

    def interrupted() -> None:
        with desk.database.write() as tx:
            assert delivery.do_begin(tx, "telegram", desk.epoch, desk.now) is not None
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert desk.order() == ["a1"]


def test_takers_at_once_never_get_the_same_message_or_chat(desk: Desk) -> None:
    """Four processes take until nothing may go: one message of each chat, and each of them once."""
    for n in range(120):
        desk.queue(f"k{n}", f"chat {n % 40}")
    taken = list(chain.from_iterable(in_processes(4, take_all, desk.database.url, 60)))
    assert sorted(chat for _, chat in taken) == sorted(f"chat {n}" for n in range(40))
    assert {row for row, _ in taken} == {row.id for row in desk.all().values() if row.state == "sending"}


SETTLED_ROWS = (
    "INSERT INTO outbox (channel, address, lane, dedupe_key, op, body, state, attempt, doubts, created_at) "
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
    "SELECT 'telegram', 'chat ' || i % 500, 'interactive', 'old' || i, 'send', '{}', 'sent', 1, 0, "
    "'2026-11-20 00:00:00' FROM n"
)
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}
WHOLE_TABLE = ("SCAN outbox", "Seq Scan", "ix_outbox_channel_address_id")


@pytest.mark.parametrize("analysed", ["", "ANALYZE"])
def test_what_is_settled_is_never_looked_at(desk: Desk, analysed: str) -> None:
    """Behind 100,000 sent messages the next one is found by the indexes of pending ones alone."""
    with desk.database.write() as tx:
        tx.execute(
            sa.text(SETTLED_ROWS.replace("'2026", "TIMESTAMP '2026" if tx.dialect.name == "postgresql" else "'2026"))
        )
        tx.execute(sa.text(analysed or "SELECT 1"))
    desk.queue("a1")
    with desk.database.write() as tx:
        asked: list[tuple[str, Any]] = []
        sa.event.listen(tx, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        assert outbox.take(tx, "telegram", desk.epoch, desk.now) is not None
        queries = [(text, values) for text, values in asked if text.startswith("SELECT")]
        plans = [
            str(tx.exec_driver_sql(f"{EXPLAIN[tx.dialect.name]} {text}", values).all()) for text, values in queries
        ]
    assert len(plans) == 1
    for plan in plans:
        assert "ix_outbox_pending" in plan
        assert not any(words in plan for words in WHOLE_TABLE)


CHATS = st.sampled_from(["a", "b"])
LANES = st.sampled_from(["interactive", "bulk"])
ENDS = st.sampled_from(
    [
        Sent("m"),
        Sent(None),
        Unreachable("blocked"),
        Refused("defect"),
        NotTaken("down", None),
        NotTaken("too many", timedelta(seconds=30)),
        Doubtful("no answer"),
    ]
)


class Delivery(RuleBasedStateMachine):
    """Leaders come and go while messages are queued and sent; what must hold does so after every step."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        with self.database.write() as tx:
            for table in (rows, metadata.tables["leases"], metadata.tables["chats"]):
                tx.execute(sa.delete(table))
        self.desk = Desk(self.database)
        self.open: list[Call] = []
        self.orphaned: list[tuple[int, Call]] = []
        self.done: dict[int, Any] = {}
        self.added: list[int] = []

    @rule(chat=CHATS, lane=LANES, edits=st.none() | st.integers(0, 20))
    def add(self, chat: str, lane: str, edits: int | None) -> None:
        """A message, or an edit of one of those there are."""
        target = self.added[edits % len(self.added)] if edits is not None and self.added else None
        self.added.append(self.desk.queue(f"k{len(self.added)}", chat, lane=lane, target=target))

    @rule(resting=st.sets(CHATS))
    def begin(self, resting: set[str]) -> None:
        """The next call: of a chat that does not rest, and the first of its chat and lane that may go."""
        before = self.desk.all()
        call = self.desk.begin(*sorted(resting))
        if call is None:
            assert resting or not any(self._may_go(row, before) for row in before.values())
            return
        assert call.address not in resting
        assert self._may_go(before[call.message.id], before)
        assert plain(call.reply).startswith("（重发）") == bool(call.message.doubts and call.op == "send")
        self.open.append(call)

    def _may_go(self, row: Any, others: dict[int, Any]) -> bool:
        def later(other: Any) -> bool:
            return other.not_before is not None and other.not_before > self.desk.now

        mine = [r for r in others.values() if (r.address, r.lane) == (row.address, row.lane) and r.id != row.id]
        held = any(r.state == "sending" for r in mine) or any(
            r.state == "queued" or (r.state == "unknown" and not later(r)) for r in mine if r.id < row.id
        )
        target = others.get(row.target)
        waits = target is not None and target.state in PENDING
        return row.state in {"queued", "unknown"} and not later(row) and not held and not waits

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 20), end=ENDS)
    def settle(self, which: int, end: End) -> None:
        """One of the calls under way ends; a second end of it changes nothing."""
        call = self.open.pop(which % len(self.open))
        assert self.desk.settle(call, end) is True
        assert self.desk.settle(call, Sent("twice")) is False

    @rule()
    def crash(self) -> None:
        """Another leads; what was under way is unknown to it."""
        self.orphaned += [(self.desk.epoch, call) for call in self.open]
        self.desk.succeed()
        assert self.desk.recover() == len(self.open)
        self.open = []

    @precondition(lambda self: self.orphaned)
    @rule(which=st.integers(0, 20), end=ENDS)
    def settle_too_late(self, which: int, end: End) -> None:
        """The old leader hears how its call ended, and may not write it."""
        epoch, call = self.orphaned.pop(which % len(self.orphaned))
        with pytest.raises(LeaseLost):
            self.desk.settle(call, end, epoch=epoch)

    @rule(seconds=st.sampled_from([0.1, 1, 5, 61]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.desk.now += seconds * SECOND

    @invariant()
    def nothing_is_lost_doubled_or_changed(self) -> None:
        """Every row is there in a known state; settled ones stay; one call a chat and lane; few doubts."""
        found = self.desk.all()
        assert sorted(found) == self.added
        assert {row.state for row in found.values()} <= PENDING | SETTLED
        assert {row: found[row] for row in self.done} == self.done
        self.done = {row.id: row for row in found.values() if row.state in SETTLED}
        sending = [row for row in found.values() if row.state == "sending"]
        assert len({(row.address, row.lane) for row in sending}) == len(sending)
        assert {row.id for row in sending} == {call.message.id for call in self.open}
        assert all(row.doubts <= 3 or (row.doubts == 4 and row.state == "needs_human") for row in found.values())

    def teardown(self) -> None:
        """When the calls end and time passes, everything goes out: nothing waits for ever."""
        for call in self.open:
            self.desk.settle(call, Sent("m"))
        self.desk.now += 61 * SECOND
        self.desk.order()
        assert {row.state for row in self.desk.all().values()} <= SETTLED


def test_whatever_happens_nothing_is_lost(database: Database) -> None:
    """Random queueing, sending, failing, dying and waiting, against the rules above."""
    run_state_machine_as_test(
        type("OnDatabase", (Delivery,), {"database": database}),
        settings=settings(max_examples=30, stateful_step_count=40),
    )
