"""The played Bot API is strict and right; longer than most because every rule other tests rely on is shown here.

It is driven by python-telegram-bot and by raw HTTP, the two ways in which programs speak with the real one.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import pytest
import telegram
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter

from tests.botapi import BotApi, Faults, Limits, Person, drop, error, examples, malformed, slow, too_many
from tests.botapi.examples import CLERK, GROUP, OFFICER
from tests.botapi.receiver import Receiver

T = TypeVar("T")
Talk = Callable[[Callable[[Bot], Awaitable[T]]], T]
Raw = Callable[..., dict[str, Any]]

KEYBOARD = {"inline_keyboard": [[{"text": "依据", "callback_data": "e:1"}, {"text": "原文", "url": "https://a.cn/"}]]}


@pytest.fixture
def api() -> Iterator[BotApi]:
    """A server that knows an officer who has started the bot; nobody confirmed that update yet."""
    with BotApi() as served:
        served.person(OFFICER, "王警官").starts()
        yield served


@pytest.fixture
def officer(api: BotApi) -> Person:
    """Who talks with the bot."""
    return api.person(OFFICER, "王警官")


@pytest.fixture
def talk(api: BotApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk[Any]]:
    """Let python-telegram-bot do something: `talk(lambda bot: bot.send_message(…))`."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # or it warns with every 429
    with asyncio.Runner() as runner:
        bot = Bot(api.token, base_url=api.base_url, base_file_url=api.file_base_url)
        runner.run(bot.initialize())

        async def do(what: Callable[[Bot], Awaitable[T]]) -> T:
            return await what(bot)

        yield lambda what: runner.run(do(what))
        runner.run(bot.shutdown())


@pytest.fixture
def raw(api: BotApi) -> Iterator[Raw]:
    """Call a method with JSON parameters, without any library for bots: `raw("sendMessage", chat_id=1, …)`."""
    with httpx.Client(timeout=60) as client:

        def call(method: str, **params: Any) -> dict[str, Any]:
            answer: dict[str, Any] = client.post(f"{api.base_url}{api.token}/{method}", json=params).json()
            return answer

        yield call


@pytest.fixture
def apart() -> Iterator[ThreadPoolExecutor]:
    """Threads, for calls that wait for each other."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def _numbers(answer: dict[str, Any]) -> list[int]:
    return [update["update_id"] for update in answer["result"]]


# --- what people do ---------------------------------------------------------------------------------------------


def _in_group(act: Callable[[Person, BotApi], Any]) -> Callable[[Person, BotApi], Any]:
    def acted(person: Person, api: BotApi) -> Any:
        api.group(GROUP, "法制科").adds_bot(person)
        return act(person, api)

    return acted


@pytest.mark.parametrize(
    ("field", "act"),
    [
        ("message", lambda person, _: person.starts("law-1")),
        ("message", lambda person, _: person.types("听证 /help")),
        *[("message", lambda person, _, kind=kind: person.sends(kind)) for kind in
          ("voice", "photo", "sticker", "location", "document", "contact", "video", "dice")],
        ("edited_message", lambda person, _: person.edits(person.types("一").message_id, "二")),
        ("my_chat_member", lambda person, _: person.blocks()),
        ("my_chat_member", lambda person, _: person.unblocks()),
        ("inline_query", lambda person, _: person.asks_inline("听证")),
        ("my_chat_member", lambda person, api: api.group(GROUP, "法制科").adds_bot(person)),
        ("message", _in_group(lambda person, api: person.types_in(api.group(GROUP, ""), "@zhifa_test_bot 听证"))),
        ("message", _in_group(lambda person, api: person.replies_in(api.group(GROUP, ""), 1, "谢谢"))),
        ("my_chat_member", _in_group(lambda person, api: api.group(GROUP, "").removes_bot(person))),
    ],
)  # fmt: skip
def test_what_a_person_does_arrives_as_an_update_that_the_library_reads(
    api: BotApi, officer: Person, talk: Talk[Any], field: str, act: Callable[[Person, BotApi], Any]
) -> None:
    """Every action becomes one complete update of its kind, which survives the library's own round trip."""
    number = act(officer, api).update_id
    updates = {update.update_id: update for update in talk(lambda bot: bot.get_updates())}
    assert updates[number][field] is not None
    assert updates[number][field].from_user.id == OFFICER


