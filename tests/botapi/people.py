"""People who use the bot: what they do becomes updates as Telegram would make them."""

import time
from typing import TYPE_CHECKING

from tests.botapi.entities import find_entities
from tests.botapi.state import Button, Chat, Query, Raw, Sent

if TYPE_CHECKING:
    from tests.botapi.api import BotApi

_FILE = {"file_id": "PERSON-FILE", "file_unique_id": "PF", "file_size": 2048}
_PICTURE = {**_FILE, "width": 320, "height": 240}
KINDS: dict[str, Raw] = {
    "voice": {"voice": {**_FILE, "duration": 3, "mime_type": "audio/ogg"}},
    "photo": {"photo": [_PICTURE]},
    "sticker": {"sticker": {**_PICTURE, "type": "regular", "is_animated": False, "is_video": False, "emoji": "👍"}},
    "location": {"location": {"latitude": 39.9, "longitude": 116.4}},
    "document": {"document": {**_FILE, "file_name": "决定书.pdf", "mime_type": "application/pdf"}},
    "contact": {"contact": {"phone_number": "+8613800000000", "first_name": "王"}},
    "video": {"video": {**_PICTURE, "duration": 5, "mime_type": "video/mp4"}},
    "dice": {"dice": {"emoji": "🎲", "value": 4}},
}
"""What `Person.sends` can send besides text."""


class Event:
    """Something a person did.

    Attributes:
        update_id: of the update it became, 0 where the bot does not hear of it.
        message_id: of the message it made, or 0.
    """

    def __init__(self, update_id: int, message_id: int = 0) -> None:
        self.update_id = update_id
        self.message_id = message_id


class Asked(Event):
    """A pressed button or an inline question, which the bot should answer."""

    def __init__(self, api: "BotApi", query: Query, update_id: int) -> None:
        super().__init__(update_id)
        self._api = api
        self.query = query

    @property
    def answered(self) -> bool:
        """Whether the bot has answered."""
        return bool(self.query.answers)

    def wait(self, timeout: float = 30) -> Raw:
        """Wait for the answer: the parameters of answerCallbackQuery or answerInlineQuery.

        Raises:
            TimeoutError: when none came within `timeout` seconds.
        """
        self._api.wait_until(lambda: self.answered, timeout)
        return self.query.answers[0]

    def results(self, timeout: float = 30) -> list[Raw]:
        """Wait for the results of an inline question."""
        return list(self.wait(timeout)["results"])


class Group:
    """A group; see `BotApi.group`."""

    def __init__(self, api: "BotApi", chat: Chat) -> None:
        self._api = api
        self.chat = chat
        self.id = chat.id

    def adds_bot(self, by: "Person") -> Event:
        """Somebody adds the bot to the group."""
        self.chat.reachable = True
        self.chat.members[by.id] = {"status": "member", "user": by.raw}
        event = by.change_of_bot(self.chat, "left", "member")
        by.says(self.chat, {"new_chat_members": [self._api.bot]})
        return event

    def removes_bot(self, by: "Person") -> Event:
        """Somebody removes the bot from the group; it may write no more."""
        self.chat.reachable = False
        self.chat.refusal = "Forbidden: bot was kicked from the supergroup chat"
        return by.change_of_bot(self.chat, "member", "kicked")


