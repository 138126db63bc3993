"""The conversation over Telegram: the real program on the played Bot API; longer than most because all of it is here.

Most tests share one program on long polling; each has a person of its own, so that they do not disturb each
other. Nothing the program does may be against the documentation, whatever the test is about.
"""

import itertools
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from actions import events
from bot.channels.telegram import read
from bot.settings import read_settings
from knowledge.library import Library
from store import channels, outbox
from store.schema import conversations, questions
from store.upgrade import upgrade
from tests.botapi import BotApi, Call, Event, Fault, Group, Limits, Sent, drop, error, malformed, too_many
from tests.botapi.effects import Refused
from tests.botapi.entities import utf16_length
from tests.botapi.faults import OUTGOING
from tests.botapi.people import KINDS
from tests.conftest import Command
from tests.telegram_support import PATIENCE, Bot, Talk, free_port, now, post, proper, sends, texts
from tests.test_telegram_read import BOT
from zhifa_errors import UsageError

QUESTION, ANSWER = "听证几天内申请", "5 个工作日"
OTHER_QUESTION, OTHER_ANSWER = "登记保存几天内处理", "7 个工作日"
UNCLEAR = "能延长几次"
NONSENSE = "asdf qwer zxcv"
ENTRY = "hearing.apply-by"
LINK = "open-hearing_apply-by"
AGAIN = "（重发）"
SOURCE = f"telegram:{BOT}"
GREETING = "我是执法助手"
NUMBERS = itertools.count(1001)
GROUPS = itertools.count(1)
PROVOKED = {"markup_refused", "message_refused", "event_failed", "apology_failed"}
"""What tests of the shared program make it log as errors; anything else there is a defect."""

Alone = Callable[..., Bot]


@pytest.fixture(scope="module")
def index(library: Library) -> Path:
    """The compiled content."""
    return library.index.path


@pytest.fixture(scope="module")
def api() -> Iterator[BotApi]:
    """The Bot API of the shared program; a busy machine may take a while to understand a 429."""
    with BotApi(limits=Limits(grace=0.25)) as served:
        yield served


