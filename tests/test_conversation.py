"""The conversation over the real inbox, handlers and outbox on a SQLite file."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from actions import events
from actions.message import Incoming, Reply, plain
from actions.schedule import Occurrence
from bot.app import App, Shelf
from bot.dispatch import Dispatcher, Port
from bot.settings import Settings
from jobs import retention
from knowledge.catalogue.registers import NATION
from knowledge.library import Library
from store import questions
from store.db import Database
from store.schema import inbox
from store.upgrade import upgrade

T = TypeVar("T")
NOON = datetime(2026, 11, 21, 12, tzinfo=ZoneInfo("Asia/Shanghai"))


class Chat:
    """One chat on a program of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        settings = Settings(data_dir=folder, web_listen="off")
        database = Database(settings.database())
        upgrade(database, folder)
        self.app = App(settings, database, Shelf(settings), lambda: NOON, "全国")
        self.seen = (0, 0)
        self.count = 0

    def run(self, work: Callable[[Dispatcher], Coroutine[Any, Any, T]], **options: Any) -> T:
        """Do something with a dispatcher and wait until everything is handled."""

        async def main() -> T:
            dispatcher = Dispatcher(self.app, Port("web"), **options)
            result = await work(dispatcher)
            await dispatcher.idle()
            return result

        return asyncio.run(main())

    def send(self, text: str, kind: str = "text", message: str | None = None, address: str = "a") -> list[Reply]:
        """Type or press something and read what came back."""
        self.count += 1
        incoming = Incoming("web", address, "press" if kind == "press" else "text", text, message)
        self.run(lambda d: d.receive(incoming, f"{address}-{self.count}"), paced=False)
        return [Reply.from_json(line.body) for line in self.lines(address) if not line.me]

    def lines(self, address: str = "a") -> list[events.Line]:
        """What is new in the chat since the last look."""
        with self.app.database.read() as tx:
            found = events.list_lines(tx, "web", address, self.seen)
        self.seen = (
            max([self.seen[0], *(line.row for line in found if line.me)]),
            max([self.seen[1], *(line.row for line in found if not line.me)]),
        )
        return found


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    """A new chat."""
    return Chat(tmp_path / "data")


def labels(reply: Reply) -> list[str]:
    """Labels of all buttons."""
    return [button.label for row in reply.rows for button in row]


def data(reply: Reply, label: str) -> str:
    """What the button with a label carries."""
    return next(button.data for row in reply.rows for button in row if button.label == label)


def test_an_answer_has_its_basis_place_day_and_buttons(chat: Chat) -> None:
    """Conclusion first, then basis with article and paragraph, place and day of checking, then buttons."""
    (reply,) = chat.send("听证几天内申请")
    text = plain(reply)
    assert "5 个工作日" in reply.blocks[0].text
    assert "依据：《行政处罚法》第64条第1项" in text
    assert "适用：全国" in text
    assert labels(reply) == ["详情", "依据", "相近", "没帮助"]


def test_an_answer_fits_one_phone_screen(chat: Chat, library: Library) -> None:
    """Every written entry's short answer stays near 300 characters: at most 480 with basis and warnings."""
    from actions.cards.entry import short

    lengths = {
        entry_id: len(plain(Reply(short(item, library, place, NOON.date()))))
        for entry_id in library.index.ids()
        for item in [library.item(entry_id)]
        for place in [item.place if item.place in library.registers.places.by_path else NATION]
    }
    assert {entry_id: n for entry_id, n in lengths.items() if n > 480} == {}


def test_details_basis_and_folding_replace_the_message_in_place(chat: Chat) -> None:
    """The long form takes the place of the short one, and the short one comes back."""
    (reply,) = chat.send("听证几天内申请")
    row = str(chat.seen[1])
    for label, expected in (("详情", "期限："), ("依据", "全国人民代表大会常务委员会"), ("收起", "5 个工作日")):
        (reply,) = chat.send(data(reply, label), "press", row)
        with chat.app.database.read() as tx:
            newest = events.list_lines(tx, "web", "a", (0, chat.seen[1] - 1))[-1]
        assert newest.target == int(row)
        assert expected in plain(reply)


def test_nobody_edits_a_message_of_another_chat(chat: Chat) -> None:
    """A press that names somebody else's message makes a new message instead."""
    chat.send("听证几天内申请", address="victim")
    victims = str(chat.seen[1])
    chat.send("details:hearing.apply-by", "press", victims, address="a")
    with chat.app.database.read() as tx:
        newest = events.list_lines(tx, "web", "a", (0, 0))[-1]
    assert newest.target is None


def test_choosing_a_place_changes_whom_the_answer_is_for(chat: Chat) -> None:
    """After /place 铁岭 a local question is answered by Tieling's document."""
    (before,) = chat.send("每年培训多少学时")
    assert "不确定" in plain(before)
    assert "/place" in plain(before)
    (chosen,) = chat.send("/place 铁岭")
    assert "铁岭市" in plain(chosen)
    (after,) = chat.send("每年培训多少学时")
    assert "铁政办发〔2024〕2号" in plain(after)