def test_a_pressed_button_is_a_query_about_the_message_as_it_is(
    api: BotApi, officer: Person, talk: Talk[Any], raw: Raw
) -> None:
    """Label or data find the button; the bot's answer reaches whoever pressed."""
    raw("sendMessage", chat_id=OFFICER, text="问", reply_markup=KEYBOARD)
    (sent,) = api.sent_to(OFFICER)
    assert (sent.labels, sent.data, sent.urls) == (["依据", "原文"], ["e:1"], ["https://a.cn/"])
    pressed = officer.presses(sent, "依据")
    update = talk(lambda bot: bot.get_updates())[-1]
    assert (update.callback_query.data, update.callback_query.message.text) == ("e:1", "问")
    assert [query.id for query in api.unanswered()] == [update.callback_query.id]
    talk(lambda bot: bot.answer_callback_query(update.callback_query.id, "好的"))
    assert pressed.wait(1)["text"] == "好的"
    assert api.unanswered() == []


def test_nobody_can_press_what_is_not_there(api: BotApi, officer: Person, raw: Raw) -> None:
    """A link makes no query, a button that is gone neither, unless the screen is said to be old."""
    raw("sendMessage", chat_id=OFFICER, text="问", reply_markup=KEYBOARD)
    (sent,) = api.sent_to(OFFICER)
    for missing in ("原文", "e:2"):
        with pytest.raises(LookupError):
            officer.presses(sent, missing)
    assert api.update(officer.presses(sent, "e:2", anyway=True).update_id)["callback_query"]["data"] == "e:2"


def test_inline_results_reach_who_asked(api: BotApi, officer: Person, raw: Raw) -> None:
    """Results are checked like messages and handed to the person."""
    asked = officer.asks_inline("听证")
    content = {"message_text": "<b>五日</b>", "parse_mode": "HTML"}
    article = {"type": "article", "id": "1", "title": "听证", "input_message_content": content}
    assert raw("answerInlineQuery", inline_query_id=asked.query.id, results=[article])["ok"]
    assert asked.results(1) == [article]


# --- long polls -------------------------------------------------------------------------------------------------


def test_an_update_is_delivered_until_an_offset_above_it_confirms_it(api: BotApi, officer: Person, raw: Raw) -> None:
    """Asking again without an offset confirms nothing; an offset confirms exactly what lies below it."""
    first, second = [*_numbers(raw("getUpdates")), officer.types("二").update_id]
    assert second == first + 1
    assert _numbers(raw("getUpdates")) == [first, second]
    assert _numbers(raw("getUpdates", offset=first)) == [first, second]
    assert _numbers(raw("getUpdates", offset=second)) == [second]
    assert _numbers(raw("getUpdates")) == [second]
    assert _numbers(raw("getUpdates", offset=second + 1)) == []
    assert api.pending == 0


def test_a_negative_offset_keeps_the_last_updates(api: BotApi, officer: Person, raw: Raw) -> None:
    """All before them are forgotten."""
    numbers = [officer.types(str(i)).update_id for i in range(5)]
    assert _numbers(raw("getUpdates", offset=-2)) == numbers[-2:]
    assert _numbers(raw("getUpdates")) == numbers[-2:]
    assert _numbers(raw("getUpdates", offset=-9)) == numbers[-2:]


def test_no_more_updates_come_than_the_limit_says(officer: Person, raw: Raw) -> None:
    """The oldest come first, a hundred at most."""
    for i in range(120):
        officer.types(str(i))
    assert len(_numbers(raw("getUpdates"))) == 100
    assert [update["message"]["text"] for update in raw("getUpdates", limit=2)["result"]] == ["/start", "0"]


def test_a_long_poll_wakes_at_once(officer: Person, raw: Raw, apart: ThreadPoolExecutor, api: BotApi) -> None:
    """It answers when the update is there, not when its time is over."""
    offset = _numbers(raw("getUpdates"))[-1] + 1
    before = time.monotonic()
    poll = apart.submit(raw, "getUpdates", offset=offset, timeout=50)
    api.wait_until(lambda: api.pending == 0, 5)
    number = officer.types("在吗").update_id
    assert _numbers(poll.result(5)) == [number]
    assert time.monotonic() - before < 5


def test_a_long_poll_ends_empty_when_its_time_is_over(raw: Raw) -> None:
    """After the seconds asked for, no sooner."""
    offset = _numbers(raw("getUpdates"))[-1] + 1
    before = time.monotonic()
    assert raw("getUpdates", offset=offset, timeout=1) == {"ok": True, "result": []}
    assert 1 <= time.monotonic() - before < 3