@pytest.fixture(scope="module")
def bot(api: BotApi, index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """The shared program."""
    with Bot(tmp_path_factory.mktemp("telegram"), api, index) as running:
        yield running.start().receiving()
        assert running.stop() == 0
        errors = [
            record for record in map(json.loads, running.logged.lines) if record["level"] in ("error", "critical")
        ]
        assert [record for record in errors if record["event"] not in PROVOKED] == []


@pytest.fixture
def officer(api: BotApi, bot: Bot) -> Iterator[Talk]:
    """Somebody new who writes to the shared program."""
    with proper(api):
        yield Talk(api, api.person(next(NUMBERS), "王小明"))


@pytest.fixture
def colleague(api: BotApi, officer: Talk) -> Talk:
    """Somebody else."""
    return Talk(api, api.person(next(NUMBERS), "李小红"))


@pytest.fixture
def group(api: BotApi, officer: Talk) -> Group:
    """A group that the officer has just added the bot to, and that was greeted."""
    made = api.group(-1_000_000 - next(GROUPS), "城关所")
    made.adds_bot(officer.person)
    api.wait_until(lambda: api.sent_to(made.id), PATIENCE)
    return made


@pytest.fixture
def alone(index: Path, tmp_path: Path) -> Iterator[Alone]:
    """Make a program of one's own on a Bot API of its own: `alone(ZHIFA_OPEN_QA="false")`; it is not started yet."""
    with ExitStack() as at_the_end:

        def make(compiled: bool = True, **env: str) -> Bot:
            served = at_the_end.enter_context(BotApi())
            at_the_end.enter_context(proper(served))
            folder = tmp_path / f"bot-{served.port}"
            folder.mkdir()
            return at_the_end.enter_context(Bot(folder, served, index if compiled else None, **env))

        yield make


def talk(bot: Bot, number: int = 5001) -> Talk:
    """Somebody who writes to a program of its own."""
    return Talk(bot.api, bot.api.person(number, "王小明"))


def said_in(api: BotApi, group: Group, count: int) -> list[Sent]:
    """Wait until the bot has said so much in a group; gives all of it."""
    api.wait_until(lambda: len(api.sent_to(group.id)) >= count, PATIENCE)
    return api.sent_to(group.id)


def fetch(api: BotApi, act: Callable[[], Event]) -> Event:
    """Do something and wait until the program has fetched it; gives what was done."""
    with api.changed:
        fetched = sum(call.ok for call in api.calls_of("getUpdates"))
        done = act()
    api.wait_until(lambda: sum(call.ok for call in api.calls_of("getUpdates")) > fetched, PATIENCE)
    return done


def quoted(message: Sent) -> int:
    """The number of the message that a message answers."""
    return int(message.params["reply_parameters"]["message_id"])


# ---- questions and answers


def test_start_is_answered_with_a_greeting(officer: Talk) -> None:
    """Who presses Start learns what can be asked, how, and which commands there are."""
    [hello] = officer.after(officer.person.starts)
    assert hello.text.startswith(GREETING)
    assert QUESTION in hello.text
    assert "/place" in hello.text
    assert "/me" not in hello.text, "for those who are enrolled"


def test_a_question_is_answered_with_its_basis(officer: Talk) -> None:
    """The conclusion first and bold, then what it rests on, then buttons; it fits a phone and previews no link."""
    answer = officer.ask(QUESTION)
    first = answer.text.split("\n")[0]
    assert ANSWER in first
    assert answer.entities[0] == {"type": "bold", "offset": 0, "length": utf16_length(first)}
    assert "依据：《行政处罚法》第64条第1项" in answer.text
    assert len(answer.text) < 330
    assert answer.labels == ["详情", "依据", "相近", "没帮助"]
    assert answer.params["link_preview_options"] == {"is_disabled": True}
    assert "reply_parameters" not in answer.params, "in private nothing needs quoting"


def test_what_is_not_known_is_said_to_be_unknown(officer: Talk) -> None:
    """No guess: «不确定», and no basis for it."""
    answer = officer.ask(NONSENSE)
    assert "不确定" in answer.text
    assert "依据：" not in answer.text


def test_an_ambiguous_question_is_answered_by_tapping(officer: Talk) -> None:
    """What could be meant are buttons, and a tap answers with that entry."""
    offered = officer.ask(UNCLEAR)
    assert "请选" in offered.text
    assert 2 <= len(offered.buttons) <= 4
    [answer] = officer.after(lambda: officer.person.presses(offered, offered.labels[0]))
    assert "依据：" in answer.text
    assert "没帮助" not in offered.labels


def test_details_basis_and_what_is_near_unfold_in_place(officer: Talk) -> None:
    """The one message becomes longer, another, and the same as before again; nothing is added below it."""
    answer = officer.ask(QUESTION)
    short = answer.text
    long = officer.press(answer, "详情").text
    assert len(long) > len(short)
    assert "《市场监督管理行政处罚听证办法》" in long
    assert "全国人民代表大会" in officer.press(answer, "依据").text
    assert officer.press(answer, "相近").labels[-3:] == ["收起", "详情", "依据"]
    assert officer.press(answer, "收起").text == short
    assert officer.answers == [answer]


def test_a_choice_opened_from_what_is_near_answers_below(officer: Talk) -> None:
    """An entry that was tapped is a new answer."""
    near = officer.press(officer.ask(QUESTION), "相近")
    [answer] = officer.after(lambda: officer.person.presses(near, near.labels[0]))
    assert "依据：" in answer.text
    assert answer.labels[:2] == ["详情", "依据"]


@pytest.mark.parametrize(
    ("first", "then", "answer"),
    [("查封最长能封多久", "那冻结呢", "冻结"), ("查封最长能封多久", UNCLEAR, "30 日")],
)
def test_a_follow_up_leans_on_the_turn_before(officer: Talk, first: str, then: str, answer: str) -> None:
    """What is left out is taken from the question before; without one it is no clear question."""
    assert "依据：" not in officer.ask(then).text
    officer.ask(first)
    followed = officer.ask(then).text
    assert answer in followed
    assert "依据：" in followed


def test_two_questions_in_one_message_are_two_answers_in_order(officer: Talk) -> None:
    """Each has its own answer, buttons and basis."""
    one, two = officer.after(lambda: officer.person.types(f"{QUESTION}？{OTHER_QUESTION}？"), 2)
    assert ANSWER in one.text
    assert OTHER_ANSWER in two.text
    assert (one.labels[0], two.labels[0]) == ("详情", "详情")


def test_not_helpful_is_noted(officer: Talk, bot: Bot) -> None:
    """One tap marks the question for those who keep the content, and says so."""
    answer = officer.ask(QUESTION)
    [noted] = officer.after(lambda: officer.person.presses(answer, "没帮助"))
    assert "已记下" in noted.text
    row = int(answer.data[-1].partition(":")[2])
    found = bot.look(lambda tx: tx.execute(sa.select(questions).where(questions.c.id == row)).one())
    assert (found.address, found.helpful) == (str(officer.id), False)


def test_an_edited_message_is_answered_anew(officer: Talk) -> None:
    """The answer to the corrected question quotes it, so that one sees which it answers."""
    asked = officer.person.types(NONSENSE)
    officer.api.wait_until(lambda: len(officer.answers) == 1, PATIENCE)
    [answer] = officer.after(lambda: officer.person.edits(asked.message_id, QUESTION))
    assert ANSWER in answer.text
    assert quoted(answer) == asked.message_id


def test_a_link_opens_its_entry(officer: Talk) -> None:
    """`t.me/…?start=open-…` answers with the entry, and a follow-up leans on it."""
    [answer] = officer.after(lambda: officer.person.starts(LINK))
    assert ANSWER in answer.text
    assert f"details:{ENTRY}" in answer.data


def test_a_link_to_an_entry_that_is_gone_is_no_riddle(officer: Talk) -> None:
    """An old link is answered in words; no code is burned for it."""
    [answer] = officer.after(lambda: officer.person.starts("open-no_such-entry"))
    assert "重新查询" in answer.text or "重新提问" in answer.text


@pytest.mark.parametrize(
    "text",
    [
        *("\u200b", "。", "？？？", "😀", "/", "/ x", "//", "/start@", "/开始", "<b>", "&amp;", "\u202e听证", "33"),
        *("听" * 4096, "/unknown <b>&", "/place <i>x</i>", "/lists <a href='x'>", f"/start {'x' * 64}", "/START"),
        *("/help@other_bot", "/help\n" + QUESTION, "/cancel"),
    ],
)
def test_whatever_is_typed_is_answered_in_words(officer: Talk, bot: Bot, text: str) -> None:
    """Once, with something to read, and what is said back is shown as it was typed."""
    answer = officer.ask(text)
    assert re.search("[一-龥]", answer.text)
    bot.quiet()
    assert officer.answers == [answer]


def test_what_is_said_back_is_not_taken_for_markup(officer: Talk) -> None:
    """Brackets and ampersands come back as they are."""
    assert "「<b>&amp;」" in officer.ask("/place <b>&amp;").text


# ---- inline


def test_an_inline_question_gives_what_can_be_put_into_any_chat(officer: Talk) -> None:
    """The answer with its basis, for this person only, and a link to the whole entry in the private chat."""
    asked = officer.person.asks_inline(QUESTION)
    [result] = asked.results(PATIENCE)
    content = result["input_message_content"]["message_text"]
    assert ANSWER in content
    assert "依据：" in content
    assert ANSWER in result["title"]
    [[button]] = result["reply_markup"]["inline_keyboard"]
    assert button["url"] == f"https://t.me/{officer.api.bot['username']}?start={LINK}"
    assert asked.wait()["is_personal"] is True


def test_an_ambiguous_inline_question_gives_several(officer: Talk) -> None:
    """Each likely entry is one result."""
    results = officer.person.asks_inline(UNCLEAR).results(PATIENCE)
    assert len(results) >= 2
    assert len({result["title"] for result in results}) == len(results)


@pytest.mark.parametrize("query", ["", NONSENSE, "<b>&", "x" * 256])
def test_an_inline_question_without_answer_is_answered_with_nothing(officer: Talk, query: str) -> None:
    """An empty list, not silence: Telegram would show a spinner."""
    assert officer.person.asks_inline(query).results(PATIENCE) == []


def test_inline_questions_leave_no_trace(officer: Talk) -> None:
    """They are typed letter by letter: nothing is said in the private chat and no turn is leant on."""
    officer.ask(NONSENSE)
    officer.person.asks_inline("查封最长能封多久").wait(PATIENCE)
    assert "请选" in officer.ask(UNCLEAR).text
    assert len(officer.answers) == 2


# ---- groups


def test_a_group_is_greeted_once(officer: Talk, group: Group) -> None:
    """Who adds the bot learns how to address it and where personal things belong."""
    officer.person.types_in(group, "/lists")
    hello, _ = said_in(officer.api, group, 2)
    assert "@" in hello.text
    assert hello.urls == [f"https://t.me/{officer.api.bot['username']}?start=help"]


def test_a_group_is_answered_only_where_it_speaks_to_the_bot(officer: Talk, group: Group) -> None:
    """Silent to talk, questions to others, other bots' commands and stickers; a mention is answered and quoted."""
    person, name = officer.person, officer.api.bot["username"]
    for text in ("大家好", QUESTION, "/lists@other_bot", f"/lists@{name}_2", "@other_bot " + QUESTION):
        person.types_in(group, text)
    for kind in ("sticker", "photo", "voice"):
        person.says(group.chat, KINDS[kind])
    asked = person.types_in(group, f"@{name} {OTHER_QUESTION}")
    _, answer = said_in(officer.api, group, 2)
    assert OTHER_ANSWER in answer.text
    assert quoted(answer) == asked.message_id
    asked = person.types_in(group, f"{QUESTION} @{name}")
    assert quoted(said_in(officer.api, group, 3)[2]) == asked.message_id
    assert len(officer.api.sent_to(group.id)) == 3


def test_a_reply_to_the_bot_is_a_question_to_it(officer: Talk, group: Group) -> None:
    """Answering its message needs no mention; answering another's is none of its business."""
    said = officer.person.types_in(group, "大家好")
    officer.person.replies_in(group, said.message_id, OTHER_QUESTION)
    asked = officer.person.replies_in(group, officer.api.sent_to(group.id)[0], QUESTION)
    _, answer = said_in(officer.api, group, 2)
    assert ANSWER in answer.text
    assert quoted(answer) == asked.message_id


@pytest.mark.parametrize("suffix", ["", "@zhifa_test_bot", "@Zhifa_Test_Bot"])
def test_a_command_in_a_group_is_answered(officer: Talk, group: Group, suffix: str) -> None:
    """With or without the bot's name behind it."""
    asked = officer.person.types_in(group, f"/lists{suffix}")
    _, answer = said_in(officer.api, group, 2)
    assert "请选领域" in answer.text
    assert quoted(answer) == asked.message_id


def test_a_caption_that_mentions_the_bot_is_a_question(officer: Talk, group: Group) -> None:
    """What stands under a picture is text."""
    name = officer.api.bot["username"]
    officer.person.says(group.chat, {**KINDS["photo"], "caption": f"@{name} {QUESTION}"})
    assert ANSWER in said_in(officer.api, group, 2)[1].text


def test_everyone_in_a_group_has_a_conversation_of_their_own(officer: Talk, colleague: Talk, group: Group) -> None:
    """A follow-up leans on one's own question, not on another's."""
    api, at = officer.api, f"@{officer.api.bot['username']} "
    officer.person.types_in(group, at + "查封最长能封多久")
    said_in(api, group, 2)
    colleague.person.types_in(group, at + UNCLEAR)
    assert "请选" in said_in(api, group, 3)[2].text
    officer.person.types_in(group, at + UNCLEAR)
    assert "依据：" in said_in(api, group, 4)[3].text


def test_everyone_in_a_group_has_a_place_of_their_own(officer: Talk, colleague: Talk, group: Group) -> None:
    """Who chooses a place chooses it for oneself, in that group."""
    api = officer.api
    officer.person.types_in(group, "/place 铁岭")
    assert "铁岭" in said_in(api, group, 2)[1].text
    colleague.person.types_in(group, "/help")
    assert "「全国」" in said_in(api, group, 3)[2].text
    officer.person.types_in(group, "/help")
    assert "铁岭市」" in said_in(api, group, 4)[3].text
    [hello] = officer.after(officer.person.starts)
    assert "「全国」" in hello.text


@pytest.mark.parametrize(("command", "payload"), [("/me", "me"), ("/start CODE-123", "help")])
def test_what_is_personal_leads_to_the_private_chat(officer: Talk, group: Group, command: str, payload: str) -> None:
    """The group reads nothing about the person, and sees a button that opens the private chat."""
    officer.person.types_in(group, command)
    answer = said_in(officer.api, group, 2)[1]
    assert "私聊" in answer.text
    assert answer.urls == [f"https://t.me/{officer.api.bot['username']}?start={payload}"]
    assert len(answer.buttons) == 1


def test_a_button_in_a_group_works_for_who_presses_it(officer: Talk, colleague: Talk, group: Group) -> None:
    """Anybody may unfold an answer; it stays one message."""
    officer.person.types_in(group, f"@{officer.api.bot['username']} {QUESTION}")
    answer = said_in(officer.api, group, 2)[1]
    asked = colleague.person.presses(answer, "详情")
    asked.wait(PATIENCE)
    officer.api.wait_until(lambda: answer.history, PATIENCE)
    assert len(officer.api.sent_to(group.id)) == 2


def test_a_bot_that_was_removed_says_nothing_more(officer: Talk, group: Group, bot: Bot) -> None:
    """It is noted like a chat that cannot be written to."""
    group.removes_bot(officer.person)
    bot.comes_true(lambda tx: channels.unreachable_since(tx, "telegram", str(group.id)))
    assert len(officer.api.sent_to(group.id)) == 1


# ---- what is no text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("voice", "语音"),
        ("photo", "图片"),
        ("video", "文字"),
        ("sticker", "文字"),
        ("location", "/place"),
        ("document", "文件"),
        ("contact", "没有保存"),
        ("dice", "文字"),
    ],
)
def test_what_is_no_text_gets_one_kind_line(officer: Talk, kind: str, words: str) -> None:
    """It says what to do instead."""
    [answer] = officer.after(lambda: officer.person.sends(kind))
    assert words in answer.text
    assert "\n" not in answer.text
    assert len(answer.text) < 60


