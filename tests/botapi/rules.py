"""The limits of Bot API 10.1 on what a call may hold, besides its form."""

import re
from collections.abc import Callable
from typing import Any

from tests.botapi.entities import Entity, utf16_length

TEXT_LIMIT, CAPTION_LIMIT = 4096, 1024
"""UTF-16 units after the entities are parsed."""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


UPDATE_KINDS = words(
    """message edited_message channel_post edited_channel_post business_connection business_message
    edited_business_message deleted_business_messages guest_message message_reaction message_reaction_count
    inline_query chosen_inline_result callback_query shipping_query pre_checkout_query purchased_paid_media poll
    poll_answer my_chat_member chat_member chat_join_request chat_boost removed_chat_boost managed_bot"""
)
UNASKED_KINDS = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds a bot receives only when it names them."""

_CHAT_ACTIONS = words(
    """typing upload_photo record_video upload_video record_voice upload_voice upload_document choose_sticker
    find_location record_video_note upload_video_note"""
)
_ACTIONS = words(
    """url callback_data web_app login_url switch_inline_query switch_inline_query_current_chat
    switch_inline_query_chosen_chat copy_text callback_game pay"""
)
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_START = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGE = re.compile(r"([a-z]{2})?")


class Invalid(Exception):
    """A call that breaks the documented rules; the message is the description without "Bad Request: "."""


def _demand(truth: object, complaint: str) -> None:
    if not truth:
        raise Invalid(complaint)


def check_text(text: str, limit: int, name: str = "message text") -> None:
    """A text after parsing: not empty, at most `limit` UTF-16 units."""
    _demand(text, f"{name} is empty")
    _demand(utf16_length(text) <= limit, f"{name.removesuffix(' text')} is too long")


def check_entities(text: str, entities: list[Entity]) -> None:
    """Entities given by the caller lie inside the text."""
    length = utf16_length(text)
    for entity in entities:
        inside = entity["offset"] >= 0 and entity["length"] > 0 and entity["offset"] + entity["length"] <= length
        _demand(inside, "entity is out of the text")


def _get_updates(call: dict[str, Any]) -> None:
    _demand(1 <= call.get("limit", 100) <= 100, "limit must be 1 to 100")
    _demand(0 <= call.get("timeout", 0) <= 50, "timeout must be 0 to 50 seconds")
    _allowed(call)


def _allowed(call: dict[str, Any]) -> None:
    unknown = set(call.get("allowed_updates", ())) - UPDATE_KINDS
    _demand(not unknown, f"unknown update types {sorted(unknown)}")


def _set_webhook(call: dict[str, Any]) -> None:
    _allowed(call)
    _demand(1 <= call.get("max_connections", 40) <= 100, "max_connections must be 1 to 100")
    _demand(
        not call["url"] or re.fullmatch(r"https?://[^\s/]+(/\S*)?", call["url"]),
        "bad webhook: An HTTPS URL must be provided for webhook",
    )
    if "secret_token" in call:
        _demand(1 <= len(call["secret_token"]) <= 256, "secret token must be 1 to 256 characters")
        _demand(_TOKEN.fullmatch(call["secret_token"]), "secret token contains unallowed characters")


def _parse_mode(call: dict[str, Any]) -> None:
    _demand(call.get("parse_mode", "HTML") == "HTML", "unsupported parse_mode")
    both = "parse_mode" in call and ("entities" in call or "caption_entities" in call)
    _demand(not both, "parse_mode and entities exclude each other")


def _target(call: dict[str, Any]) -> None:
    if "inline_message_id" in call:
        _demand(not {"chat_id", "message_id"} & call.keys(), "inline_message_id and chat_id exclude each other")
    else:
        _demand("chat_id" in call, "chat_id is empty")
        _demand("message_id" in call, "message identifier is not specified")


def _edit_text(call: dict[str, Any]) -> None:
    _target(call)
    _parse_mode(call)
    _demand(("text" in call) != ("rich_message" in call), "message text is empty")


def _answer_callback(call: dict[str, Any]) -> None:
    _demand(len(call.get("text", "")) <= 200, "MESSAGE_TOO_LONG")


def _answer_inline(call: dict[str, Any]) -> None:
    identifiers = [result.get("id") for result in call["results"]]
    _demand(len(identifiers) <= 50, "RESULTS_TOO_MUCH")
    _demand(len(set(identifiers)) == len(identifiers), "RESULT_ID_DUPLICATE")
    _demand(len(call.get("next_offset", "").encode()) <= 64, "NEXT_OFFSET_INVALID")


def _inline_result(result: dict[str, Any]) -> None:
    _demand(1 <= len(result["id"].encode()) <= 64, "RESULT_ID_INVALID")


def _inline_button(button: dict[str, Any]) -> None:
    _demand(button["text"], "button text is empty")
    _demand(("web_app" in button) != ("start_parameter" in button), "exactly one action per button")
    _demand(_START.fullmatch(button.get("start_parameter", "_")), "START_PARAM_INVALID")


def _keyboard(markup: dict[str, Any]) -> None:
    rows = markup["inline_keyboard"]
    _demand(sum(map(len, rows)) <= 100, "reply markup is too long")
    _demand(all(len(row) <= 8 for row in rows), "a row of the keyboard has more than 8 buttons")


def _button(button: dict[str, Any]) -> None:
    actions = _ACTIONS & button.keys()
    _demand(button["text"].strip(), "can't parse inline keyboard button: button text is empty")
    _demand(actions, "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    _demand(len(actions) == 1, f"can't parse inline keyboard button: more than one action {sorted(actions)}")
    _demand(1 <= len(button.get("callback_data", "_").encode()) <= 64, "BUTTON_DATA_INVALID")
    _demand(button.get("style", "primary") in {"danger", "success", "primary"}, "unknown button style")
    url = button.get("url", "tg://")
    _demand(
        re.fullmatch(r"(https?://[^\s/]+\S*)|(tg://\S*)", url),
        f"inline keyboard button URL {url!r} is invalid: Unsupported URL protocol",
    )
    _demand(1 <= len(button.get("copy_text", {}).get("text", "_")) <= 256, "COPY_TEXT_INVALID")


def _commands(call: dict[str, Any]) -> None:
    _demand(len(call["commands"]) <= 100, "BOT_COMMANDS_TOO_MUCH")
    _language(call)


def _command(command: dict[str, Any]) -> None:
    _demand(_COMMAND.fullmatch(command["command"]), "BOT_COMMAND_INVALID")
    _demand(1 <= len(command["description"]) <= 256, "BOT_COMMAND_DESCRIPTION_INVALID")


def _language(call: dict[str, Any]) -> None:
    _demand(_LANGUAGE.fullmatch(call.get("language_code", "")), "LANG_CODE_INVALID")


def _description(call: dict[str, Any]) -> None:
    _language(call)
    _demand(len(call.get("description", "")) <= 512, "description is too long")
    _demand(len(call.get("short_description", "")) <= 120, "short description is too long")


def _chat_action(call: dict[str, Any]) -> None:
    _demand(call["action"] in _CHAT_ACTIONS, "wrong parameter action in request")


RULES: dict[str, Callable[[dict[str, Any]], None]] = {
    "getUpdates": _get_updates,
    "setWebhook": _set_webhook,
    "sendMessage": _parse_mode,
    "sendDocument": _parse_mode,
    "sendPhoto": _parse_mode,
    "editMessageText": _edit_text,
    "editMessageReplyMarkup": _target,
    "answerCallbackQuery": _answer_callback,
    "answerInlineQuery": _answer_inline,
    "sendChatAction": _chat_action,
    "setMyCommands": _commands,
    "deleteMyCommands": _language,
    "getMyCommands": _language,
    "setMyDescription": _description,
    "setMyShortDescription": _description,
    "InlineQueryResultArticle": _inline_result,
    "InlineQueryResultCachedDocument": _inline_result,
    "InlineQueryResultsButton": _inline_button,
    "InlineKeyboardMarkup": _keyboard,
    "InlineKeyboardButton": _button,
    "BotCommand": _command,
    "InputTextMessageContent": _parse_mode,
}
"""By method or type, called after its form was found right."""