def _open_poll(api: BotApi, raw: Raw, apart: ThreadPoolExecutor) -> "Future[dict[str, Any]]":
    """A long poll that the server has begun to answer, with nothing to tell."""
    raw("getUpdates", offset=_numbers(raw("getUpdates"))[-1] + 1)
    known = len(api.calls)
    poll = apart.submit(raw, "getUpdates", timeout=50)
    api.wait_until(lambda: len(api.calls) > known, 5)
    return poll


def test_a_second_poll_ends_the_first_with_409(
    api: BotApi, officer: Person, talk: Talk[Any], raw: Raw, apart: ThreadPoolExecutor
) -> None:
    """The newer one goes on and gets the updates."""
    poll = _open_poll(api, raw, apart)
    second = apart.submit(raw, "getUpdates", timeout=50)
    ended = poll.result(5)
    assert (ended["error_code"], "other getUpdates request" in ended["description"]) == (409, True)
    number = officer.types("在吗").update_id
    assert _numbers(second.result(5)) == [number]
    assert api.violations == []


def test_an_update_is_not_lost_when_the_poller_hangs_up(api: BotApi, officer: Person, raw: Raw) -> None:
    """It waits for the next poll."""
    raw("getUpdates", offset=_numbers(raw("getUpdates"))[-1] + 1)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{api.base_url}{api.token}/getUpdates", json={"timeout": 50}, timeout=0.2)
    api.wait_until(lambda: api.calls[-1].status == 0, 5)
    number = officer.types("在吗").update_id
    assert _numbers(raw("getUpdates")) == [number]


def test_the_kinds_asked_for_are_remembered(api: BotApi, officer: Person, raw: Raw) -> None:
    """What is not asked for does not even wait; a call without the parameter changes nothing."""
    raw("getUpdates", offset=-1, allowed_updates=["inline_query"])
    (before,) = _numbers(raw("getUpdates"))
    officer.types("不要")
    number = officer.asks_inline("要").update_id
    assert _numbers(raw("getUpdates", offset=before + 1)) == [number]


def test_a_redelivered_update_comes_once_more_although_confirmed(api: BotApi, officer: Person, raw: Raw) -> None:
    """Exactly once per request to do so, whatever the offset."""
    number = officer.types("一").update_id
    raw("getUpdates", offset=number + 1)
    api.redeliver(number)
    assert _numbers(raw("getUpdates", offset=number + 1)) == [number]
    assert _numbers(raw("getUpdates", offset=number + 1)) == []


@pytest.mark.parametrize("name", malformed.named())
def test_a_malformed_update_is_delivered_as_it_is(api: BotApi, raw: Raw, name: str) -> None:
    """Only the missing number is added."""
    broken = malformed.named()[name]
    number = api.feed(broken)
    assert raw("getUpdates", offset=number)["result"] == [{"update_id": number, **broken}]


def test_broken_updates_are_the_same_for_the_same_seed() -> None:
    """A failure can be met again."""
    assert list(malformed.mutated(7, 50)) == list(malformed.mutated(7, 50)) != list(malformed.mutated(8, 50))


# --- messages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    examples.HTML,
)
def test_html_becomes_text_and_entities(
    api: BotApi, talk: Talk[Any], source: str, text: str, entities: list[tuple[str, str]]
) -> None:
    """Offsets are in UTF-16 units: the library cuts the very words out that the tags stood around."""
    message = talk(lambda bot: bot.send_message(OFFICER, source, parse_mode="HTML"))
    assert message.text == text
    assert [(entity.type, cut) for entity, cut in message.parse_entities().items()] == entities
    assert api.sent_to(OFFICER)[-1].text == text
    assert api.violations == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    examples.BAD_HTML,
)
def test_html_that_telegram_refuses_is_refused(api: BotApi, raw: Raw, source: str, complaint: str) -> None:
    """400 with the reason, nothing is delivered, and the test that looks at the violations fails."""
    answer = raw("sendMessage", chat_id=OFFICER, text=source, parse_mode="HTML")
    assert answer["error_code"] == 400
    assert answer["description"].startswith("Bad Request: can't parse entities: ")
    assert complaint in answer["description"]
    assert len(api.violations) == 1
    assert api.count(OFFICER) == 0


@pytest.mark.parametrize("source", ["a&nbsp;b", "<b class='x'>a</b>", "<code><b>a</b></code>"])
def test_what_telegram_takes_but_shows_badly_is_a_warning(api: BotApi, raw: Raw, source: str) -> None:
    """Unknown named entities stay as they are; useless attributes and styles inside code vanish."""
    assert raw("sendMessage", chat_id=OFFICER, text=source, parse_mode="HTML")["ok"]
    assert (len(api.warnings), api.violations) == (1, [])