@pytest.mark.parametrize("kind", ["photo", "document", "video"])
def test_a_caption_is_a_question(officer: Talk, kind: str) -> None:
    """A picture with words is answered by its words."""
    officer.ask(NONSENSE)
    [answer] = officer.after(lambda: officer.person.says(officer.person.chat, {**KINDS[kind], "caption": QUESTION}))
    assert ANSWER in answer.text


# ---- buttons


@pytest.mark.parametrize(
    "data",
    [
        *("open:no.such-entry", "details:no.such-entry", "basis:x", "related:x", "short:x", "place:nowhere"),
        *("unhelpful:99999", "unhelpful:-1", "lists:nowhere:0", "places:-5", "nonsense:1", "nonsense", ":", "x" * 64),
    ],
)
def test_a_button_that_means_nothing_any_more_is_answered_kindly(officer: Talk, data: str) -> None:
    """An old screen, a removed entry, an unknown action: a line on what to do, and the spinner stops."""
    old = officer.ask(QUESTION)
    asked = officer.person.presses(old, data, anyway=True)
    asked.wait(PATIENCE)
    officer.api.wait_until(lambda: len(officer.answers) == 2 or old.history, PATIENCE)
    assert re.search("请|选", officer.answers[-1].text)


def test_unfolding_twice_quickly_unfolds_once(officer: Talk, bot: Bot) -> None:
    """Both spinners stop, the message changes once, and Telegram's complaint that nothing changed is no matter."""
    answer = officer.ask(QUESTION)
    with officer.api.changed:
        presses = [officer.person.presses(answer, "详情") for _ in range(3)]
    for asked in presses:
        asked.wait(PATIENCE)
    bot.quiet()
    assert len(answer.history) == 1
    assert officer.answers == [answer]


def test_choosing_twice_quickly_answers_once(officer: Talk, bot: Bot) -> None:
    """A button pressed twice does the thing once."""
    offered = officer.ask(UNCLEAR)
    with officer.api.changed:
        presses = [officer.person.presses(offered, offered.labels[0]) for _ in range(2)]
    for asked in presses:
        asked.wait(PATIENCE)
    bot.quiet()
    assert len(officer.answers) == 2