class Person:
    """A person; see `BotApi.person`. All methods give an object with the `update_id`."""

    def __init__(self, api: "BotApi", raw: Raw, chat: Chat) -> None:
        self._api = api
        self.raw = raw
        self.chat = chat
        self.id = chat.id

    def says(self, chat: Chat, content: Raw) -> Event:
        """Write a message of any content into a chat; the bot hears of it only where it is a member."""
        with self._api.changed:
            raw = {
                "message_id": chat.next_message_id(),
                "from": self.raw,
                "chat": chat.raw,
                "date": int(time.time()),
                **content,
            }
            chat.others[raw["message_id"]] = {key: raw[key] for key in raw if key != "reply_to_message"}
            if not chat.reachable:
                return Event(0, raw["message_id"])
            return Event(self._api.add_update("message", raw), raw["message_id"])

    def _privately(self, content: Raw) -> Event:
        with self._api.changed:
            self.chat.reachable = True
            return self.says(self.chat, content)

    def starts(self, payload: str | None = None) -> Event:
        """Press Start, perhaps by a link with a payload."""
        return self.types("/start" if payload is None else f"/start {payload}")

    def types(self, text: str) -> Event:
        """Write to the bot in private; whoever writes has started it."""
        return self._privately(_text(text))

    def types_in(self, group: Group, text: str) -> Event:
        """Write in a group."""
        self._joins(group)
        return self.says(group.chat, _text(text))

    def replies_in(self, group: Group, to_message: Sent | int, text: str) -> Event:
        """Answer a message in a group."""
        self._joins(group)
        number = to_message if isinstance(to_message, int) else to_message.message_id
        chat = group.chat
        original = chat.sent[number].raw if number in chat.sent else chat.others[number]
        shown = {key: original[key] for key in original if key != "reply_to_message"}
        return self.says(chat, {**_text(text), "reply_to_message": shown})

    def _joins(self, group: Group) -> None:
        group.chat.members.setdefault(self.id, {"status": "member", "user": self.raw})

    def sends(self, kind: str) -> Event:
        """Send something that is no text: one of KINDS."""
        return self._privately(KINDS[kind])

    def edits(self, message_id: int, text: str, group: Group | None = None) -> Event:
        """Change an earlier message of one's own."""
        chat = group.chat if group else self.chat
        with self._api.changed:
            kept = {key: value for key, value in chat.others[message_id].items() if key not in {"text", "entities"}}
            raw = {**kept, **_text(text), "edit_date": int(time.time())}
            chat.others[message_id] = raw
            return Event(self._api.add_update("edited_message", raw), message_id)

    def presses(self, message: Sent | int, label_or_data: str, *, anyway: bool = False) -> Asked:
        """Press a callback button under a message of the bot.

        Args:
            message: the message, or its number in the private chat.
            label_or_data: the label of the button, or its callback data.
            anyway: send this data although no such button is (any more) there, as an old screen may.

        Raises:
            LookupError: there is no such button.
        """
        sent = self.chat.sent[message] if isinstance(message, int) else message
        data = label_or_data if anyway else _data_of(sent, label_or_data)
        with self._api.changed:
            update: Raw = {"from": self.raw, "message": sent.raw, "chat_instance": str(sent.chat_id), "data": data}
            query = self._api.new_query(update)
            update["id"] = query.id
            return Asked(self._api, query, self._api.add_update("callback_query", update))

    def asks_inline(self, query: str, offset: str = "") -> Asked:
        """Type `@bot query` in some chat."""
        with self._api.changed:
            update: Raw = {"from": self.raw, "query": query, "offset": offset, "chat_type": "sender"}
            asked = self._api.new_query(update)
            update["id"] = asked.id
            return Asked(self._api, asked, self._api.add_update("inline_query", update))

    def blocks(self) -> Event:
        """Block the bot; nothing reaches the person any more."""
        with self._api.changed:
            self.chat.reachable = False
            self.chat.refusal = "Forbidden: bot was blocked by the user"
            return self.change_of_bot(self.chat, "member", "kicked")

    def unblocks(self) -> Event:
        """Let the bot write again."""
        with self._api.changed:
            self.chat.reachable = True
            return self.change_of_bot(self.chat, "kicked", "member")

    def change_of_bot(self, chat: Chat, old: str, new: str) -> Event:
        """Change the bot's membership of a chat: a `my_chat_member` update."""
        with self._api.changed:
            chat.members[self._api.bot["id"]] = _member(self._api.bot, new)
            change = {
                "chat": chat.raw,
                "from": self.raw,
                "date": int(time.time()),
                "old_chat_member": _member(self._api.bot, old),
                "new_chat_member": _member(self._api.bot, new),
            }
            return Event(self._api.add_update("my_chat_member", change))


def _member(user: Raw, status: str) -> Raw:
    return {"user": user, "status": status} | ({"until_date": 0} if status == "kicked" else {})


def _text(text: str) -> Raw:
    entities = find_entities(text)
    return {"text": text} | ({"entities": entities} if entities else {})


def _data_of(sent: Sent, wanted: str) -> str:
    found: list[Button] = [button for button in sent.buttons if wanted in {button.label, button.data}]
    if not found or found[0].data is None:
        raise LookupError(f"no callback button {wanted!r} among {sent.labels}")
    return found[0].data