@pytest.mark.parametrize(
    ("method", "params", "complaint"),
    [pytest.param(*case, id=f"{case[0]}: {case[2]}") for case in examples.FORBIDDEN],
)
def test_a_call_against_the_documentation_is_refused_and_noted(
    api: BotApi, raw: Raw, method: str, params: dict[str, Any], complaint: str
) -> None:
    """400 with a description, one violation, no effect."""
    answer = raw(method, **params)
    assert (answer["ok"], answer["error_code"]) == (False, 400)
    assert complaint in answer["description"]
    assert len(api.violations) == 1
    assert api.violations[0].startswith(f"{method}: ")
    assert api.count() == 0


@pytest.mark.parametrize(
    ("method", "params"),
    examples.ALLOWED,
)
def test_a_call_at_its_limits_is_taken(api: BotApi, raw: Raw, method: str, params: dict[str, Any]) -> None:
    """The limits are the documented ones, not one less."""
    assert raw(method, **params)["ok"]
    assert (api.violations, api.warnings) == ([], [])


@pytest.mark.parametrize(
    ("method", "params", "status", "description"),
    examples.REFUSED,
)
def test_what_a_right_program_may_meet_is_no_violation(
    api: BotApi, raw: Raw, method: str, params: dict[str, Any], status: int, description: str
) -> None:
    """The world changes under its feet: people leave, messages vanish, queries grow old."""
    api.person(CLERK, "李")
    api.group(GROUP, "法制科")
    answer = raw(method, **params)
    assert (answer["error_code"], answer["description"]) == (status, description)
    assert (api.calls[-1].outcome, api.calls[-1].ended is not None) == (description, True)
    assert api.violations == []


def test_an_edit_changes_what_the_person_sees(api: BotApi, talk: Talk[Any]) -> None:
    """Without a keyboard in the call the old one goes; what was seen before stays in the history."""
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("依据", callback_data="e")]])
    message = talk(lambda bot: bot.send_message(OFFICER, "一", reply_markup=markup))
    with pytest.raises(BadRequest, match="Message is not modified"):
        talk(lambda bot: message.edit_text("一", reply_markup=markup))
    talk(lambda bot: message.edit_text("二"))
    (sent,) = api.sent_to(OFFICER)
    assert (sent.text, sent.labels) == ("二", [])
    assert [(shown.text, len(shown.keyboard)) for shown in sent.history] == [("一", 1)]
    talk(lambda bot: message.edit_reply_markup(markup))
    assert (sent.text, sent.labels) == ("二", ["依据"])
    assert api.count(OFFICER) == 1
    assert api.violations == []


def test_a_deleted_message_is_no_longer_seen(api: BotApi, talk: Talk[Any]) -> None:
    """It counts as delivered, but nobody can edit it."""
    message = talk(lambda bot: bot.send_message(OFFICER, "一"))
    talk(lambda bot: message.delete())
    assert (api.sent_to(OFFICER), api.count(OFFICER, contains="一")) == ([], 1)
    with pytest.raises(BadRequest, match="Message to edit not found"):
        talk(lambda bot: message.edit_text("二"))


def test_a_query_can_be_answered_only_for_a_while(officer: Person) -> None:
    """After its lifetime Telegram knows it no more."""
    with BotApi(limits=Limits(query_lifetime=0.0)) as short, httpx.Client() as client:
        asked = short.person(OFFICER, "王").asks_inline("x")
        params = {"inline_query_id": asked.query.id, "results": "[]"}
        answer = client.post(f"{short.base_url}{short.token}/answerInlineQuery", data=params).json()
    assert "query is too old" in answer["description"]
    assert not asked.answered


def test_a_person_who_blocked_the_bot_gets_nothing(api: BotApi, officer: Person, talk: Talk[Any]) -> None:
    """403 until the person unblocks it."""
    officer.blocks()
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        talk(lambda bot: bot.send_message(OFFICER, "x"))
    officer.unblocks()
    talk(lambda bot: bot.send_message(OFFICER, "y"))
    assert [sent.text for sent in api.sent_to(OFFICER)] == ["y"]
    assert api.violations == []