def test_the_spinner_stops_even_when_handling_fails(officer: Talk, colleague: Talk, bot: Bot, run: Command) -> None:
    """After three tries it is parked, the person is told, and the chats of others go on meanwhile."""
    offered = officer.ask(UNCLEAR)
    with bot.database.write() as tx:
        tx.execute(sa.delete(conversations).where(conversations.c.address == str(officer.id)))
    with bot.spoilt("conversations", f"NEW.address = '{officer.id}'"):
        asked = officer.person.presses(offered, offered.labels[0])
        assert ANSWER in colleague.ask(QUESTION).text
        asked.wait(PATIENCE)
        officer.api.wait_until(lambda: len(officer.answers) == 2, PATIENCE)
    assert "出了问题" in officer.answers[1].text
    assert (bot.row(asked.update_id).state, bot.row(asked.update_id).attempts) == ("parked", 3)
    told = run("doctor", ZHIFA_DATA_DIR=str(bot.data))
    assert told.returncode == 1
    assert "parked" in told.stdout
    assert ANSWER in officer.ask(QUESTION).text


def test_what_cannot_even_be_apologised_for_is_parked(officer: Talk, colleague: Talk, bot: Bot) -> None:
    """Where no reply can be kept at all the update is given up after three tries, and not tried for ever."""
    old = officer.ask(QUESTION)
    with bot.spoilt("outbox", f"NEW.address = '{officer.id}'"):
        asked = officer.person.presses(old, "没帮助")
        asked.wait(PATIENCE)
        bot.comes_true(lambda _: bot.row(asked.update_id).state == "parked")
    assert bot.row(asked.update_id).attempts == 3
    assert ANSWER in colleague.ask(QUESTION).text
    assert ANSWER in officer.ask(QUESTION).text


# ---- who can be written to


def test_a_block_is_noted_and_so_is_its_end(officer: Talk, bot: Bot) -> None:
    """Telegram tells when somebody blocks the bot and lets it in again."""
    officer.ask(QUESTION)
    officer.person.blocks()
    bot.comes_true(lambda tx: channels.unreachable_since(tx, "telegram", str(officer.id)))
    officer.person.unblocks()
    bot.comes_true(lambda tx: not channels.unreachable_since(tx, "telegram", str(officer.id)))


def test_a_chat_that_refuses_is_noted_and_not_tried_again(officer: Talk, bot: Bot) -> None:
    """403 is an end: the answer is unreachable, the chat too, until the person writes again and gets only the new."""
    officer.ask(QUESTION)
    with officer.api.changed:
        officer.person.types(OTHER_QUESTION)
        officer.person.chat.reachable = False
    bot.comes_true(lambda tx: channels.unreachable_since(tx, "telegram", str(officer.id)))
    states = [message.address for message in bot.look(lambda tx: outbox.in_state(tx, ("unreachable",)))]
    assert str(officer.id) in states
    assert ANSWER in officer.ask(QUESTION).text
    bot.comes_true(lambda tx: not channels.unreachable_since(tx, "telegram", str(officer.id)))
    assert [call.status for call in sends(officer.api, officer.id)] == [200, 403, 200]
    assert len(officer.answers) == 2


# ---- enrolment and menus


def _invited(bot: Bot, run: Command, **env: str) -> dict[str, str]:
    done = run("invite", "--role", "officer", "--json", **{**bot.env, "ZHIFA_DATA_DIR": str(bot.data), **env})
    assert done.returncode == 0
    assert bot.api.token not in done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_everybody_has_a_menu_in_chinese(officer: Talk) -> None:
    """In private chats and in groups; what is personal is not for groups, what is for the enrolled is for nobody."""
    commands = officer.api.commands
    private, groups = commands["all_private_chats"], commands["all_group_chats"]
    assert {"place", "lists", "steps", "help", "cancel"} == {item["command"] for item in private}
    assert {item["command"] for item in groups} <= {item["command"] for item in private}
    assert all(re.search("[一-龥]", item["description"]) for item in private + groups)
    assert re.search("[一-龥]", officer.api.profile["description:"])
    assert re.search("[一-龥]", officer.api.profile["short_description:"])


def test_an_invitation_enrols_and_gives_the_person_a_menu(
    officer: Talk, colleague: Talk, bot: Bot, run: Command
) -> None:
    """`/start CODE` by the link of `zhifa invite`; /me then knows the person; the code is good once and not kept."""
    assert "还没有登记" in officer.ask("/me").text
    invitation = _invited(bot, run)
    assert invitation["link"] == f"https://t.me/{officer.api.bot['username']}?start={invitation['code']}"
    started: list[Any] = []
    [welcome] = officer.after(lambda: started.append(officer.person.starts(invitation["code"])))
    assert "已登记" in welcome.text
    officer.api.wait_until(lambda: f"chat:{officer.id}" in officer.api.commands, PATIENCE)
    assert "me" in {item["command"] for item in officer.api.commands[f"chat:{officer.id}"]}
    assert "执法人员" in officer.ask("/me").text
    assert "王小明" in officer.ask("/me").text
    [refused] = colleague.after(lambda: colleague.person.starts(invitation["code"]))
    assert "已经用过" in refused.text
    assert "还没有登记" in colleague.ask("/me").text
    assert f"chat:{colleague.id}" not in officer.api.commands
    assert bot.row(started[0].update_id).payload == {}


def test_a_menu_is_set_once(officer: Talk, bot: Bot, run: Command) -> None:
    """Further messages do not set it again."""
    officer.after(lambda: officer.person.starts(_invited(bot, run)["code"]))
    officer.api.wait_until(lambda: f"chat:{officer.id}" in officer.api.commands, PATIENCE)
    officer.ask(QUESTION)
    officer.ask(OTHER_QUESTION)
    scopes = [call.params.get("scope", {}) for call in officer.api.calls_of("setMyCommands")]
    assert [scope.get("chat_id") for scope in scopes].count(officer.id) == 1


def test_where_questions_are_not_open_one_is_told_to_enrol(alone: Alone, run: Command) -> None:
    """Questions, buttons and inline are refused kindly; help and enrolling are not; then all is answered."""
    bot = alone(ZHIFA_OPEN_QA="false").start().receiving()
    stranger, other, third = (talk(bot, number) for number in (5001, 5002, 5003))
    refusal = stranger.ask(QUESTION)
    assert "请先登记" in refusal.text
    assert "/start" in refusal.text
    old = stranger.ask("/help")
    assert old.text.startswith(GREETING)
    [pressed] = stranger.after(lambda: stranger.person.presses(old, f"open:{ENTRY}", anyway=True))
    assert "请先登记" in pressed.text
    assert "请先登记" in other.ask("/lists").text
    assert "请先登记" in other.after(lambda: other.person.starts(LINK))[0].text
    assert other.person.asks_inline(QUESTION).results(PATIENCE) == []
    assert "已登记" in third.after(lambda: third.person.starts(_invited(bot, run)["code"]))[0].text
    assert ANSWER in third.ask(QUESTION).text
    assert len(third.person.asks_inline(QUESTION).results(PATIENCE)) == 1