def test_the_place_dialogue_pages_survives_a_restart_and_can_be_left(chat: Chat) -> None:
    """/place offers pages of buttons; a typed place is taken even by a new process; /cancel leaves."""
    (first,) = chat.send("/place")
    assert len(first.rows) == 9
    row = str(chat.seen[1])
    (second,) = chat.send(data(first, "下一页（1/2）"), "press", row)
    assert "上一页" in labels(second)
    again = Chat.__new__(Chat)
    again.__dict__.update(chat.__dict__)
    (chosen,) = again.send("运城")
    assert "运城市" in plain(chosen)
    again.send("/place")
    (left,) = again.send("/cancel")
    assert "已退出" in plain(left)
    (nothing,) = again.send("/cancel")
    assert "没有进行中" in plain(nothing)


def test_a_question_typed_in_the_place_dialogue_is_answered(chat: Chat) -> None:
    """Somebody who asks instead of choosing is not held up."""
    chat.send("/place")
    (reply,) = chat.send("听证几天内申请")
    assert "5 个工作日" in plain(reply)


def test_browsing_leads_to_entries(chat: Chat) -> None:
    """/lists and /steps show what there is, a tap opens it, and what follows may lean on it."""
    for command, title in (("/lists 通用", "四张清单"), ("/lists 税务", "四张清单"), ("/steps 通用", "办案程序")):
        (menu,) = chat.send(command)
        assert title in plain(menu)
        (opened,) = chat.send(menu.rows[0][0].data, "press")
        assert "依据：" in plain(opened)


def test_a_follow_up_leans_on_the_turn_before(chat: Chat) -> None:
    """«能延长吗» after a question on sealing is about the extension of sealing."""
    chat.send("查封最长能封多久")
    (reply,) = chat.send("能延长吗")
    assert "30 日" in plain(reply)
    assert "行政强制法" in plain(reply)


def test_two_questions_get_two_answers_in_order(chat: Chat) -> None:
    """A message with two questions is answered by two messages."""
    first, second = chat.send("听证几天内申请？登记保存几天内处理？")
    assert "5 个工作日" in plain(first)
    assert "7 个工作日" in plain(second)


def test_unknown_refused_and_small_talk_are_said_so(chat: Chat) -> None:
    """Each has its own words; only an unknown question is promised to the curators."""
    (unknown,) = chat.send("火星车能上路吗")
    assert plain(unknown).startswith("不确定")
    (refused,) = chat.send("帮我查查是谁举报的我们店")
    assert "不能帮您" in plain(refused)
    (hello,) = chat.send("你好")
    assert "执法助手" in plain(hello)
    with chat.app.database.read() as tx:
        assert questions.counts(tx) == {"unknown": 1}


def test_personal_numbers_are_masked_before_a_question_is_recorded(chat: Chat) -> None:
    """The recorded question holds no telephone number."""
    chat.send("当事人电话13812345678，听证几天内申请")
    with chat.app.database.read() as tx:
        recorded = questions.get(tx, 1)
    assert recorded is not None
    assert "13812345678" not in (recorded.text or "")
    assert "〔手机号〕" in (recorded.text or "")


def test_not_helpful_is_noted_once_and_only_by_the_asker(chat: Chat) -> None:
    """The button marks the question; a stranger's press marks nothing."""
    (reply,) = chat.send("听证几天内申请")
    button = data(reply, "没帮助")
    chat.send(button, "press", address="stranger")
    with chat.app.database.read() as tx:
        before = questions.get(tx, 1)
    chat.send(button, "press")
    with chat.app.database.read() as tx:
        after = questions.get(tx, 1)
    assert before is not None
    assert after is not None
    assert (before.helpful, after.helpful) == (None, False)


@pytest.mark.parametrize("press", ["nonsense", "open:no.such.entry", "unhelpful:x", "place:atlantis", "lists:x:0", ":"])
def test_a_button_that_leads_nowhere_is_answered_kindly(chat: Chat, press: str) -> None:
    """Old or forged buttons get one sentence and change nothing."""
    (reply,) = chat.send(press, "press")
    assert len(plain(reply)) > 5
    assert plain(reply).endswith("。")


@pytest.mark.parametrize("command", ["/nonsense", "/", "/placeholder x"])
def test_an_unknown_command_is_named(chat: Chat, command: str) -> None:
    """A command that does not exist is answered with where to look."""
    (reply,) = chat.send(command)
    assert "/help" in plain(reply)


def test_a_repeated_event_is_answered_once(chat: Chat) -> None:
    """The same event delivered five times has one effect."""
    incoming = Incoming("web", "a", "text", "听证几天内申请")

    async def five(dispatcher: Dispatcher) -> list[bool]:
        return [await dispatcher.receive(incoming, "same") for _ in range(5)]

    assert chat.run(five) == [True, False, False, False, False]
    assert [line.me for line in chat.lines()] == [True, False]


