"""Updates that no Telegram should send: each is JSON, none is a proper Update.

`named` are written by hand, one defect each; `mutated` breaks proper updates at random, from a seed.
"""

import copy
import random
from collections.abc import Iterator
from typing import Any

Raw = dict[str, Any]

_PERSON: Raw = {"id": 9001, "is_bot": False, "first_name": "某"}
_CHAT: Raw = {"id": 9001, "type": "private", "first_name": "某"}
_MESSAGE: Raw = {"message_id": 1, "date": 1_790_000_000, "chat": _CHAT, "from": _PERSON, "text": "听证"}
_QUERY: Raw = {"id": "1", "from": _PERSON, "chat_instance": "1", "message": _MESSAGE, "data": "x"}
_INLINE: Raw = {"id": "2", "from": _PERSON, "query": "听证", "offset": ""}
_DEPTH = 200


def _deep(depth: int) -> Raw:
    nested: Raw = {**_MESSAGE}
    for _ in range(depth):
        nested = {**_MESSAGE, "reply_to_message": nested}
    return nested


def _without(raw: Raw, *names: str) -> Raw:
    return {name: value for name, value in raw.items() if name not in names}


def named() -> dict[str, Any]:
    """Every defect by its name; none has an `update_id`, which `BotApi.feed` gives where it can."""
    return {
        "nothing in it": {},
        "an unknown kind": {"telepathy": {"id": 1, "thought": "听证"}},
        "two kinds at once": {"message": _MESSAGE, "callback_query": _QUERY},
        "a message that is null": {"message": None},
        "a message that is text": {"message": "听证"},
        "a message that is a list": {"message": [_MESSAGE]},
        "an empty message": {"message": {}},
        "a message without a chat": {"message": _without(_MESSAGE, "chat")},
        "a message without a sender": {"message": _without(_MESSAGE, "from")},
        "a message without a number": {"message": _without(_MESSAGE, "message_id")},
        "a message without a date": {"message": _without(_MESSAGE, "date")},
        "a message without content": {"message": _without(_MESSAGE, "text")},
        "a chat that is a number": {"message": {**_MESSAGE, "chat": 9001}},
        "a chat whose number is text": {"message": {**_MESSAGE, "chat": {**_CHAT, "id": "九〇〇一"}}},
        "a chat without a number": {"message": {**_MESSAGE, "chat": {"type": "private"}}},
        "a chat of an unknown kind": {"message": {**_MESSAGE, "chat": {**_CHAT, "type": "village"}}},
        "a chat number beyond 64 bits": {"message": {**_MESSAGE, "chat": {**_CHAT, "id": 2**70}}},
        "a date that is text": {"message": {**_MESSAGE, "date": "昨天"}},
        "a date far off": {"message": {**_MESSAGE, "date": 10**18}},
        "a text that is a number": {"message": {**_MESSAGE, "text": 42}},
        "a text that is a list": {"message": {**_MESSAGE, "text": ["听证"]}},
        "a text of control characters": {"message": {**_MESSAGE, "text": "\x00\x1b[2J\u202e听证\ufeff"}},
        "a text of a megabyte": {"message": {**_MESSAGE, "text": "听" * 350_000}},
        "entities outside the text": {
            "message": {**_MESSAGE, "entities": [{"type": "bot_command", "offset": 90, "length": -5}]}
        },
        "entities that are no list": {"message": {**_MESSAGE, "entities": {"type": "bold"}}},
        "a sender that is text": {"message": {**_MESSAGE, "from": "某"}},
        "a press without data": {"callback_query": _without(_QUERY, "data")},
        "a press without a message": {"callback_query": _without(_QUERY, "message")},
        "a press without a sender": {"callback_query": _without(_QUERY, "from")},
        "a press without a number": {"callback_query": _without(_QUERY, "id")},
        "a press with data that is a number": {"callback_query": {**_QUERY, "data": 7}},
        "a press on a message gone by": {
            "callback_query": {**_QUERY, "message": {"chat": _CHAT, "message_id": 1, "date": 0}}
        },
        "an inline question without text": {"inline_query": _without(_INLINE, "query")},
        "an inline question without a sender": {"inline_query": _without(_INLINE, "from")},
        "a change of membership without members": {"my_chat_member": {"chat": _CHAT, "from": _PERSON, "date": 1}},
        "replies in replies": {"message": _deep(_DEPTH)},
    }


_NONSENSE: list[Any] = [None, True, -1, 2**70, 1.5, "", "无", [], {}, [[[]]], {"id": {"id": {}}}]


def mutated(seed: int, count: int) -> Iterator[Raw]:
    """Break proper updates: a random place is removed or replaced by nonsense, up to three times each.

    Args:
        seed: the same seed gives the same updates.
        count: how many.
    """
    chance = random.Random(seed)
    proper: list[Raw] = [
        {"message": {**_MESSAGE, "entities": [{"type": "bot_command", "offset": 0, "length": 2}]}},
        {"edited_message": {**_MESSAGE, "edit_date": 1_790_000_001}},
        {"callback_query": _QUERY},
        {"inline_query": _INLINE},
    ]
    for _ in range(count):
        update = copy.deepcopy(chance.choice(proper))
        for _ in range(chance.randint(1, 3)):
            _break(update, chance)
        yield update


def _break(update: Any, chance: random.Random) -> None:
    """Walk to a random place and spoil it."""
    place = update
    while isinstance(place, dict) and place:
        name = chance.choice(sorted(place))
        inner = place[name]
        if isinstance(inner, dict) and inner and chance.random() < 0.8:
            place = inner
        elif chance.random() < 0.4:
            del place[name]
            return
        else:
            place[name] = copy.deepcopy(chance.choice(_NONSENSE))
            return