# ---- long, slow, too much


STEPS = [f"第{n}件：" + f"把第{n}份材料核对清楚再往下办，" * 28 + f"第{n}件完。" for n in range(1, 21)]
LONG = f"""\
- id: test.long
  kind: procedure
  title: 特别长的办理流程
  ask: [特别长的流程怎么走, 很长的流程有几步, 特长流程步骤, 二十步流程怎么办]
  answer: 特别长的流程共二十步，逐项办理。
  steps: [{", ".join(f"{{do: {step}}}" for step in STEPS)}]
  cites: [行政处罚法第56条]
  in_force: {{from: 2021-07-15, until: null}}
  checked: 2026-11-21
"""


def test_a_long_message_is_split_at_paragraphs(alone: Alone, tmp_path: Path) -> None:
    """Every message is short enough, every step whole and in order; the first stays in place, the last has buttons."""
    path = tmp_path / "more/national/general.long.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(LONG, encoding="utf-8")
    bot = alone(compiled=False, ZHIFA_KNOWLEDGE_DIRS=str(tmp_path / "more")).start().receiving()
    officer = talk(bot)
    [answer] = officer.after(lambda: officer.person.starts("open-test_long"))
    rest = officer.after(lambda: officer.person.presses(answer, "详情"), 2)
    shown = [answer, *rest]
    officer.ask(NONSENSE)
    assert len(officer.answers) == len(shown) + 1
    assert len(answer.history) == 1
    assert all(2_000 < utf16_length(message.text) <= 4_096 for message in shown[:-1])
    assert utf16_length(shown[-1].text) <= 4_096
    lines = [line for message in shown for line in message.text.split("\n")]
    assert [line for line in lines if "件：" in line] == [f"{n}. {step}" for n, step in enumerate(STEPS, 1)]
    assert (answer.labels, rest[0].labels, "收起" in rest[-1].labels) == ([], [], True)


def _typing(api: BotApi, chat: int) -> list[Call]:
    return [call for call in api.calls_of("sendChatAction") if call.chat == chat]


def test_a_typing_mark_is_shown_when_it_takes_long(officer: Talk, bot: Bot) -> None:
    """After a second, while it still goes on; what is kept by another process is handled by this one."""
    officer.ask(NONSENSE)
    message = {"message_id": 999, "date": 1_790_000_000, "from": officer.person.raw, "chat": officer.person.chat.raw}
    kept = read.raw({"update_id": 10**9 + officer.id, "message": {**message, "text": QUESTION}}, str(BOT))
    with bot.database.write() as tx:
        events.do_receive_raw(tx, "telegram", [kept], now())
    with bot.busy_database():
        officer.api.wait_until(lambda: _typing(officer.api, officer.id), PATIENCE)
        assert len(officer.answers) == 1
    officer.api.wait_until(lambda: len(officer.answers) == 2, PATIENCE)
    [mark] = _typing(officer.api, officer.id)
    assert mark.params["action"] == "typing"


def test_no_typing_mark_is_shown_when_it_is_fast(officer: Talk) -> None:
    """An answer that is there at once needs none; on a machine that is too busy for that nothing is shown here."""
    begun = time.monotonic()
    officer.ask(QUESTION)
    officer.ask(OTHER_QUESTION)
    assert _typing(officer.api, officer.id) == [] or time.monotonic() - begun > 1


def test_who_types_too_fast_is_told_once(officer: Talk, colleague: Talk, bot: Bot) -> None:
    """Ten of thirty are answered, one polite line, nothing else; every one is recorded as done; others go on."""
    with officer.api.changed:
        typed = [officer.person.types(f"{QUESTION}{'？' * (n % 3)}") for n in range(30)]
    assert ANSWER in colleague.ask(QUESTION).text
    officer.api.wait_until(lambda: len(officer.answers) >= 11, PATIENCE)
    bot.quiet()
    said = texts(officer.answers)
    assert [ANSWER in text for text in said] == [True] * 10 + [False]
    assert "太快" in said[10]
    assert {bot.row(one.update_id).state for one in typed} == {"done"}


# ---- Telegram refuses


def test_markup_that_telegram_refuses_is_sent_plain_once(officer: Talk, bot: Bot) -> None:
    """A defect of the renderer costs the bold print, not the answer; it is logged as a defect."""

    def refuse(call: Call) -> bool:
        if call.chat == officer.id and "parse_mode" in call.params:
            raise Refused(400, "Bad Request: can't parse entities: Unsupported start tag")
        return False

    officer.api.fail_next("sendMessage", error(), when=refuse)
    since = len(bot.logged.lines)
    answer = officer.ask(QUESTION)
    assert bot.event("markup_refused", since)["level"] == "error"
    assert ANSWER in answer.text
    assert "<b>" not in answer.text
    assert answer.entities == []
    assert answer.labels[0] == "详情"
    assert [call.status for call in sends(officer.api, officer.id)] == [400, 200]


def test_a_message_that_telegram_will_never_take_needs_a_human(officer: Talk, bot: Bot, run: Command) -> None:
    """It is not tried again and not forgotten: `zhifa doctor` lists it, without its text."""
    officer.api.fail_next("sendMessage", error(400), when=lambda call: call.chat == officer.id)
    officer.person.types(QUESTION)
    assert OTHER_ANSWER in officer.ask(OTHER_QUESTION).text
    assert [call.status for call in sends(officer.api, officer.id)] == [400, 200]
    told = run("doctor", ZHIFA_DATA_DIR=str(bot.data))
    assert told.returncode == 1
    assert re.search(r"[1-9]\d* message\(s\) need a human", told.stdout)
    assert "听证" not in told.stdout


def _outgoing(api: BotApi, begin: float, end: float) -> list[str]:
    return [call.method for call in api.calls if call.method in OUTGOING and begin < call.started < end]


def test_after_too_many_requests_nothing_is_called_until_it_may(officer: Talk, colleague: Talk) -> None:
    """429 halts everything until its end, buttons too; then all arrives, in order."""
    api, grace = officer.api, officer.api.limits.grace
    answer = colleague.ask(NONSENSE)
    api.fail_next("sendMessage", too_many(2))
    asked = ["首违不罚要什么条件", QUESTION, OTHER_QUESTION]
    officer.person.types(asked[0])
    api.wait_until(lambda: [call for call in sends(api, officer.id) if call.ended], PATIENCE)
    for text in asked[1:]:
        officer.person.types(text)
    colleague.person.presses(answer, "open:" + ENTRY, anyway=True)
    api.wait_until(lambda: len(officer.answers) == 3 and len(colleague.answers) == 2, PATIENCE)
    ended = sends(api, officer.id)[0].ended
    assert ended
    assert _outgoing(api, ended + grace, ended + 2) == []
    first, second, third = texts(officer.answers)
    assert ("初次违法" in first, ANSWER in second, OTHER_ANSWER in third) == (True, True, True)