def test_events_of_a_chat_are_answered_in_order(chat: Chat) -> None:
    """Twelve messages sent at once are answered in the order they were sent."""
    texts = ["听证几天内申请", "登记保存几天内处理", "查封最长能封多久"] * 4

    async def burst(dispatcher: Dispatcher) -> None:
        for n, text in enumerate(texts):
            await dispatcher.receive(Incoming("web", "a", "text", text), str(n))

    chat.run(burst, paced=False)
    answers = [json.dumps(line.body, ensure_ascii=False) for line in chat.lines() if not line.me]
    expected = ["hearing.apply-by", "evidence.registration-decide-by", "seizure.time-limit"] * 4
    assert [name in answer for name, answer in zip(expected, answers, strict=True)] == [True] * 12


def test_what_was_kept_but_not_handled_is_taken_up_at_the_next_start(chat: Chat) -> None:
    """A crash between keeping and handling loses nothing: the next start answers, once."""
    with chat.app.database.write() as tx:
        events.do_receive(tx, Incoming("web", "a", "text", "听证几天内申请"), "left", NOON)
    assert chat.run(lambda d: d.take_up()) == 1
    assert chat.run(lambda d: d.take_up()) == 0
    assert [line.me for line in chat.lines()] == [True, False]


def test_an_event_that_keeps_failing_is_parked_with_an_apology(chat: Chat) -> None:
    """A payload nothing can handle is given up after three tries; the next event is answered."""
    with chat.app.database.write() as tx:
        row = events.do_receive(tx, Incoming("web", "a", "text", "x"), "poison", NOON)
        tx.execute(sa.update(inbox).where(inbox.c.id == row).values(payload={"kind": "text", "text": None}))
    chat.run(lambda d: d.take_up())
    with chat.app.database.read() as tx:
        (parked,) = events.list_parked(tx)
    assert "Error at " in parked
    (reply,) = [r for r in chat.send("听证几天内申请") if "工作日" in plain(r)]
    assert "5 个工作日" in plain(reply)


def test_after_180_days_nothing_that_was_said_is_left(chat: Chat) -> None:
    """The daily tick drops the wording of questions and of the chat; which entry answered stays."""
    chat.send("听证几天内申请")
    occurrence = Occurrence(1, "retention", "", NOON, {}, "due", 0, None)
    with chat.app.database.write() as tx:
        retention.run(tx, occurrence, NOON + timedelta(days=179))
        assert len(events.list_lines(tx, "web", "a", (0, 0))) == 2
        retention.run(tx, occurrence, NOON + timedelta(days=181))
        assert events.list_lines(tx, "web", "a", (0, 0)) == []
        kept = questions.get(tx, 1)
    assert kept is not None
    assert (kept.text, kept.entry) == (None, "hearing.apply-by")


def test_a_flood_is_slowed_down_with_one_line(chat: Chat) -> None:
    """Beyond ten at once messages are not handled, and the person is told once."""

    async def flood(dispatcher: Dispatcher) -> list[bool]:
        return [await dispatcher.receive(Incoming("web", "a", "text", "你好"), str(n)) for n in range(30)]

    taken = chat.run(flood)
    assert taken[:10] == [True] * 10
    assert sum(taken) < 15
    told = [line for line in chat.lines() if not line.me and "太快" in json.dumps(line.body, ensure_ascii=False)]
    assert len(told) == 1


@pytest.mark.parametrize("typed", ["/ 当事人 13812345678", "/help 13812345678", "/13812345678", "/place 13812345678"])
def test_a_number_behind_a_slash_is_kept_and_said_back_nowhere(chat: Chat, typed: str) -> None:
    """Only what stands after /start is kept as it is until it was handed in; and nothing of it afterwards."""
    chat.send(typed)
    chat.send("/start@some_bot\t13812345678")
    held = (chat.app.settings.data_dir / "zhifa.db").read_bytes()
    held += (chat.app.settings.data_dir / "zhifa.db-wal").read_bytes()
    with chat.app.database.read() as tx:
        said = json.dumps([line.body for line in events.list_lines(tx, "web", "a", (0, 0))], ensure_ascii=False)
    assert "13812345678" not in said
    assert typed.encode() not in held


def test_a_button_pressed_twice_does_its_thing_once_each_time(chat: Chat) -> None:
    """A second press within ten seconds with nothing between is none; a minute later it is one again, and only one."""
    chat.send("听证几天内申请")
    row = str(chat.seen[1])
    minutes = [0, 0, 1, 1, 2]
    answers = []
    for minute in minutes:
        chat.app = replace(chat.app, clock=partial(NOON.__add__, timedelta(minutes=minute)))
        answers.append(len(chat.send("open:hearing.apply-by", "press", row)))
    assert answers == [1, 0, 1, 0, 1]
