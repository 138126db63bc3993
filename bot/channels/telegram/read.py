"""From a raw update to what a person did.

What is kept is the update as it came, without what we have no use for: names, numbers of contacts,
places, and personal numbers in prose (个人信息保护法 article 6).
"""

import hashlib
import json
import re
from typing import Any

from telegram import CallbackQuery, Chat, ChatMember, ChatMemberUpdated, Message, Update

from actions.events import Event, Raw, without_numbers
from actions.message import Incoming
from bot.channels.telegram.api import number_of

CHANNEL = "telegram"

_PROSE = frozenset({"text", "caption", "query"})
_EMPTIED = frozenset({"phone_number", "title", "bio", "vcard"})
_DROPPED = frozenset({"last_name", "username", "caption_entities", "entities", "quote", "link_preview_options"})
_NOWHERE = frozenset({"latitude", "longitude"})
_DEEPEST = 24
_GROUPS = frozenset({Chat.GROUP, Chat.SUPERGROUP})
_MEDIA = {
    "voice": "voice",
    "video_note": "voice",
    "audio": "voice",
    "photo": "photo",
    "video": "photo",
    "animation": "photo",
    "sticker": "sticker",
    "location": "location",
    "venue": "location",
    "contact": "contact",
    "document": "document",
    "poll": "else",
    "dice": "sticker",
    "story": "else",
    "checklist": "else",
}
_HERE = frozenset({ChatMember.MEMBER, ChatMember.ADMINISTRATOR, ChatMember.OWNER, ChatMember.RESTRICTED})


def raw(update: Any, bot_id: str) -> Raw:
    """An update as it is kept: its number, its chat, and what we have a use for."""
    number = number_of(update)
    if number is None:
        number_text = "x" + hashlib.sha256(json.dumps(update, sort_keys=True, default=str).encode()).hexdigest()[:24]
    else:
        number_text = str(number)
    payload = _scrubbed(update, 0, enrolling=_enrols(update))
    return Raw(
        f"{bot_id}:{number_text}", _address(update), payload if isinstance(payload, dict) else {"update": payload}
    )


def _enrols(update: Any) -> bool:
    """Whether the person hands in a code; only then is their name of use."""
    text = _at(update, "message", "text")
    return isinstance(text, str) and text.startswith("/start ")


def _scrubbed(value: Any, depth: int, *, enrolling: bool) -> Any:
    if depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {
            str(key)[:64]: _field(str(key), inner, depth, enrolling=enrolling)
            for key, inner in value.items()
            if key not in _DROPPED
        }
    if isinstance(value, list):
        return [_scrubbed(inner, depth + 1, enrolling=enrolling) for inner in value]
    return _storable(value) if isinstance(value, str) else value


def _field(key: str, value: Any, depth: int, *, enrolling: bool) -> Any:
    if isinstance(value, str):
        if key in _PROSE:
            return without_numbers(_storable(value))
        if key in _EMPTIED or (key == "first_name" and not enrolling):
            return ""
    if key in _NOWHERE:
        return 0
    return _scrubbed(value, depth + 1, enrolling=enrolling)


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
            return str(found)
    return "?"


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


class Reader:
    """Understands kept updates.

    Args:
        username: the bot's own, without @; how groups address it.
        bot_id: the bot's own number.
    """

    def __init__(self, username: str, bot_id: int) -> None:
        self._mention = re.compile(rf"@{re.escape(username)}\b", re.IGNORECASE)
        self._command = re.compile(rf"/\w+(@{re.escape(username)})?(\s|$)", re.IGNORECASE)
        self._bot_id = bot_id

    def read(self, event: Event) -> Incoming | None:
        """What a person did; None where it asks for nothing.

        Raises:
            Exception: the update is not of the Bot API's form; whatever the library raises.
        """
        if number_of(event.payload) is None or event.payload.get("undecodable"):
            raise ValueError("no update")
        update = Update.de_json(dict(event.payload), None)
        if update.callback_query:
            return self._pressed(update.callback_query)
        if update.inline_query:
            asked = update.inline_query
            who = str(asked.from_user.id)
            return Incoming(CHANNEL, who, "inline", asked.query, ref=asked.id)
        if update.my_chat_member:
            return self._moved(update.my_chat_member)
        message = update.message or update.edited_message
        if message is None:
            return None
        return self._said(message, edited=update.message is None)

    def _pressed(self, query: CallbackQuery) -> Incoming | None:
        who = str(query.from_user.id)
        message = query.message
        if message is None:  # under what was put into another chat inline; such messages have no such buttons
            return Incoming(CHANNEL, who, "press", query.data or "", ref=query.id)
        return Incoming(
            CHANNEL,
            str(message.chat.id),
            "press",
            query.data or "",
            str(message.message_id),
            sender=who,
            group=message.chat.type in _GROUPS,
            ref=query.id,
        )

    def _moved(self, change: ChatMemberUpdated) -> Incoming | None:
        before, after = change.old_chat_member.status in _HERE, change.new_chat_member.status in _HERE
        if before == after:
            return None
        group = change.chat.type in _GROUPS
        what = "blocked" if not after else "added" if group else "unblocked"
        return Incoming(CHANNEL, str(change.chat.id), "member", what, sender=str(change.from_user.id), group=group)

    def _said(self, message: Message, *, edited: bool) -> Incoming | None:
        who = message.from_user
        group = message.chat.type in _GROUPS
        if who is None or who.is_bot or not (group or message.chat.type == Chat.PRIVATE):
            return None
        kind, text = "text", message.text or message.caption
        if text is None:
            medium = next((name for field, name in _MEDIA.items() if getattr(message, field, None)), None)
            if medium is None or edited:
                return None
            kind, text = "other", medium
        if group:
            text = self._addressed(message, text) if kind == "text" else None
            if text is None:
                return None
        return Incoming(
            CHANNEL,
            str(message.chat.id),
            "text" if kind == "text" else "other",
            text,
            sender=str(who.id),
            group=group,
            edited=edited,
            own=str(message.message_id),
            name=who.first_name,
        )

    def _addressed(self, message: Message, text: str) -> str | None:
        """What was said to the bot in a group; None where it was said to others."""
        if text.startswith("/"):
            return text if self._command.match(text) else None
        plain = self._mention.sub(" ", text)
        replied = message.reply_to_message
        to_us = replied is not None and replied.from_user is not None and replied.from_user.id == self._bot_id
        return plain.strip() if to_us or plain != text else None