def test_too_many_requests_of_another_kind_halt_everything_too(officer: Talk, colleague: Talk) -> None:
    """The answer to a press is no row, but its 429 is for the whole channel; the spinner stops when it may."""
    api = officer.api
    answer = colleague.ask(NONSENSE)
    api.fail_next("answerCallbackQuery", too_many(2))
    asked = colleague.person.presses(answer, "没帮助", anyway=True)
    api.wait_until(lambda: [call for call in api.calls_of("answerCallbackQuery") if call.status == 429], PATIENCE)
    officer.ask(QUESTION)
    asked.wait(PATIENCE)
    [refused] = [call for call in api.calls_of("answerCallbackQuery") if call.status == 429]
    assert refused.ended
    assert _outgoing(api, refused.ended + api.limits.grace, refused.ended + 2) == []


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        pytest.param(drop(), [AGAIN], id="dropped before it was taken"),
        pytest.param(drop(after=True), ["", AGAIN], id="dropped after it was taken"),
        pytest.param(error(500), [AGAIN], id="500"),
        pytest.param(error(502, after=True), ["", AGAIN], id="502 after it was taken"),
    ],
)
def test_what_was_perhaps_taken_is_sent_again_with_a_mark(officer: Talk, fault: Fault, shown: list[str]) -> None:
    """Nobody can know; once more, and marked, so that a reader knows what he sees twice."""
    officer.api.fail_next("sendMessage", fault, when=lambda call: call.chat == officer.id)
    officer.person.types(QUESTION)
    officer.api.wait_until(lambda: len(sends(officer.api, officer.id)) == 2, PATIENCE)
    officer.api.wait_until(lambda: len(officer.answers) == len(shown), PATIENCE)
    found = texts(officer.answers)
    assert [text.startswith(AGAIN) for text in found] == [mark == AGAIN for mark in shown]
    assert all(ANSWER in text for text in found)


def test_what_certainly_did_not_leave_is_sent_without_a_mark(officer: Talk, bot: Bot) -> None:
    """Where there was no connection nothing can have arrived; the answer comes when Telegram is back, once."""
    api, since = officer.api, len(bot.logged.lines)
    with bot.busy_database():
        fetch(api, lambda: officer.person.types(QUESTION))
        api.down()
    bot.event("channel_halted", since)
    assert officer.answers == []
    api.up()
    api.wait_until(lambda: officer.answers, PATIENCE)
    assert OTHER_ANSWER in officer.ask(OTHER_QUESTION).text
    assert [text.startswith(AGAIN) for text in texts(officer.answers)] == [False, False]
    assert ANSWER in officer.answers[0].text


def test_an_edit_of_a_message_that_is_gone_comes_as_a_new_one(officer: Talk) -> None:
    """The person deleted it and still wants the details."""
    answer = officer.ask(QUESTION)
    answer.deleted = True
    officer.person.presses(answer, "详情")
    officer.api.wait_until(lambda: officer.answers, PATIENCE)
    assert "收起" in officer.answers[0].labels


def test_a_group_that_moved_is_followed(officer: Talk, group: Group) -> None:
    """A group that became a supergroup has another number; the answer goes there."""
    new = officer.api.group(-1_000_000 - next(GROUPS), "城关所")
    new.chat.reachable = True

    def moved(call: Call) -> bool:
        if call.chat == group.id:
            upgraded = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refused(400, upgraded, {"migrate_to_chat_id": new.id})
        return False

    officer.api.fail_next("sendMessage", error(), when=moved)
    officer.person.types_in(group, "/help")
    assert said_in(officer.api, new, 1)[0].text.startswith(GREETING)


@pytest.mark.parametrize("fault", [error(500), drop(), too_many(1)])
def test_fetching_goes_on_after_a_failure(officer: Talk, fault: Fault) -> None:
    """Whatever happens to one request for updates, the next brings them."""
    officer.api.fail_next("getUpdates", fault)
    assert OTHER_ANSWER in officer.ask(OTHER_QUESTION).text  # the request under way still brings this one
    assert ANSWER in officer.ask(QUESTION).text


def test_an_edit_is_never_marked(officer: Talk) -> None:
    """Editing twice shows nothing twice."""
    answer = officer.ask(QUESTION)
    officer.api.fail_next("editMessageText", drop(after=True), when=lambda call: call.chat == officer.id)
    officer.person.presses(answer, "详情")
    calls = officer.api.calls_of
    officer.api.wait_until(lambda: [call for call in calls("editMessageText") if call.chat == officer.id][1:], PATIENCE)
    assert OTHER_ANSWER in officer.ask(OTHER_QUESTION).text
    assert not answer.text.startswith(AGAIN)
    assert len(officer.answers) == 2


def test_a_spinner_stops_in_spite_of_a_failing_line(officer: Talk) -> None:
    """The answer to a press is tried again where it failed."""
    answer = officer.ask(QUESTION)
    officer.api.fail_next("answerCallbackQuery", error(502))
    officer.person.presses(answer, "详情").wait(PATIENCE)
    assert len(officer.api.sent_to(officer.id)) == 1


def test_the_end_of_a_halt_outlives_the_program(alone: Alone) -> None:
    """Killed and started again while Telegram asks to wait, it waits on."""
    bot = alone().start().receiving()
    officer = talk(bot)
    bot.api.fail_next("sendMessage", too_many(3))
    officer.person.types(QUESTION)
    bot.comes_true(lambda tx: channels.get(tx, "telegram").halted_until)
    bot.kill()
    bot.start()
    bot.api.wait_until(lambda: officer.answers, PATIENCE)
    halted = sends(bot.api, officer.id)[0].ended
    assert halted
    assert _outgoing(bot.api, halted, halted + 3) == []
    assert [text.startswith(AGAIN) for text in texts(officer.answers)] == [False]
    assert ANSWER in officer.answers[0].text


# ---- what comes in


def test_malformed_updates_are_parked_and_hold_up_nobody(officer: Talk, bot: Bot, run: Command) -> None:
    """Three tries and they are listed by `zhifa doctor`; what others ask between them is answered."""
    broken = list(malformed.named().values())
    with officer.api.changed:
        fed = [officer.api.feed(update) for update in broken[::2]]
        officer.person.types(QUESTION)
        fed += [officer.api.feed(update) for update in broken[1::2]]
        officer.person.types(OTHER_QUESTION)
    officer.api.wait_until(lambda: len(officer.answers) == 2, PATIENCE)
    assert officer.api.pending == 0 or officer.api.wait_until(lambda: officer.api.pending == 0, PATIENCE)
    bot.handled()
    rows = [bot.row(number) for number in fed]
    assert {row.state for row in rows} == {"done", "parked"}
    assert {row.attempts for row in rows if row.state == "parked"} == {3}
    told = run("doctor", ZHIFA_DATA_DIR=str(bot.data))
    assert told.returncode == 1
    assert all(f"#{row.id} telegram" in told.stdout for row in rows if row.state == "parked")
    assert "听证" not in told.stdout