def test_a_group_is_open_while_the_bot_is_in_it(api: BotApi, officer: Person, talk: Talk[Any]) -> None:
    """Added, removed, added again, left by itself."""
    group = api.group(GROUP, "法制科")
    assert officer.types_in(group, "谁在").update_id == 0
    group.adds_bot(officer)
    said = officer.types_in(group, "听证")
    message = talk(lambda bot: bot.send_message(GROUP, "五日", reply_to_message_id=said.message_id))
    assert (message.chat.title, message.reply_to_message.text) == ("法制科", "听证")
    assert talk(lambda bot: bot.get_chat_member(GROUP, OFFICER)).status == "member"
    group.removes_bot(officer)
    with pytest.raises(Forbidden, match="bot was kicked from the supergroup chat"):
        talk(lambda bot: bot.send_message(GROUP, "x"))
    group.adds_bot(officer)
    talk(lambda bot: bot.leave_chat(GROUP))
    with pytest.raises(Forbidden, match="bot is not a member"):
        talk(lambda bot: bot.send_message(GROUP, "x"))


def test_files_arrive_whole_and_can_be_fetched(api: BotApi, talk: Talk[Any]) -> None:
    """Any bytes, also those that look like the borders of a form."""
    content = bytes(range(256)) * 40 + b"\r\n--\r\n"
    given: dict[str, Any] = {"filename": "清单.bin", "caption": "<b>附</b>件", "parse_mode": "HTML"}
    message = talk(lambda bot: bot.send_document(OFFICER, content, **given))
    assert (message.document.file_name, message.document.file_size) == ("清单.bin", len(content))
    assert message.parse_caption_entities() == {telegram.MessageEntity("bold", 0, 1): "附"}
    assert api.uploaded(message.document.file_id) == content

    async def fetch(bot: Bot) -> bytes:
        return bytes(await (await bot.get_file(message.document.file_id)).download_as_bytearray())

    assert talk(fetch) == content
    again = talk(lambda bot: bot.send_photo(OFFICER, message.document.file_id))
    assert again.photo[0].file_id == message.document.file_id
    assert [sent.kind for sent in api.sent_to(OFFICER)] == ["document", "photo"]
    assert api.violations == []


def test_captions_have_a_limit_of_their_own(api: BotApi, talk: Talk[Any]) -> None:
    """1024 UTF-16 units."""
    talk(lambda bot: bot.send_document(OFFICER, b"x", caption="字" * 1024))
    with pytest.raises(BadRequest, match="caption is too long"):
        talk(lambda bot: bot.send_document(OFFICER, b"x", caption="字" * 1025))
    assert len(api.violations) == 1


def test_the_library_can_set_up_the_bot(api: BotApi, talk: Talk[Any]) -> None:
    """Commands by scope and language, descriptions, the menu button, who it is and where."""

    async def set_up(bot: Bot) -> Any:
        await bot.set_my_commands([("help", "帮助")], language_code="zh")
        await bot.set_my_commands([("start", "x")], scope=telegram.BotCommandScopeChat(OFFICER))
        await bot.delete_my_commands(scope=telegram.BotCommandScopeChat(OFFICER))
        await bot.set_my_description("执法助手")
        await bot.set_my_short_description("助手", language_code="zh")
        await bot.set_chat_menu_button(menu_button=telegram.MenuButtonCommands())
        await bot.send_chat_action(OFFICER, "typing")
        return await bot.get_me(), await bot.get_chat(OFFICER), await bot.get_my_commands(language_code="zh")

    me, chat, commands = talk(set_up)
    assert (me.username, me.supports_inline_queries, chat.first_name) == ("zhifa_test_bot", True, "王警官")
    assert [command.command for command in commands] == ["help"]
    assert list(api.commands) == ["default:zh"]
    assert api.profile == {"description:": "执法助手", "short_description:zh": "助手"}
    assert api.menu_buttons == {None: {"type": "commands"}}
    assert api.violations == []


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET", "params": {"chat_id": OFFICER, "text": "一 + 二 & 三", "disable_notification": "true"}},
        {"method": "POST", "data": {"chat_id": OFFICER, "text": "一 + 二 & 三", "disable_notification": "true"}},
        {"method": "POST", "json": {"chat_id": OFFICER, "text": "一 + 二 & 三", "disable_notification": True}},
        {"method": "POST", "files": {"chat_id": (None, "42"), "text": (None, "一 + 二 & 三"),
                                     "disable_notification": (None, "true")}},
    ],
    ids=["query", "form", "JSON", "multipart"],
)  # fmt: skip
def test_parameters_may_come_in_any_of_four_ways(api: BotApi, request_: dict[str, Any]) -> None:
    """All mean the same."""
    with httpx.Client() as client:
        assert client.request(url=f"{api.base_url}{api.token}/sendMessage", **request_).json()["ok"]
    assert api.calls[-1].params == {"chat_id": OFFICER, "text": "一 + 二 & 三", "disable_notification": True}
    assert [sent.text for sent in api.sent_to(OFFICER)] == ["一 + 二 & 三"]
    assert api.violations == []


