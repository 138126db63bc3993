"""The methods and types of Bot API 10.1 that the test server plays, and the check of a call against them.

A line of the tables is `name:kind` for every field, `!` after the name of a required one. Kinds: `int`, `str`,
`bool`, `float`, `chat` (a number or @username), `file` (an upload, a file id or a URL), the name of a type, each
with `[]` for lists. Limits that are no matter of form are in `rules`.
"""

import json
from dataclasses import dataclass
from typing import Any

from tests.botapi.rules import RULES, Invalid

Params = dict[str, Any]

_TO = "business_connection_id:str chat_id!:chat message_thread_id:int direct_messages_topic_id:int "
_HOW = (
    " disable_notification:bool protect_content:bool allow_paid_broadcast:bool message_effect_id:str"
    " suggested_post_parameters:SuggestedPostParameters reply_parameters:ReplyParameters reply_markup:Markup"
)
_CAPTION = " caption:str parse_mode:str caption_entities:MessageEntity[]"
_EDITED = "business_connection_id:str chat_id:chat message_id:int inline_message_id:str "
_SCOPE = "scope:BotCommandScope language_code:str"

METHODS = {
    "getMe": "",
    "getUpdates": "offset:int limit:int timeout:int allowed_updates:str[]",
    "setWebhook": "url!:str certificate:file ip_address:str max_connections:int allowed_updates:str[]"
    " drop_pending_updates:bool secret_token:str",
    "deleteWebhook": "drop_pending_updates:bool",
    "getWebhookInfo": "",
    "sendMessage": _TO
    + "text!:str parse_mode:str entities:MessageEntity[] link_preview_options:LinkPreviewOptions"
    + _HOW,
    "editMessageText": _EDITED + "text:str parse_mode:str entities:MessageEntity[]"
    " link_preview_options:LinkPreviewOptions rich_message:object reply_markup:InlineKeyboardMarkup",
    "editMessageReplyMarkup": _EDITED + "reply_markup:InlineKeyboardMarkup",
    "deleteMessage": "chat_id!:chat message_id!:int",
    "answerCallbackQuery": "callback_query_id!:str text:str show_alert:bool url:str cache_time:int",
    "answerInlineQuery": "inline_query_id!:str results!:InlineQueryResult[] cache_time:int is_personal:bool"
    " next_offset:str button:InlineQueryResultsButton",
    "sendChatAction": "business_connection_id:str chat_id!:chat message_thread_id:int action!:str",
    "setMyCommands": "commands!:BotCommand[] " + _SCOPE,
    "deleteMyCommands": _SCOPE,
    "getMyCommands": _SCOPE,
    "setMyDescription": "description:str language_code:str",
    "setMyShortDescription": "short_description:str language_code:str",
    "sendDocument": _TO + "document!:file thumbnail:file disable_content_type_detection:bool" + _CAPTION + _HOW,
    "sendPhoto": _TO + "photo!:file show_caption_above_media:bool has_spoiler:bool" + _CAPTION + _HOW,
    "getFile": "file_id!:str",
    "getChat": "chat_id!:chat",
    "getChatMember": "chat_id!:chat user_id!:int",
    "leaveChat": "chat_id!:chat",
    "setChatMenuButton": "chat_id:int menu_button:MenuButton",
}

TYPES = {
    "MessageEntity": "type!:str offset!:int length!:int url:str user:object language:str custom_emoji_id:str"
    " unix_time:int date_time_format:str",
    "LinkPreviewOptions": "is_disabled:bool url:str prefer_small_media:bool prefer_large_media:bool"
    " show_above_text:bool",
    "SuggestedPostParameters": "price:object send_date:int",
    "ReplyParameters": "message_id!:int chat_id:chat allow_sending_without_reply:bool quote:str quote_parse_mode:str"
    " quote_entities:MessageEntity[] quote_position:int checklist_task_id:int poll_option_id:str",
    "InlineKeyboardMarkup": "inline_keyboard!:InlineKeyboardButton[][]",
    "InlineKeyboardButton": "text!:str icon_custom_emoji_id:str style:str url:str callback_data:str web_app:WebAppInfo"
    " login_url:LoginUrl switch_inline_query:str switch_inline_query_current_chat:str"
    " switch_inline_query_chosen_chat:SwitchInlineQueryChosenChat copy_text:CopyTextButton callback_game:object"
    " pay:bool",
    "WebAppInfo": "url!:str",
    "LoginUrl": "url!:str forward_text:str bot_username:str request_write_access:bool",
    "SwitchInlineQueryChosenChat": "query:str allow_user_chats:bool allow_bot_chats:bool allow_group_chats:bool"
    " allow_channel_chats:bool",
    "CopyTextButton": "text!:str",
    "ReplyKeyboardMarkup": "keyboard!:KeyboardButton[][] is_persistent:bool resize_keyboard:bool"
    " one_time_keyboard:bool input_field_placeholder:str selective:bool",
    "KeyboardButton": "text!:str icon_custom_emoji_id:str style:str request_users:object request_chat:object"
    " request_managed_bot:object request_contact:bool request_location:bool request_poll:object web_app:WebAppInfo",
    "ReplyKeyboardRemove": "remove_keyboard!:bool selective:bool",
    "ForceReply": "force_reply!:bool input_field_placeholder:str selective:bool",
    "InputTextMessageContent": "message_text!:str parse_mode:str entities:MessageEntity[]"
    " link_preview_options:LinkPreviewOptions",
    "InlineQueryResultArticle": "type!:str id!:str title!:str input_message_content!:InputMessageContent"
    " reply_markup:InlineKeyboardMarkup url:str description:str thumbnail_url:str thumbnail_width:int"
    " thumbnail_height:int",
    "InlineQueryResultCachedDocument": "type!:str id!:str title!:str document_file_id!:str description:str"
    " reply_markup:InlineKeyboardMarkup input_message_content:InputMessageContent" + _CAPTION,
    "InlineQueryResultsButton": "text!:str web_app:WebAppInfo start_parameter:str",
    "BotCommand": "command!:str description!:str",
    "BotCommandScopeDefault": "type!:str",
    "BotCommandScopeChat": "type!:str chat_id!:chat",
    "BotCommandScopeChatMember": "type!:str chat_id!:chat user_id!:int",
    "MenuButtonPlain": "type!:str",
    "MenuButtonWebApp": "type!:str text!:str web_app!:WebAppInfo",
}

