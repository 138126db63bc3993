"""From a raw update to what a person did.

Of an update only the fields of `_UPDATE` are kept, as they came: no names, numbers, places or files, and
prose without personal numbers (个人信息保护法 article 6: the smallest scope). It is understood later,
row by row, so that one that cannot be understood is in nobody's way.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from telegram.constants import ChatMemberStatus, ChatType

from actions.events import Event, Raw, enrols, without_numbers
from actions.message import Incoming
from bot.channels.telegram.api import number_of

CHANNEL = "telegram"

_PLAIN, _PROSE, _PRESENT, _NAME = "plain", "prose", "present", "name"
"""How a field is kept: a number, a flag or a short word; what a person wrote, without personal numbers; only
that it is there; the person's name, where they hand in a code."""

_MEDIA = {
    "voice": "voice",
    "video_note": "voice",
    "audio": "voice",
    "photo": "photo",
    "video": "photo",
    "animation": "photo",
    "sticker": "sticker",
    "dice": "sticker",
    "location": "location",
    "venue": "location",
    "contact": "contact",
    "document": "document",
    "poll": "else",
    "story": "else",
    "checklist": "else",
}
_CHAT = {"id": _PLAIN, "type": _PLAIN}
_USER = {"id": _PLAIN, "is_bot": _PLAIN, "first_name": _NAME}
_MEMBER = {"status": _PLAIN, "is_member": _PLAIN}
_MESSAGE = {
    "message_id": _PLAIN,
    "from": _USER,
    "chat": _CHAT,
    "text": _PROSE,
    "caption": _PROSE,
    "reply_to_message": {"from": _USER},
    **dict.fromkeys(_MEDIA, _PRESENT),
}
_UPDATE: Mapping[str, Any] = {
    "update_id": _PLAIN,
    "undecodable": _PLAIN,
    "message": _MESSAGE,
    "edited_message": _MESSAGE,
    "callback_query": {"id": _PLAIN, "from": _USER, "data": _PLAIN, "message": {"message_id": _PLAIN, "chat": _CHAT}},
    "inline_query": {"id": _PLAIN, "from": _USER, "query": _PROSE},
    "my_chat_member": {"chat": _CHAT, "from": _USER, "old_chat_member": _MEMBER, "new_chat_member": _MEMBER},
}
_LONGEST_WORD = 128
_GROUPS = frozenset({ChatType.GROUP, ChatType.SUPERGROUP})
_HERE = frozenset({ChatMemberStatus.MEMBER, ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.OWNER})


def raw(update: Any, bot_id: str) -> Raw:
    """An update as it is kept: its number, its chat, and the fields we have a use for."""
    number = number_of(update)
    if number is None:
        whole = json.dumps(update, sort_keys=True, default=str).encode()
        event = "x" + hashlib.sha256(whole).hexdigest()[:24]
    else:
        event = str(number)
    kept = _kept(update, _UPDATE, enrols=_enrols(update))
    return Raw(f"{bot_id}:{event}", _address(update), kept if isinstance(kept, dict) else {})


def _enrols(update: Any) -> bool:
    """Whether the person hands in a code; only then is their name of use."""
    text = _at(update, "message", "text")
    return isinstance(text, str) and enrols(text)


def _kept(value: Any, shape: Any, *, enrols: bool) -> Any:
    """What is kept of a value; None where it is not of the shape."""
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return None
        return {key: _kept(value[key], inner, enrols=enrols) for key, inner in shape.items() if key in value}
    if shape == _PRESENT:
        return True
    if isinstance(value, bool | int):
        return value if shape == _PLAIN and abs(value) < 2**63 else None
    if not isinstance(value, str):
        return None
    if shape == _PROSE:
        return without_numbers(_storable(value))
    return _storable(value)[:_LONGEST_WORD] if shape == _PLAIN or enrols else ""