def test_methods_that_do_not_exist_are_violations(api: BotApi, raw: Raw) -> None:
    """404, as at Telegram; so are addresses that are no methods."""
    assert raw("sendTelepathy", chat_id=OFFICER)["error_code"] == 404
    assert httpx.get(f"http://127.0.0.1:{api.port}/index.html").status_code == 404
    assert len(api.violations) == 2


def test_a_wrong_token_opens_nothing(api: BotApi) -> None:
    """401 for calls, and no files."""

    async def greet() -> None:
        async with Bot("1:wrong", base_url=api.base_url):
            pass

    with pytest.raises(InvalidToken):
        asyncio.run(greet())
    assert api.calls[-1].outcome == "Unauthorized"


# --- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error_", "delivered"),
    [
        (drop(), "Server disconnected", 0),
        (drop(after=True), "Server disconnected", 1),
        (error(500), "Internal Server Error", 0),
        (error(502), "Bad Gateway", 0),
        (error(502, after=True), "Bad Gateway", 1),
        (too_many(3), "Retry in 0:00:03", 0),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_fault_is_seen_by_the_bot_with_the_effect_there_or_not(
    api: BotApi, talk: Talk[Any], fault: Any, error_: str, delivered: int
) -> None:
    """Only the call it was planned for meets it; a lost confirmation leaves the message delivered."""
    api.fail_next("sendMessage", fault, when=lambda call: call.params["text"] == "一")
    talk(lambda bot: bot.send_message(OFFICER, "零"))
    with pytest.raises((NetworkError, RetryAfter), match=error_):
        talk(lambda bot: bot.send_message(OFFICER, "一"))
    assert api.count(OFFICER, contains="一") == delivered
    assert api.calls[-1].fault == fault.name
    talk(lambda bot: bot.send_message(OFFICER, "一"))
    assert api.count(OFFICER, contains="一") == delivered + 1
    assert api.violations == []


def test_a_dropped_connection_is_a_dropped_connection(api: BotApi) -> None:
    """The socket closes without a byte of an answer."""
    api.fail_next("getMe", drop())
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{api.base_url}{api.token}/getMe")
    assert api.calls[-1].outcome == "dropped"


def test_a_slow_answer_is_the_right_one(api: BotApi, raw: Raw) -> None:
    """Only late."""
    api.fail_next("sendMessage", slow(0.3))
    before = time.monotonic()
    assert raw("sendMessage", chat_id=OFFICER, text="x")["ok"]
    assert time.monotonic() - before >= 0.3


def test_a_fault_can_be_planned_for_several_calls(api: BotApi, raw: Raw) -> None:
    """Then it is over."""
    api.fail_next(None, error(500), times=2)
    assert [raw("sendMessage", chat_id=OFFICER, text="x")["ok"] for _ in range(4)] == [False, False, True, True]


def test_the_lottery_of_faults_is_the_same_for_the_same_seed(api: BotApi, raw: Raw) -> None:
    """And strikes only the methods it is for."""

    def lots(seed: int) -> list[str | None]:
        api.faults = Faults(seed, too_many=0.3, error_before=0.2, error_after=0.1)
        for i in range(40):
            raw("sendMessage", chat_id=OFFICER, text=f"{seed} {i}")
        return [call.fault for call in api.calls_of("sendMessage")[-40:]]

    first = lots(1)
    assert {"429", "502-after", None} <= set(first)
    assert lots(1) == first != lots(2)
    api.faults = Faults(error_before=1.0, methods={"getMe"})
    assert raw("sendMessage", chat_id=OFFICER, text="x")["ok"]
    assert raw("getMe")["error_code"] in {500, 502}


def test_a_message_sent_before_the_end_of_a_halt_is_noted(api: BotApi, raw: Raw) -> None:
    """The same message at once, or another after the grace; not one after the time that was named."""
    api.limits.grace = 0.05
    api.fail_next("sendMessage", too_many(1))
    refused = raw("sendMessage", chat_id=OFFICER, text="一")
    assert refused["parameters"] == {"retry_after": 1}
    raw("sendMessage", chat_id=OFFICER, text="一")
    assert [early.call.params["text"] for early in api.too_early] == ["一"]
    assert 0 < api.too_early[0].early_by <= 1
    api.person(CLERK, "李").starts()
    time.sleep(0.1)
    raw("sendMessage", chat_id=CLERK, text="二")
    assert [early.call.chat for early in api.too_early] == [OFFICER, CLERK]
    time.sleep(max(0.0, api.too_early[-1].early_by))
    raw("sendMessage", chat_id=OFFICER, text="三")
    assert len(api.too_early) == 2


def test_a_message_under_way_when_the_halt_began_is_not_early(api: BotApi, raw: Raw, apart: ThreadPoolExecutor) -> None:
    """Nobody can call back what was sent before the 429 was known."""
    api.fail_next("sendMessage", slow(0.4), when=lambda call: call.params["text"] == "二")
    slow_one = apart.submit(raw, "sendMessage", chat_id=OFFICER, text="二")
    api.wait_until(lambda: api.calls_of("sendMessage"), 5)
    api.fail_next("sendMessage", too_many(1), when=lambda call: call.params["text"] == "一")
    raw("sendMessage", chat_id=OFFICER, text="一")
    assert slow_one.result(5)["ok"]
    assert api.too_early == []


@pytest.mark.parametrize(
    ("limits", "chats", "taken"),
    [
        (Limits(overall=3, enforced=True), [1, 2, 3, 4], 3),
        (Limits(burst=2, enforced=True), [1, 1, 1, 2], 3),
        (Limits(per_group=2, enforced=True), [-1, -1, -1, 1], 3),
        (Limits(overall=1, burst=1, per_group=1), [1, 1, -1, -1], 4),
    ],
    ids=["overall", "one person", "one group", "counted only"],
)
def test_more_than_telegram_takes_is_refused_or_counted(limits: Limits, chats: list[int], taken: int) -> None:
    """429 with the seconds to wait; without enforcement only a number in `over`."""
    with BotApi(limits=limits) as api, httpx.Client() as client:
        somebody = api.person(1, "甲")
        for number in range(1, 5):
            api.person(number, "人").starts()
        api.group(-1, "群").adds_bot(somebody)
        url = f"{api.base_url}{api.token}/sendMessage"
        answers = [client.post(url, data={"chat_id": chat, "text": "x"}).json() for chat in chats]
    refused = [answer["parameters"]["retry_after"] for answer in answers if not answer["ok"]]
    assert api.count() == taken
    assert [seconds >= 1 for seconds in refused] == [True] * (4 - taken)
    assert limits.over.total() >= 1


# --- webhook ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A webhook of the bot."""
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_a_webhook_gets_what_waits_and_what_comes(
    api: BotApi, officer: Person, talk: Talk[Any], hook: Receiver
) -> None:
    """With its secret, in order, once; polling is refused meanwhile and goes on afterwards."""
    talk(lambda bot: bot.set_webhook(hook.url, secret_token="s-3", max_connections=5))  # noqa: S106
    officer.types("二")
    api.wait_until(lambda: api.pending == 0, 5)
    assert [(update["message"]["text"], secret) for update, secret in hook.seen] == [("/start", "s-3"), ("二", "s-3")]
    with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
        talk(lambda bot: bot.get_updates())
    info = talk(lambda bot: bot.get_webhook_info())
    assert (info.url, info.max_connections, info.pending_update_count) == (hook.url, 5, 0)
    talk(lambda bot: bot.delete_webhook())
    officer.types("三")
    assert [update.message.text for update in talk(lambda bot: bot.get_updates())] == ["三"]
    assert api.violations == []


def test_a_webhook_is_tried_again_until_it_answers_2xx(api: BotApi, officer: Person, hook: Receiver, raw: Raw) -> None:
    """The chat's next update waits for it; the trouble is told by getWebhookInfo."""
    hook.statuses = [500, 302, 404]
    raw("setWebhook", url=hook.url)
    officer.types("二")
    api.wait_until(lambda: api.pending == 0, 5)
    assert hook.texts == ["/start"] * 4 + ["二"]
    assert [status for _, status, _ in api.attempts] == [500, 302, 404, 200, 200]
    assert "404" in raw("getWebhookInfo")["result"]["last_error_message"]


def test_a_webhook_that_is_not_there_gets_everything_when_it_comes(api: BotApi, raw: Raw, hook: Receiver) -> None:
    """Refused connections are tried again like errors."""
    hook.close()
    raw("setWebhook", url=hook.url)
    api.wait_until(lambda: len(api.attempts) >= 2, 5)
    assert {status for _, status, _ in api.attempts} == {0}
    info = raw("getWebhookInfo")["result"]
    assert (info["pending_update_count"], "Connection failed" in info["last_error_message"]) == (1, True)


def test_chats_do_not_wait_for_each_other(api: BotApi, officer: Person, hook: Receiver, raw: Raw) -> None:
    """Up to max_connections at once, but each chat one after the other."""
    hook.open.clear()
    raw("setWebhook", url=hook.url, max_connections=2)
    for number in (1, 2, 3):
        api.person(number, "人").types(f"{number}甲")
        api.person(number, "人").types(f"{number}乙")
    assert [hook.arrived.acquire(timeout=5) for _ in range(2)] == [True, True]
    hook.open.set()
    api.wait_until(lambda: api.pending == 0, 5)
    assert hook.most == 2
    assert [text for text in hook.texts if text[0] == "2"] == ["2甲", "2乙"]
    assert len(hook.texts) == 7


def test_what_waits_can_be_dropped(api: BotApi, officer: Person, raw: Raw) -> None:
    """With setting or deleting the webhook."""
    raw("deleteWebhook", drop_pending_updates=True)
    assert api.pending == 0
    officer.types("二")
    raw("setWebhook", url="http://127.0.0.1:9/", drop_pending_updates=True)
    assert api.pending == 0


def test_a_webhook_gets_redelivered_updates_too(api: BotApi, officer: Person, hook: Receiver, raw: Raw) -> None:
    """Once more, although it answered 200 before."""
    raw("setWebhook", url=hook.url)
    api.wait_until(lambda: api.pending == 0, 5)
    api.redeliver(hook.seen[0][0]["update_id"])
    api.wait_until(lambda: len(api.attempts) == 2, 5)
    assert hook.texts == ["/start", "/start"]


def test_setting_a_webhook_ends_an_open_poll(api: BotApi, raw: Raw, hook: Receiver, apart: ThreadPoolExecutor) -> None:
    """409."""
    poll = _open_poll(api, raw, apart)
    raw("setWebhook", url=hook.url)
    assert poll.result(5)["description"] == "Conflict: terminated by setWebhook request"


# --- the server itself ------------------------------------------------------------------------------------------


def test_it_goes_down_and_comes_back_on_its_port(
    api: BotApi, officer: Person, talk: Talk[Any], raw: Raw, apart: ThreadPoolExecutor
) -> None:
    """Open polls break, connections are refused, and afterwards everything is as it was."""
    talk(lambda bot: bot.send_message(OFFICER, "一"))
    address = api.base_url
    poll = _open_poll(api, raw, apart)
    api.down()
    with pytest.raises(httpx.TransportError):
        poll.result(5)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}{api.token}/getMe")
    number = officer.types("在吗").update_id
    api.up()
    assert api.base_url == address
    assert _numbers(raw("getUpdates")) == [number]
    talk(lambda bot: bot.send_message(OFFICER, "二"))
    assert [sent.text for sent in api.sent_to(OFFICER)] == ["一", "二"]


