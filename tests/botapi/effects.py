"""What each method of the Bot API does to the played world, and what it answers."""

import time
from collections.abc import Callable
from typing import Any

from tests.botapi.calls import Call, Limits
from tests.botapi.entities import CannotParse, Entity, parse_html, trim
from tests.botapi.methods import Params, Upload
from tests.botapi.rules import CAPTION_LIMIT, TEXT_LIMIT, Invalid, check_entities, check_text
from tests.botapi.state import Chat, Raw, Sent, Shown, World, rows_of

_SAME = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)
_TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"

_ABILITIES = {
    "can_join_groups": True,
    "can_read_all_group_messages": True,
    "supports_inline_queries": True,
    "can_connect_to_business": False,
    "has_main_web_app": False,
}


class Refused(Exception):
    """A refusal that also a right program meets: blocked, not found, not modified, too many, conflicts.

    Args:
        status: the error code, also of HTTP.
        description: Telegram's words.
        parameters: the ResponseParameters object, if any.
    """

    def __init__(self, status: int, description: str, parameters: Raw | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


def _bad(description: str) -> Refused:
    return Refused(400, f"Bad Request: {description}")


class Effects:
    """The methods that are over at once; `Delivery` has those that concern updates.

    Args:
        world: the state they change, under its lock.
        limits: of which the lifetime of queries matters here.
    """

    def __init__(self, world: World, limits: Limits) -> None:
        self._world = world
        self._limits = limits
        self.methods: dict[str, Callable[[Call], Any]] = {
            "getMe": lambda _: {**world.bot, **_ABILITIES},
            "sendMessage": self._send_message,
            "sendDocument": lambda call: self._send_file(call, "document"),
            "sendPhoto": lambda call: self._send_file(call, "photo"),
            "editMessageText": self._edit_text,
            "editMessageReplyMarkup": self._edit_markup,
            "deleteMessage": self._delete,
            "answerCallbackQuery": lambda call: self._answer(call.params["callback_query_id"], call),
            "answerInlineQuery": self._answer_inline,
            "sendChatAction": lambda call: bool(self._writable(call)),
            "setMyCommands": self._set_commands,
            "deleteMyCommands": lambda call: self._world.commands.pop(_scope(call.params), None) is None or True,
            "getMyCommands": lambda call: self._world.commands.get(_scope(call.params), []),
            "setMyDescription": self._set_profile,
            "setMyShortDescription": self._set_profile,
            "getFile": self._get_file,
            "getChat": self._get_chat,
            "getChatMember": self._get_chat_member,
            "leaveChat": self._leave,
            "setChatMenuButton": self._set_menu_button,
        }

    def _chat(self, call: Call) -> Chat:
        wanted = call.params["chat_id"]
        if isinstance(wanted, str):
            name = wanted.removeprefix("@")
            wanted = next((chat.id for chat in self._world.chats.values() if chat.raw.get("username") == name), 0)
        if wanted not in self._world.chats:
            raise _bad("chat not found")
        return self._world.chats[wanted]

    def _writable(self, call: Call) -> Chat:
        chat = self._chat(call)
        if not chat.reachable:
            raise Refused(403, chat.refusal)
        return chat

    def _text(self, call: Call, field: str) -> tuple[str, list[Entity]]:
        """The text or caption of a call as it will be seen."""
        source = call.params.get(field, "")
        if call.params.get("parse_mode") == "HTML":
            try:
                text, entities = parse_html(source, lambda what: self._world.warnings.append(f"{call.method}: {what}"))
            except CannotParse as fault:
                raise Invalid(f"can't parse entities: {fault}") from None
        else:
            given = call.params.get("entities" if field == "text" else "caption_entities", [])
            check_entities(source, given)
            text, entities = trim(source, given)
        if field == "text":
            check_text(text, TEXT_LIMIT)
        elif text:
            check_text(text, CAPTION_LIMIT, "message caption")
        return text, entities

    def _send_message(self, call: Call) -> Raw:
        text, entities = self._text(call, "text")
        body: Raw = {"text": text} | ({"entities": entities} if entities else {})
        return self._deliver(call, "text", body, Shown(text, tuple(entities), rows_of(call.params.get("reply_markup"))))

    def _send_file(self, call: Call, kind: str) -> Raw:
        caption, entities = self._text(call, "caption")
        given = call.params[kind]
        if isinstance(given, Upload):
            file = self._world.new_file(f"{kind}s/{given.name}", given.content)
        elif given in self._world.files:
            path, content = self._world.files[given]
            file = {"file_id": given, "file_unique_id": f"U{given}", "file_size": len(content)}
        else:
            raise _bad("wrong file identifier/HTTP URL specified")
        body: Raw = {"caption": caption} if caption else {}
        if entities:
            body["caption_entities"] = entities
        if kind == "photo":
            body["photo"] = [{**file, "width": 90, "height": 90}]
        else:
            path = self._world.files[file["file_id"]][0]
            body["document"] = {**file, "file_name": path.rpartition("/")[2], "mime_type": "application/octet-stream"}
        return self._deliver(
            call, kind, body, Shown(caption, tuple(entities), rows_of(call.params.get("reply_markup")))
        )

    def _deliver(self, call: Call, kind: str, body: Raw, shown: Shown) -> Raw:
        chat = self._writable(call)
        reply = self._replied(chat, call.params.get("reply_parameters"))
        number = chat.next_message_id()
        raw = {
            "message_id": number,
            "from": self._world.bot,
            "chat": chat.raw,
            "date": int(time.time()),
            **reply,
            **body,
        }
        markup = _inline_keyboard(call)
        if markup:
            raw["reply_markup"] = markup
        chat.sent[number] = Sent(chat.id, number, kind, call.params, raw, markup, shown)
        call.message_id = number
        return raw

    @staticmethod
    def _replied(chat: Chat, reply: Params | None) -> Raw:
        if reply is None:
            return {}
        number = reply["message_id"]
        if number in chat.others:
            return {"reply_to_message": chat.others[number]}
        if number in chat.sent and not chat.sent[number].deleted:
            original = chat.sent[number].raw
            return {"reply_to_message": {key: original[key] for key in original if key != "reply_to_message"}}
        if reply.get("allow_sending_without_reply"):
            return {}
        raise _bad("message to be replied not found")

    def _edited(self, call: Call) -> Sent:
        if "inline_message_id" in call.params:
            raise _bad("MESSAGE_ID_INVALID")
        chat = self._writable(call)
        number = call.params["message_id"]
        if number in chat.others:
            raise _bad("message can't be edited")
        if number not in chat.sent or chat.sent[number].deleted:
            raise _bad("message to edit not found")
        return chat.sent[number]

    def _edit_text(self, call: Call) -> Raw:
        if "rich_message" in call.params:
            raise Invalid("rich messages are not played here")
        text, entities = self._text(call, "text")
        sent = self._edited(call)
        if sent.kind != "text":
            raise _bad("there is no text in the message to edit")
        return self._change(call, sent, Shown(text, tuple(entities), rows_of(call.params.get("reply_markup"))))

    def _edit_markup(self, call: Call) -> Raw:
        sent = self._edited(call)
        rows = rows_of(call.params.get("reply_markup"))
        return self._change(call, sent, Shown(sent.shown.text, sent.shown.entities, rows))

    @staticmethod
    def _change(call: Call, sent: Sent, shown: Shown) -> Raw:
        markup = _inline_keyboard(call)
        if shown == sent.shown and markup == sent.markup:
            raise Refused(400, _SAME)
        sent.history.append(sent.shown)
        sent.shown, sent.markup = shown, markup
        raw = {key: value for key, value in sent.raw.items() if key not in {"entities", "reply_markup"}}
        raw["edit_date"] = int(time.time())
        if sent.kind == "text":
            raw["text"] = shown.text
            if shown.entities:
                raw["entities"] = list(shown.entities)
        if markup:
            raw["reply_markup"] = markup
        sent.raw = raw
        call.message_id = sent.message_id
        return raw

    def _delete(self, call: Call) -> bool:
        chat = self._chat(call)
        number = call.params["message_id"]
        if number in chat.sent and not chat.sent[number].deleted:
            chat.sent[number].deleted = True
        elif number in chat.others and chat.id > 0:
            del chat.others[number]
        elif number in chat.others:
            raise _bad("message can't be deleted")
        else:
            raise _bad("message to delete not found")
        return True

    def _answer(self, identifier: str, call: Call) -> bool:
        query = self._world.queries.get(identifier)
        if query is None or time.monotonic() - query.asked > self._limits.query_lifetime:
            raise Refused(400, _TOO_OLD)
        if query.answers:
            self._world.warnings.append(f"{call.method}: query {identifier} is answered again")
        query.answers.append(call.params)
        return True

    def _answer_inline(self, call: Call) -> bool:
        for result in call.params["results"]:
            content = result.get("input_message_content", {})
            if "message_text" in content:
                shown = Call("sendMessage", {**content, "text": content["message_text"]}, call.started)
                self._text(shown, "text")
        return self._answer(call.params["inline_query_id"], call)

    def _set_commands(self, call: Call) -> bool:
        self._world.commands[_scope(call.params)] = call.params["commands"]
        return True

    def _set_profile(self, call: Call) -> bool:
        language = call.params.get("language_code", "")
        name = "description" if call.method == "setMyDescription" else "short_description"
        self._world.profile[f"{name}:{language}"] = call.params.get(name, "")
        return True

    def _get_file(self, call: Call) -> Raw:
        identifier = call.params["file_id"]
        if identifier not in self._world.files:
            raise _bad("invalid file_id")
        path, content = self._world.files[identifier]
        return {
            "file_id": identifier,
            "file_unique_id": f"U{identifier}",
            "file_size": len(content),
            "file_path": path,
        }

    def _get_chat(self, call: Call) -> Raw:
        nothing = dict.fromkeys(
            ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
        )
        more = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": nothing}
        return {**self._chat(call).raw, **more}

    def _get_chat_member(self, call: Call) -> Raw:
        chat = self._writable(call)
        number = call.params["user_id"]
        member = chat.members.get(number)
        if member is None and number not in self._world.people:
            raise _bad("user not found")
        return member or {"status": "left", "user": self._world.people[number]}

    def _leave(self, call: Call) -> bool:
        chat = self._writable(call)
        if chat.id > 0:
            raise _bad("chat member status can't be changed in private chats")
        chat.reachable = False
        chat.refusal = "Forbidden: bot is not a member of the supergroup chat"
        chat.members.pop(self._world.bot["id"], None)
        return True

    def _set_menu_button(self, call: Call) -> bool:
        if "chat_id" in call.params:
            self._writable(call)
        button = call.params.get("menu_button", {"type": "default"})
        self._world.menu_buttons[call.params.get("chat_id")] = button
        return True


def _inline_keyboard(call: Call) -> Raw | None:
    """The inline keyboard of a call; an empty one is none."""
    markup: Raw = call.params.get("reply_markup", {})
    return markup if any(markup.get("inline_keyboard", [])) else None


def _scope(params: Params) -> str:
    """The scope and language that a list of commands is for: "default", "chat:5:zh"."""
    scope = params.get("scope", {"type": "default"})
    parts = [scope["type"], scope.get("chat_id"), scope.get("user_id"), params.get("language_code")]
    return ":".join(str(part) for part in parts if part)