def _storable(text: str) -> str:
    """Half a surrogate pair cannot be kept, and PostgreSQL takes no NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _address(update: Any) -> str:
    """The chat an update belongs to, as far as that can be seen; `?` where it cannot."""
    for path in (
        ("message", "chat", "id"),
        ("edited_message", "chat", "id"),
        ("callback_query", "message", "chat", "id"),
        ("callback_query", "from", "id"),
        ("inline_query", "from", "id"),
        ("my_chat_member", "chat", "id"),
    ):
        found = _at(update, *path)
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)[:20]
    return "?"


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(value: Any, *path: str) -> int:
    """A number that must be there.

    Raises:
        ValueError: it is not.
    """
    found = _at(value, *path)
    if not isinstance(found, int) or isinstance(found, bool):
        raise ValueError(f"no number at {'.'.join(path)}")  # noqa: TRY004 - the update is wrong, not the call
    return found


def _word(value: Any, *path: str) -> str:
    """A text that must be there.

    Raises:
        ValueError: it is not.
    """
    found = _at(value, *path)
    if not isinstance(found, str):
        raise ValueError(f"no text at {'.'.join(path)}")  # noqa: TRY004 - the update is wrong, not the call
    return found


class Reader:
    """Understands kept updates.

    Args:
        username: the bot's own, without @; how groups address it.
        bot_id: the bot's own number.
    """

    def __init__(self, username: str, bot_id: int) -> None:
        self._mention = re.compile(rf"(?<![A-Za-z0-9_])@{re.escape(username)}(?![A-Za-z0-9_])", re.IGNORECASE)
        self._command = re.compile(rf"/[A-Za-z0-9_]+(@{re.escape(username)})?(\s|$)", re.IGNORECASE)
        self._bot_id = bot_id

    def read(self, event: Event) -> Incoming | None:
        """What a person did; None where it asks for nothing.

        Raises:
            ValueError: the update is not of the Bot API's form.
        """
        update = event.payload
        if number_of(update) is None or update.get("undecodable"):
            raise ValueError("no update")
        if "callback_query" in update:
            return _pressed(update["callback_query"])
        if "inline_query" in update:
            asked = update["inline_query"]
            who, query = str(_number(asked, "from", "id")), _word(asked, "query")
            return Incoming(CHANNEL, who, "inline", query, ref=_word(asked, "id"))
        if "my_chat_member" in update:
            return _moved(update["my_chat_member"])
        for field in ("message", "edited_message"):
            if field in update:
                return self._said(update[field], edited=field == "edited_message")
        return None

    def _said(self, message: Any, *, edited: bool) -> Incoming | None:
        chat, kind, own = _number(message, "chat", "id"), _word(message, "chat", "type"), _number(message, "message_id")
        if "from" not in message:
            return None  # said by a channel, or by the chat itself
        who, group = _number(message, "from", "id"), kind in _GROUPS
        if _at(message, "from", "is_bot") or not (group or kind == ChatType.PRIVATE):
            return None
        said = self._text(message, group=group)
        medium = None if said is not None or group or edited else _medium(message)
        if said is None and medium is None:
            return None
        return Incoming(
            CHANNEL,
            str(chat),
            "other" if said is None else "text",
            said or medium or "",
            sender=str(who),
            group=group,
            edited=edited,
            own=str(own),
            name=_at(message, "from", "first_name") or "",
        )

    def _text(self, message: Any, *, group: bool) -> str | None:
        """What was written to the bot, under a picture perhaps; None where nothing was."""
        text = next((_word(message, field) for field in ("text", "caption") if field in message), None)
        return self._addressed(message, text) if group and text is not None else text

    def _addressed(self, message: Any, text: str) -> str | None:
        """What was said to the bot in a group; None where it was said to others."""
        if text.startswith("/"):
            return text if self._command.match(text) else None
        plain = self._mention.sub(" ", text)
        to_us = _at(message, "reply_to_message", "from", "id") == self._bot_id
        return plain.strip() if to_us or plain != text else None


def _medium(message: Any) -> str | None:
    """What a message is that is no text; None for what nobody said (a member came, a title changed)."""
    return next((name for field, name in _MEDIA.items() if field in message), None)


def _pressed(query: Any) -> Incoming:
    who, ref = str(_number(query, "from", "id")), _word(query, "id")
    data = _at(query, "data") or ""
    if _at(query, "message") is None:  # under what was put into another chat inline; we put no such buttons there
        return Incoming(CHANNEL, who, "press", data, ref=ref)
    return Incoming(
        CHANNEL,
        str(_number(query, "message", "chat", "id")),
        "press",
        data,
        str(_number(query, "message", "message_id")),
        sender=who,
        group=_at(query, "message", "chat", "type") in _GROUPS,
        ref=ref,
    )


def _moved(change: Any) -> Incoming | None:
    before, after = (_is_here(_at(change, f"{when}_chat_member")) for when in ("old", "new"))
    if before == after:
        return None
    group = _word(change, "chat", "type") in _GROUPS
    what = "blocked" if not after else "added" if group else "unblocked"
    who = str(_number(change, "from", "id"))
    return Incoming(CHANNEL, str(_number(change, "chat", "id")), "member", what, sender=who, group=group)


def _is_here(member: Any) -> bool:
    status = _word(member, "status")
    return status in _HERE or (status == ChatMemberStatus.RESTRICTED and bool(_at(member, "is_member")))