def test_an_outage_ends_by_itself(api: BotApi) -> None:
    """After the seconds named."""
    before = time.monotonic()
    api.outage(0.3)
    with httpx.Client(transport=httpx.HTTPTransport(retries=6)) as client:  # waits 0, 0.5, 1 … s between them
        assert client.get(f"{api.base_url}{api.token}/getMe").json()["ok"]
    assert time.monotonic() - before >= 0.3


def test_it_ends_at_once_and_leaves_nothing_behind() -> None:
    """Within a second, with a poll open, a webhook failing and a slow answer under way."""
    threads = threading.active_count()
    with ThreadPoolExecutor(2) as pool:
        with BotApi() as api:
            url = f"{api.base_url}{api.token}"
            api.fail_next("getMe", slow(30))
            poll = pool.submit(httpx.get, f"{url}/getUpdates?timeout=50", timeout=60)
            slow_one = pool.submit(httpx.get, f"{url}/getMe", timeout=60)
            api.wait_until(lambda: len(api.calls) == 2, 5)
            before = time.monotonic()
        assert time.monotonic() - before < 1
        assert isinstance(poll.exception(5), httpx.TransportError)
        assert isinstance(slow_one.exception(5), httpx.TransportError)
    assert threading.active_count() == threads


def test_waiting_for_what_never_comes_ends(api: BotApi) -> None:
    """With the last calls in the message, so that the reason can be seen."""
    with pytest.raises(TimeoutError, match="last calls"):
        api.wait_until(lambda: api.count() > 0, 0.1)