BY_FIELD = {
    "Markup": {
        "inline_keyboard": "InlineKeyboardMarkup",
        "keyboard": "ReplyKeyboardMarkup",
        "remove_keyboard": "ReplyKeyboardRemove",
        "force_reply": "ForceReply",
    },
    "InputMessageContent": {"message_text": "InputTextMessageContent"},
}
"""Types of which one of several stands, told by the field that is there."""

BY_TYPE = {
    "InlineQueryResult": {"article": "InlineQueryResultArticle", "document": "InlineQueryResultCachedDocument"},
    "BotCommandScope": {
        "default": "BotCommandScopeDefault",
        "all_private_chats": "BotCommandScopeDefault",
        "all_group_chats": "BotCommandScopeDefault",
        "all_chat_administrators": "BotCommandScopeDefault",
        "chat": "BotCommandScopeChat",
        "chat_administrators": "BotCommandScopeChat",
        "chat_member": "BotCommandScopeChatMember",
    },
    "MenuButton": {"commands": "MenuButtonPlain", "default": "MenuButtonPlain", "web_app": "MenuButtonWebApp"},
}
"""Types of which one of several stands, told by its `type`."""


@dataclass(frozen=True)
class Upload:
    """A file of a multipart call."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class _Field:
    kind: str
    required: bool


def _fields(line: str) -> dict[str, _Field]:
    pairs = [part.split(":") for part in line.split()]
    return {name.rstrip("!"): _Field(kind, name.endswith("!")) for name, kind in pairs}


_METHODS = {name: _fields(line) for name, line in METHODS.items()}
_TYPES = {name: _fields(line) for name, line in TYPES.items()}
_PYTHON: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "str": (str,),
    "bool": (bool,),
    "float": (int, float),
    "chat": (int, str),
    "object": (dict,),
}


def check(method: str, given: Params, uploads: dict[str, Upload]) -> Params:
    """Check one call and give its parameters with their real types.

    Args:
        method: one of METHODS.
        given: parameters as they came: text from a form or a query, anything from JSON.
        uploads: files of a multipart call by the name of their part.

    Raises:
        Invalid: with Telegram's description where it has one; the program must not have made this call.
    """
    fields = _METHODS[method]
    typed: Params = {}
    for name, value in given.items():
        field = fields.get(name)
        if field is None:
            raise Invalid(f"unknown parameter {name!r}")
        typed[name] = _top(name, field.kind, value, uploads)
    for name, upload in uploads.items():
        if name in fields and fields[name].kind == "file":
            typed[name] = upload
        elif f"attach://{name}" not in given.values():
            raise Invalid(f"unknown parameter {name!r}")
    _require(method, fields, typed)
    if rule := RULES.get(method):
        rule(typed)
    return typed


def _top(name: str, kind: str, value: Any, uploads: dict[str, Upload]) -> Any:
    """A parameter: a form carries numbers, truth and objects as text."""
    if kind == "file":
        return uploads.get(value.removeprefix("attach://"), value) if isinstance(value, str) else _wrong(name, kind)
    if isinstance(value, str):
        value = _from_text(name, kind, value)
    return _typed(name, kind, value)


def _from_text(name: str, kind: str, text: str) -> Any:
    if kind == "str":
        return text
    if kind in {"int", "chat"}:
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdigit():
            return int(text)
        return text if kind == "chat" and text.startswith("@") else _wrong(name, kind)
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()] if text.lower() in {"true", "false"} else _wrong(name, kind)
    try:
        return json.loads(text)
    except ValueError:
        return _wrong(name, "JSON")


def _wrong(name: str, kind: str) -> Any:
    raise Invalid(f"{name}: {kind} expected")


def _typed(name: str, kind: str, value: Any) -> Any:
    if kind.endswith("[]"):
        if not isinstance(value, list):
            _wrong(name, "Array")
        for item in value:
            _typed(name, kind[:-2], item)
    elif kind in _PYTHON:
        if not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "bool"):
            _wrong(name, kind)
    else:
        _check_type(name, kind, value)
    return value


def _check_type(name: str, kind: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise Invalid(f"{name}: object expected")
    if kind in BY_FIELD:
        kind = next((one for field, one in BY_FIELD[kind].items() if field in value), "") or _wrong(name, kind)
    elif kind in BY_TYPE:
        kind = BY_TYPE[kind].get(str(value.get("type"))) or _wrong(name, kind)
    fields = _TYPES[kind]
    for key, item in value.items():
        if key not in fields:
            raise Invalid(f"{name}: unknown field {key!r} of {kind}")
        _typed(f"{name}.{key}", fields[key].kind, item)
    _require(kind, fields, value)
    if rule := RULES.get(kind):
        rule(value)


def _require(owner: str, fields: dict[str, _Field], value: Params) -> None:
    for name, field in fields.items():
        if field.required and name not in value:
            usual = f"parameter {name!r} of {owner} is required"
            raise Invalid(_MISSING.get(name, usual) if owner in METHODS else usual)


_MISSING = {
    "chat_id": "chat_id is empty",
    "text": "message text is empty",
    "message_id": "message identifier is not specified",
}
