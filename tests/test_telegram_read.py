"""What is kept of an update: enough to answer it, nothing personal, and never so broken that it is in the way."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actions.events import Event, Raw
from actions.message import Incoming
from bot.channels.telegram.read import CHANNEL, Reader, raw
from tests.botapi import malformed
from tests.botapi.people import KINDS

BOT = 123456789
NAME = "zhifa_test_bot"
OFFICER: dict[str, Any] = {
    "id": 42,
    "is_bot": False,
    "first_name": "王小明",
    "last_name": "王大姓",
    "username": "wang_xiaoming",
    "language_code": "zh-hans",
}
CHAT: dict[str, Any] = {"id": 42, "type": "private", "first_name": "王小明", "last_name": "王大姓"}
GROUP: dict[str, Any] = {"id": -1001, "type": "supergroup", "title": "城关执法所内部群"}
MESSAGE: dict[str, Any] = {"message_id": 7, "date": 1_790_000_000, "chat": CHAT, "from": OFFICER, "text": "听证几天"}
WORDLESS = {key: value for key, value in MESSAGE.items() if key != "text"}
QUERY: dict[str, Any] = {"id": "9", "from": OFFICER, "chat_instance": "1", "message": MESSAGE, "data": "details:a.b"}
INLINE: dict[str, Any] = {"id": "8", "from": OFFICER, "query": "听证", "offset": ""}

KEYS = st.one_of(
    st.sampled_from(
        [
            *("update_id", "message", "edited_message", "callback_query", "inline_query", "my_chat_member"),
            *("chat", "from", "id", "type", "text", "caption", "date", "entities", "data", "query", "message_id"),
            *("reply_to_message", "first_name", "phone_number", "latitude", "sticker", "document"),
        ]
    ),
    st.text(st.characters(exclude_categories=()), max_size=70),
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=())))
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25)
"""Anything Python reads as JSON, also what the standard does not know (NaN), often with the names of an update."""


def _kept(update: Any) -> Raw:
    return raw(update, str(BOT))


def _read(update: Any) -> Incoming | None:
    kept = _kept({"update_id": 1, **update})
    event = Event(1, CHANNEL, kept.address, kept.payload, "new", 0, datetime.now(UTC), None, kept.event_id)
    return Reader(NAME, BOT).read(event)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value


# ---- nothing is so broken that it cannot be kept


@given(JSON)
@example({"update_id": True, "message": {"chat": {"id": True}}})
@example({"update_id": 2**70})
@example({"message": {"chat": {"id": float("nan")}, "date": float("inf")}})
@example({"\ud800\x00": "\x00\udfff"})
def test_anything_is_kept_as_something_a_database_takes(update: Any) -> None:
    """Whatever comes, it becomes a row: proper JSON, no NUL, no halves of surrogate pairs, text for number and chat."""
    kept = _kept(update)
    assert kept.event_id.startswith(f"{BOT}:")
    json.dumps(dict(kept.payload), allow_nan=False)
    for text in (kept.event_id, kept.address, *_strings(dict(kept.payload))):
        assert "\x00" not in text
        text.encode()


@pytest.mark.parametrize("update", [*malformed.named().values(), *malformed.mutated(seed=1, count=300)])
def test_a_malformed_update_is_kept_and_kept_once(update: Any) -> None:
    """It has a row of its own and the same one when it is delivered again."""
    numbered = {"update_id": 5, **update}
    assert _kept(numbered) == _kept(json.loads(json.dumps(numbered)))
    assert _kept(numbered).event_id == f"{BOT}:5"


@given(st.one_of(st.none(), st.booleans(), st.integers(max_value=-1), st.integers(2**53), st.text(), st.floats()))
def test_an_update_without_a_proper_number_is_known_by_its_content(number: Any) -> None:
    """Delivered again it is the same; another content is another one; neither passes for a numbered one."""
    one, again = _kept({"update_id": number, "message": 1}), _kept({"update_id": number, "message": 1})
    other = _kept({"update_id": number, "message": 2})
    assert one.event_id == again.event_id != other.event_id
    assert not one.event_id.removeprefix(f"{BOT}:").isdecimal()


def test_two_bots_do_not_take_each_others_updates_for_repeated() -> None:
    """After a change of the token updates are numbered anew."""
    assert raw({"update_id": 5}, "1").event_id != raw({"update_id": 5}, "2").event_id


@pytest.mark.parametrize("depth", [30, 900])
def test_what_is_nested_too_deep_is_cut(depth: int) -> None:
    """It can be written and read again however deep it was."""
    nested: Any = json.loads('{"a":' * depth + "1" + "}" * depth)
    kept = _kept({"update_id": 5, "message": nested})
    assert json.loads(json.dumps(dict(kept.payload)))["update_id"] == 5


# ---- where it belongs


@pytest.mark.parametrize(
    ("update", "address"),
    [
        pytest.param({"message": MESSAGE}, "42", id="message"),
        pytest.param({"message": {**MESSAGE, "chat": GROUP}}, "-1001", id="in a group"),
        pytest.param({"edited_message": MESSAGE}, "42", id="edited"),
        pytest.param({"callback_query": QUERY}, "42", id="pressed"),
        pytest.param({"callback_query": {**QUERY, "message": None}}, "42", id="pressed under an inline message"),
        pytest.param({"inline_query": INLINE}, "42", id="inline"),
        pytest.param({"my_chat_member": {"chat": GROUP, "from": OFFICER}}, "-1001", id="membership"),
        pytest.param({"message": {**MESSAGE, "chat": {"id": "x"}}}, "?", id="no chat"),
        pytest.param({"message": {**MESSAGE, "chat": {"id": True}}}, "?", id="no number"),
        pytest.param([1, 2], "?", id="no update at all"),
    ],
)
def test_an_update_is_kept_under_its_chat(update: Any, address: str) -> None:
    """What is handled in order is what happens in one chat."""
    assert _kept(update).address == address


# ---- nothing personal


PERSONAL: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "names": ({"message": MESSAGE}, ("王小明", "王大姓", "wang_xiaoming")),
    "names under a button": ({"callback_query": QUERY}, ("王小明", "wang_xiaoming")),
    "names inline": ({"inline_query": INLINE}, ("王小明", "wang_xiaoming")),
    "who is answered": (
        {"message": {**MESSAGE, "reply_to_message": {**MESSAGE, "text": "电话13812345678"}}},
        ("王小明", "13812345678"),
    ),
    "numbers typed": (
        {"message": {**MESSAGE, "text": "张某 13812345678 身份证11010519491231002X 冀A12345"}},
        ("13812345678", "11010519491231002X", "冀A12345"),
    ),
    "numbers in a caption": (
        {"message": {**WORDLESS, "photo": [], "caption": "电话13812345678"}},
        ("13812345678",),
    ),
    "numbers in an edit": ({"edited_message": {**MESSAGE, "text": "电话13812345678"}}, ("13812345678",)),
    "numbers asked inline": ({"inline_query": {**INLINE, "query": "电话13812345678"}}, ("13812345678",)),
    "a number in the middle of a long message": (
        {"message": {**MESSAGE, "text": "听" * 3_995 + "13812345678"}},
        ("13812345678", "1381234"),
    ),
    "a contact": (
        {
            "message": {
                **MESSAGE,
                "contact": {
                    "phone_number": "13812345678",
                    "first_name": "李四",
                    "last_name": "李某",
                    "user_id": 778899,
                    "vcard": "BEGIN:VCARD\nFN:李四",
                },
            }
        },
        ("13812345678", "李四", "李某", "778899"),
    ),
    "a place": (
        {"message": {**MESSAGE, "location": {"latitude": 41.71, "longitude": 123.42, "heading": 12}}},
        ("41.71", "123.42"),
    ),
    "a venue": (
        {
            "message": {
                **MESSAGE,
                "venue": {
                    "location": {"latitude": 41.71, "longitude": 123.42},
                    "title": "李四餐馆",
                    "address": "建设街12号",
                    "google_place_id": "PLACE-1",
                },
            }
        },
        ("41.71", "李四餐馆", "建设街12号", "PLACE-1"),
    ),
    "the name of a file": (
        {"message": {**MESSAGE, "document": {"file_id": "F", "file_unique_id": "U", "file_name": "李四身份证.pdf"}}},
        ("李四",),
    ),
    "whom a message is forwarded from": (
        {
            "message": {
                **MESSAGE,
                "forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "李四"},
                "author_signature": "李四",
            }
        },
        ("李四",),
    ),
    "a poll": ({"message": {**MESSAGE, "poll": {"id": "1", "question": "李四电话13812345678"}}}, ("13812345678",)),
    "the name of a group": ({"message": {**MESSAGE, "chat": GROUP}}, ("城关执法所内部群",)),
    "a new name of a group": ({"message": {**MESSAGE, "chat": GROUP, "new_chat_title": "城关所"}}, ("城关所",)),
    "who came into a group": (
        {"message": {**MESSAGE, "chat": GROUP, "new_chat_members": [{**OFFICER, "first_name": "李四"}]}},
        ("李四", "王小明"),
    ),
    "who blocked the bot": (
        {"my_chat_member": {"chat": CHAT, "from": OFFICER, "date": 1, "old_chat_member": {"user": OFFICER}}},
        ("王小明", "wang_xiaoming"),
    ),
}


@pytest.mark.parametrize(("update", "secret"), PERSONAL.values(), ids=PERSONAL.keys())
def test_what_we_have_no_use_for_is_not_kept(update: dict[str, Any], secret: tuple[str, ...]) -> None:
    """Names, numbers, places, files: none of them is in the row (个人信息保护法 articles 6 and 19)."""
    kept = json.dumps(dict(_kept({"update_id": 1, **update}).payload), ensure_ascii=False)
    assert [word for word in secret if word in kept] == []


@given(st.dictionaries(KEYS, st.just("李四密语"), max_size=8))
def test_only_what_a_person_typed_is_kept_in_words(content: dict[str, Any]) -> None:
    """Whatever else a message may carry, known today or not, its words are not kept."""
    prose = {"text", "caption"}
    message = {**MESSAGE, **{key: value for key, value in content.items() if key not in prose | set(MESSAGE)}}
    assert "李四密语" not in json.dumps(dict(_kept({"update_id": 1, "message": message}).payload), ensure_ascii=False)


def test_who_enrols_gives_the_name_and_the_code() -> None:
    """A roster without names is of no use; the code is taken as it was typed."""
    said = _read({"message": {**MESSAGE, "text": "/start 13812345678"}})
    assert said
    assert (said.text, said.name) == ("/start 13812345678", "王小明")


# ---- what a person did


def test_a_message_is_understood() -> None:
    """Chat, sender, words and the number by which it can be quoted."""
    assert _read({"message": MESSAGE}) == Incoming(CHANNEL, "42", "text", "听证几天", sender="42", own="7")


def test_a_pressed_button_is_understood() -> None:
    """What it carries, under which message, and what stops its spinner."""
    expected = Incoming(CHANNEL, "42", "press", "details:a.b", "7", sender="42", ref="9")
    assert _read({"callback_query": QUERY}) == expected


def test_a_button_under_a_message_gone_by_is_understood() -> None:
    """Telegram gives no content of messages that are too old, but their number."""
    gone = {**QUERY, "message": {"chat": CHAT, "message_id": 3, "date": 0}}
    assert _read({"callback_query": gone}) == Incoming(CHANNEL, "42", "press", "details:a.b", "3", sender="42", ref="9")


def test_an_inline_question_is_understood() -> None:
    """It belongs to the person, whatever chat it is typed in."""
    assert _read({"inline_query": INLINE}) == Incoming(CHANNEL, "42", "inline", "听证", ref="8")


def _grouped(text: str, **more: Any) -> dict[str, Any]:
    return {"message": {**MESSAGE, "chat": GROUP, "text": text, **more}}


OURS = {"id": BOT, "is_bot": True, "first_name": "执法助手", "username": NAME}


@pytest.mark.parametrize(
    ("update", "heard"),
    [
        pytest.param(_grouped("听证几天"), None, id="said to others"),
        pytest.param(_grouped(f"@{NAME} 听证几天"), "听证几天", id="mentioned"),
        pytest.param(_grouped(f"听证几天 @{NAME.upper()}"), "听证几天", id="mentioned at the end, in capitals"),
        pytest.param(_grouped(f"请问@{NAME}，听证几天"), "请问 ，听证几天", id="mentioned in the middle"),
        pytest.param(_grouped(f"@{NAME}听证几天"), "听证几天", id="mentioned without a space, as one types Chinese"),
        pytest.param(_grouped(f"@{NAME}_2 听证几天"), None, id="another bot whose name begins so"),
        pytest.param(_grouped(f"x@{NAME}.cn 听证几天"), None, id="an address"),
        pytest.param(_grouped("听证几天", reply_to_message={**MESSAGE, "from": OURS}), "听证几天", id="replied to"),
        pytest.param(_grouped("听证几天", reply_to_message=MESSAGE), None, id="replied to another"),
        pytest.param(_grouped("/lists"), "/lists", id="a command"),
        pytest.param(_grouped(f"/lists@{NAME} 食品"), f"/lists@{NAME} 食品", id="a command for us"),
        pytest.param(_grouped("/lists@other_bot"), None, id="a command for another bot"),
        pytest.param(
            _grouped("/lists@other_bot", reply_to_message={**MESSAGE, "from": OURS}), None, id="even replying"
        ),
        pytest.param({"message": {**WORDLESS, "chat": GROUP, **KINDS["sticker"]}}, None, id="a sticker"),
        pytest.param({"edited_message": {**MESSAGE, "chat": GROUP}}, None, id="an edit said to others"),
    ],
)
def test_a_group_is_heard_only_where_it_speaks_to_the_bot(update: dict[str, Any], heard: str | None) -> None:
    """Mentioned by its name, replied to, or commanded; everything else is none of its business."""
    said = _read(update)
    assert (said.text if said else None) == heard


@pytest.mark.parametrize(
    "update",
    [
        pytest.param({"message": {**MESSAGE, "from": OURS}}, id="a bot"),
        pytest.param({"message": {**MESSAGE, "chat": {**CHAT, "type": "channel"}}}, id="a channel"),
        pytest.param({"message": {**WORDLESS}}, id="an empty message"),
        pytest.param({"message": {**WORDLESS, "chat": GROUP, "new_chat_members": [OURS]}}, id="a change"),
        pytest.param({"edited_message": {**WORDLESS, **KINDS["location"]}}, id="a moving place"),
        pytest.param({"channel_post": {**MESSAGE, "chat": {**CHAT, "type": "channel"}}}, id="a kind nobody asked for"),
    ],
)
def test_what_asks_for_nothing_is_passed_over(update: dict[str, Any]) -> None:
    """Bots, channels, service messages: done without an answer."""
    assert _read(update) is None


def _member(chat: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    more: dict[str, dict[str, Any]] = {"kicked": {"until_date": 0}, "restricted": {"is_member": True}}
    sides = {"old": old, "new": new}
    members = {
        f"{side}_chat_member": {"user": OURS, "status": status, **more.get(status, {})}
        for side, status in sides.items()
    }
    return {"my_chat_member": {"chat": chat, "from": OFFICER, "date": 1, **members}}


def _gone(update: dict[str, Any]) -> dict[str, Any]:
    update["my_chat_member"]["new_chat_member"]["is_member"] = False
    return update


@pytest.mark.parametrize(
    ("update", "what"),
    [
        pytest.param(_member(CHAT, "member", "kicked"), "blocked", id="blocked"),
        pytest.param(_member(CHAT, "kicked", "member"), "unblocked", id="unblocked"),
        pytest.param(_member(GROUP, "left", "member"), "added", id="added to a group"),
        pytest.param(_member(GROUP, "member", "kicked"), "blocked", id="removed from a group"),
        pytest.param(_member(GROUP, "member", "left"), "blocked", id="out of a group"),
        pytest.param(_member(GROUP, "member", "restricted"), None, id="restricted"),
        pytest.param(_member(GROUP, "restricted", "member"), None, id="restricted no more"),
        pytest.param(_gone(_member(GROUP, "member", "restricted")), "blocked", id="restricted and out"),
    ],
)
def test_who_can_be_written_to_is_understood(update: dict[str, Any], what: str | None) -> None:
    """Only being there or not matters."""
    said = _read(update)
    assert (said.text if said else None) == what