@pytest.mark.parametrize("update", [[1, 2], "无", None, 7, {"message": {"text": "听证"}}])
def test_what_has_no_number_is_in_nobodys_way(officer: Talk, update: Any) -> None:
    """It is kept once however often it comes, and is gone with the next that has a number."""
    officer.api.feed(update, number=False)
    assert ANSWER in officer.ask(QUESTION).text
    assert OTHER_ANSWER in officer.ask(OTHER_QUESTION).text
    assert officer.api.wait_until(lambda: officer.api.pending == 0, PATIENCE)


@pytest.fixture
def endless_numbers() -> Iterator[None]:
    """Let the played server write numbers of any length; the program does not read them."""
    longest = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    yield
    sys.set_int_max_str_digits(longest)


@pytest.mark.usefixtures("endless_numbers")
def test_an_update_that_cannot_be_decoded_is_set_apart(officer: Talk, colleague: Talk, bot: Bot) -> None:
    """A number of five thousand digits is more than Python reads; those before and after it are not held up."""
    message = {"message_id": 1, "date": 10**5000, "chat": {"id": 9002, "type": "private"}, "text": "听证"}
    with officer.api.changed:
        officer.person.types(QUESTION)
        number = officer.api.feed({"message": message})
        colleague.person.types(OTHER_QUESTION)
    officer.api.wait_until(lambda: officer.answers and colleague.answers, PATIENCE)
    officer.api.wait_until(lambda: officer.api.pending == 0, PATIENCE)
    bot.handled()
    assert bot.row(number).state == "parked"
    assert ANSWER in officer.answers[0].text
    assert OTHER_ANSWER in colleague.answers[0].text


def test_an_update_that_comes_again_does_nothing(officer: Talk) -> None:
    """Messages, presses and edits have one effect however often they are delivered."""
    typed = officer.person.types(QUESTION)
    officer.api.wait_until(lambda: officer.answers, PATIENCE)
    pressed = officer.person.presses(officer.answers[0], "没帮助")
    officer.api.wait_until(lambda: len(officer.answers) == 2, PATIENCE)
    pressed.wait(PATIENCE)
    for number in (typed.update_id, pressed.update_id, typed.update_id):
        officer.api.redeliver(number)
    assert OTHER_ANSWER in officer.ask(OTHER_QUESTION).text
    assert len(officer.answers) == 3
    assert len(pressed.query.answers) == 1


def test_an_update_is_confirmed_when_it_is_kept_and_not_before(officer: Talk, bot: Bot) -> None:
    """Asking for a number confirms all below it; while the database takes nothing nothing is asked for."""
    api = officer.api
    with bot.busy_database():
        typed = fetch(api, lambda: officer.person.types(QUESTION))
        assert api.pending == 1
        assert max(call.params.get("offset", 0) for call in api.calls_of("getUpdates")) == typed.update_id
    api.wait_until(lambda: officer.answers and api.pending == 0, PATIENCE)
    assert api.calls_of("getUpdates")[-1].params["offset"] == typed.update_id + 1
    assert bot.look(lambda tx: channels.get(tx, SOURCE).next_update) == typed.update_id + 1


def test_updates_are_asked_for_as_they_should_be(officer: Talk) -> None:
    """A webhook that was set before is taken away without losing what waits, and only what is used is asked for."""
    officer.ask(QUESTION)
    [deleted] = officer.api.calls_of("deleteWebhook")
    assert deleted.params.get("drop_pending_updates") in (None, False)
    assert officer.api.calls.index(deleted) < officer.api.calls.index(officer.api.calls_of("getUpdates")[0])
    wanted = {"message", "edited_message", "callback_query", "inline_query", "my_chat_member"}
    assert all(set(call.params["allowed_updates"]) == wanted for call in officer.api.calls_of("getUpdates"))
    assert all(call.params["timeout"] >= 10 for call in officer.api.calls_of("getUpdates") if call.params["limit"] > 1)


@pytest.mark.parametrize(("days", "kept"), [(5, True), (7, False)])
def test_after_a_week_of_silence_the_number_to_go_on_with_is_forgotten(alone: Alone, days: int, kept: bool) -> None:
    """Telegram then begins anew at any number; one kept from before would hide what comes."""
    bot = alone()
    upgrade(bot.database, bot.data)
    with bot.database.write() as tx:
        channels.heard(tx, SOURCE, 600_000_000, now() - timedelta(days=days))
    officer = talk(bot)
    officer.person.types(QUESTION)
    bot.start()
    bot.api.wait_until(lambda: officer.answers, PATIENCE)
    assert ("offset" in bot.api.calls_of("getUpdates")[0].params) is kept


def test_what_came_while_it_did_not_run_is_answered(alone: Alone) -> None:
    """Killed between fetching and keeping, or sent while nothing ran: the next start answers, each once."""
    bot = alone().start().receiving()
    officer, later = talk(bot), talk(bot, 5002)
    with bot.busy_database():
        fetch(bot.api, lambda: officer.person.types(QUESTION))
        bot.kill()
    later.person.types(OTHER_QUESTION)
    bot.start()
    bot.api.wait_until(lambda: officer.answers and later.answers, PATIENCE)
    assert (len(officer.answers), len(later.answers)) == (1, 1)
    assert ANSWER in officer.answers[0].text


# ---- starting


def test_telegram_may_be_down_when_the_program_starts(alone: Alone) -> None:
    """The page serves meanwhile, and Telegram comes up when it can be reached; what waited there is answered."""
    bot = alone(ZHIFA_WEB_LISTEN="127.0.0.1:0")
    officer = talk(bot)
    officer.person.types(QUESTION)
    bot.api.down()
    bot.start()
    bot.event("telegram_unavailable")
    address = bot.event("ready")["address"]
    assert httpx.get(f"{address}/healthz", trust_env=False).status_code == 200
    bot.api.fail_next("setMyCommands", error(502))
    bot.api.up()
    bot.receiving()
    bot.api.wait_until(lambda: officer.answers, PATIENCE)
    assert ANSWER in officer.answers[0].text


def test_a_wrong_token_is_logged_and_the_page_goes_on(alone: Alone) -> None:
    """Telegram refuses it; the log says so without the token."""
    wrong = "123456789:AAwrong-token_that_nobody_has_given_out"
    bot = alone(ZHIFA_WEB_LISTEN="127.0.0.1:0", ZHIFA_TELEGRAM_TOKEN=wrong).start()
    assert bot.event("token_refused")["level"] == "error"
    address = bot.event("ready")["address"]
    assert httpx.get(f"{address}/healthz", trust_env=False).status_code == 200
    assert bot.stop() == 0


TOKEN = "123456789:AAtoken_that_only_looks_like_one_0000"  # noqa: S105  (opens nothing)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        pytest.param({"ZHIFA_TELEGRAM_TOKEN": "nonsense-token"}, "ZHIFA_TELEGRAM_TOKEN", id="no token"),
        pytest.param(
            {"ZHIFA_TELEGRAM_WEBHOOK_URL": "https://zhifa.example.cn/hook"},
            "ZHIFA_TELEGRAM_TOKEN",
            id="no token at all",
        ),
        pytest.param(
            {"ZHIFA_TELEGRAM_TOKEN": TOKEN, "ZHIFA_TELEGRAM_BASE_URL": "http://192.0.2.1/bot"},
            "ZHIFA_TELEGRAM_BASE_URL",
            id="the token in the clear",
        ),
        pytest.param(
            {"ZHIFA_TELEGRAM_TOKEN": TOKEN, "ZHIFA_TELEGRAM_WEBHOOK_URL": "https://zhifa.example.cn/hook"},
            "ZHIFA_TELEGRAM_WEBHOOK_LISTEN",
            id="nowhere for the webhook",
        ),
    ],
)
def test_wrong_settings_stop_the_start_with_one_line(run: Command, env: dict[str, str], named: str) -> None:
    """It names the setting and never shows a secret."""
    done = run("serve", **env)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert named in done.stderr
    assert env.get("ZHIFA_TELEGRAM_TOKEN", TOKEN) not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOK_URL", "http://zhifa.example.cn/hook"),
        ("WEBHOOK_URL", "zhifa.example.cn/hook"),
        ("WEBHOOK_SECRET", "short"),
        ("WEBHOOK_SECRET", "不是字母" * 10),
        ("WEBHOOK_LISTEN", "off"),
        ("WEBHOOK_LISTEN", "example.cn:443"),
        ("BASE_URL", "http://127.0.0.1:8081"),
        ("BASE_URL", "https://"),
        ("RATE", "0"),
        ("RATE", "viele"),
        ("TOKEN", "123456789"),
        ("TOKEN", "123456789:AA with blanks in between it 00"),
    ],
)
def test_every_setting_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str) -> None:
    """A value that cannot work is refused by name before anything is begun; a secret is not repeated."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZHIFA_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setenv(f"ZHIFA_TELEGRAM_{name}", value)
    with pytest.raises(UsageError, match=f"ZHIFA_TELEGRAM_{name}: ") as refused:
        read_settings()
    assert TOKEN not in refused.value.message
    assert "AA with" not in refused.value.message


# ---- webhook


SECRET = "a-secret_of_more_than_thirty-two_characters"  # noqa: S105  (opens nothing)


def _hook(port: int) -> str:
    return f"http://127.0.0.1:{port}/telegram/hook"


def _own_listener(port: int) -> dict[str, str]:
    return {"ZHIFA_TELEGRAM_WEBHOOK_LISTEN": f"127.0.0.1:{port}"}


def _listener_of_the_page(port: int) -> dict[str, str]:
    return {"ZHIFA_WEB_LISTEN": f"127.0.0.1:{port}", "ZHIFA_TELEGRAM_WEBHOOK_SECRET": SECRET}


@pytest.mark.parametrize("where", [_own_listener, _listener_of_the_page])
def test_updates_come_by_webhook(alone: Alone, where: Callable[[int], dict[str, str]]) -> None:
    """Announced with a secret and what is wanted; brought to a listener of its own or to the page's; answered."""
    port = free_port()
    bot = alone(ZHIFA_TELEGRAM_WEBHOOK_URL=_hook(port), **where(port))
    officer = talk(bot)
    officer.person.types(QUESTION)
    bot.start()
    bot.api.wait_until(lambda: officer.answers, PATIENCE)
    [announced] = bot.api.calls_of("setWebhook")
    assert announced.params["url"] == _hook(port)
    assert re.fullmatch(r"[A-Za-z0-9_-]{32,256}", announced.params["secret_token"])
    assert set(announced.params["allowed_updates"]) == {
        *("message", "edited_message", "callback_query", "inline_query", "my_chat_member")
    }
    assert announced.params["secret_token"] == where(port).get(
        "ZHIFA_TELEGRAM_WEBHOOK_SECRET", announced.params["secret_token"]
    )
    assert bot.api.calls_of("getUpdates") == []
    officer.press(officer.answers[0], "详情")
    assert OTHER_ANSWER in officer.ask(OTHER_QUESTION).text
    assert {status for _, status, _ in bot.api.attempts} == {200}
    assert bot.stop() == 0
    assert announced.params["secret_token"] not in "\n".join([*bot.said.lines, *bot.logged.lines])


def test_a_webhook_takes_only_what_telegram_brings(alone: Alone) -> None:
    """A wrong secret, too much, or no JSON is refused; a malformed update is kept, for it would come again."""
    port = free_port()
    url = _hook(port)
    secret = {"ZHIFA_TELEGRAM_WEBHOOK_SECRET": SECRET}
    bot = alone(ZHIFA_TELEGRAM_WEBHOOK_URL=url, **_own_listener(port), **secret).start().receiving()
    update = json.dumps({"update_id": 1, "message": {"text": "x"}}).encode()
    assert post(url, update) == 403
    assert post(url, update, SECRET + "x") == 403
    assert post(url, update, "") == 403
    assert post(url, b"[" + b" " * 1024 * 1024 + b"]", SECRET) == 413
    assert post(url, b"{", SECRET) == 400
    assert post(url, b"\xff\xfe", SECRET) == 400
    assert post(url, b"[" * 100_000, SECRET) == 400
    assert post(url + "/other", update, SECRET) == 404
    assert httpx.get(url, trust_env=False).status_code == 405
    assert post(url, update, SECRET) == 200
    bot.quiet()
    assert bot.row(1).state == "parked"
    assert post(url, b"[1]", SECRET) == 200
    assert post(url, b'{"update_id": 2, "message": NaN}', SECRET) in (200, 400)


def test_a_webhook_says_ok_only_when_the_update_is_kept(alone: Alone) -> None:
    """While the database takes nothing there is no 200; brought again it is kept once and answered once."""
    port = free_port()
    url = _hook(port)
    bot = alone(ZHIFA_TELEGRAM_WEBHOOK_URL=url, ZHIFA_TELEGRAM_WEBHOOK_SECRET=SECRET, **_own_listener(port))
    officer = talk(bot.start().receiving())
    officer.ask(NONSENSE)
    with bot.busy_database():
        typed = officer.person.types(QUESTION)
        content = json.dumps(bot.api.update(typed.update_id)).encode()
        with pytest.raises(httpx.ReadTimeout):
            post(url, content, SECRET, seconds=1)
        assert [number for number, _, _ in bot.api.attempts].count(typed.update_id) == 0
    bot.api.wait_until(lambda: (typed.update_id, 200) in [(n, status) for n, status, _ in bot.api.attempts], PATIENCE)
    assert bot.row(typed.update_id).id
    bot.api.wait_until(lambda: len(officer.answers) == 2, PATIENCE)
    bot.api.redeliver(typed.update_id)
    assert post(url, content, SECRET) == 200
    officer.ask(OTHER_QUESTION)
    assert len(officer.answers) == 3
