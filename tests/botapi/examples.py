"""Calls and texts that the Bot API takes, refuses, or forbids; `tests/test_botapi.py` shows that it does."""

from typing import Any

OFFICER, CLERK, GROUP = 42, 43, -1001
"""A person who started the bot, one who did not, and a group without it."""


def _button(**fields: Any) -> dict[str, Any]:
    return {"chat_id": OFFICER, "text": "x", "reply_markup": {"inline_keyboard": [[fields]]}}


def _keyboard(*rows: int) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "x", "callback_data": "y"}] * width for width in rows]}


def _result(**fields: Any) -> dict[str, Any]:
    content = {"input_message_content": {"message_text": "x"}}
    return {"type": "article", "id": "1", "title": "x", **content, **fields}


FORBIDDEN: list[tuple[str, dict[str, Any], str]] = [
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "colour": "red"}, "unknown parameter 'colour'"),
    ("sendMessage", {"text": "x"}, "chat_id is empty"),
    ("sendMessage", {"chat_id": OFFICER}, "message text is empty"),
    ("sendMessage", {"chat_id": OFFICER, "text": ""}, "message text is empty"),
    ("sendMessage", {"chat_id": OFFICER, "text": " \n"}, "message text is empty"),
    ("sendMessage", {"chat_id": OFFICER, "text": "<b> </b>", "parse_mode": "HTML"}, "message text is empty"),
    ("sendMessage", {"chat_id": OFFICER, "text": 5}, "text: str expected"),
    ("sendMessage", {"chat_id": 1.5, "text": "x"}, "chat_id: chat expected"),
    ("sendMessage", {"chat_id": OFFICER, "text": "字" * 4097}, "message is too long"),
    ("sendMessage", {"chat_id": OFFICER, "text": "😀" * 2049}, "message is too long"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "parse_mode": "BBCode"}, "unsupported parse_mode"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "disable_notification": 1}, "bool expected"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "reply_markup": []}, "reply_markup: object expected"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "reply_markup": {}}, "reply_markup: Markup expected"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "reply_markup": "{"}, "reply_markup: JSON expected"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "reply_markup": _keyboard(9)}, "more than 8 buttons"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "reply_markup": _keyboard(*[8] * 13)}, "markup is too long"),
    ("sendMessage", _button(text="x"), "Text buttons are unallowed"),
    ("sendMessage", _button(text="x", url="https://a.cn", callback_data="y"), "more than one action"),
    ("sendMessage", _button(text=" ", callback_data="y"), "button text is empty"),
    ("sendMessage", _button(callback_data="y"), "'text' of InlineKeyboardButton is required"),
    ("sendMessage", _button(text="x", callback_data=""), "BUTTON_DATA_INVALID"),
    ("sendMessage", _button(text="x", callback_data="字" * 22), "BUTTON_DATA_INVALID"),
    ("sendMessage", _button(text="x", url="ftp://a.cn"), "Unsupported URL protocol"),
    ("sendMessage", _button(text="x", callback_data="y", tooltip="z"), "unknown field 'tooltip'"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "link_preview_options": {"disabled": True}}, "unknown field"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "entities": [{"type": "bold", "offset": 0, "length": 2}]},
     "entity is out of the text"),
    ("editMessageText", {"chat_id": OFFICER, "text": "x"}, "message identifier is not specified"),
    ("editMessageText", {"chat_id": OFFICER, "message_id": 1}, "message text is empty"),
    ("editMessageText", {"chat_id": OFFICER, "message_id": 1, "text": "x", "reply_markup": {"remove_keyboard": True}},
     "unknown field 'remove_keyboard'"),
    ("answerCallbackQuery", {"callback_query_id": "1", "text": "字" * 201}, "MESSAGE_TOO_LONG"),
    ("answerCallbackQuery", {"callback_query_id": 1}, "callback_query_id: str expected"),
    ("answerInlineQuery", {"inline_query_id": "1", "results": [_result(), _result()]}, "RESULT_ID_DUPLICATE"),
    ("answerInlineQuery", {"inline_query_id": "1", "results": [_result(id="")]}, "RESULT_ID_INVALID"),
    ("answerInlineQuery", {"inline_query_id": "1", "results": [_result(id="字" * 22)]}, "RESULT_ID_INVALID"),
    ("answerInlineQuery", {"inline_query_id": "1", "results": [_result(id=str(i)) for i in range(51)]},
     "RESULTS_TOO_MUCH"),
    ("answerInlineQuery", {"inline_query_id": "1", "results": [_result(colour="red")]}, "unknown field 'colour'"),
    ("answerInlineQuery", {"inline_query_id": "1", "results": [
        _result(input_message_content={"message_text": "<b>", "parse_mode": "HTML"})]}, "can't parse entities"),
    ("setMyCommands", {"commands": [{"command": "Help", "description": "x"}]}, "BOT_COMMAND_INVALID"),
    ("setMyCommands", {"commands": [{"command": "a" * 33, "description": "x"}]}, "BOT_COMMAND_INVALID"),
    ("setMyCommands", {"commands": [{"command": "help", "description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
    ("setMyCommands", {"commands": [{"command": "help", "description": "x" * 257}]}, "DESCRIPTION_INVALID"),
    ("setMyCommands", {"commands": [{"command": "help", "description": "x"}] * 101}, "BOT_COMMANDS_TOO_MUCH"),
    ("setMyCommands", {"commands": [], "scope": {"type": "village"}}, "scope: BotCommandScope expected"),
    ("setMyCommands", {"commands": [], "language_code": "chinese"}, "LANG_CODE_INVALID"),
    ("setMyDescription", {"description": "x" * 513}, "description is too long"),
    ("setMyShortDescription", {"short_description": "x" * 121}, "description is too long"),
    ("setWebhook", {"url": "a.cn"}, "bad webhook"),
    ("setWebhook", {"url": "https://a.cn", "secret_token": "a b"}, "unallowed characters"),
    ("setWebhook", {"url": "https://a.cn", "secret_token": ""}, "1 to 256"),
    ("setWebhook", {"url": "https://a.cn", "secret_token": "x" * 257}, "1 to 256"),
    ("setWebhook", {"url": "https://a.cn", "max_connections": 101}, "max_connections"),
    ("getUpdates", {"allowed_updates": ["telepathy"]}, "unknown update types ['telepathy']"),
    ("getUpdates", {"limit": 0}, "limit must be 1 to 100"),
    ("getUpdates", {"limit": 101}, "limit must be 1 to 100"),
    ("getUpdates", {"timeout": 51}, "timeout must be 0 to 50"),
    ("sendChatAction", {"chat_id": OFFICER, "action": "dancing"}, "wrong parameter action"),
    ("sendDocument", {"chat_id": OFFICER}, "'document' of sendDocument is required"),
    ("setChatMenuButton", {"menu_button": {"type": "big"}}, "menu_button: MenuButton expected"),
]  # fmt: skip
"""What no right program calls: the method, the parameters, a part of the complaint."""

ALLOWED: list[tuple[str, dict[str, Any]]] = [
    ("sendMessage", {"chat_id": OFFICER, "text": "字" * 4096}),
    ("sendMessage", {"chat_id": OFFICER, "text": "😀" * 2048}),
    ("sendMessage", {"chat_id": OFFICER, "text": f"<b>{'字' * 4096}</b>", "parse_mode": "HTML"}),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "reply_markup": _keyboard(*[8] * 12, 4)}),
    ("sendMessage", _button(text="x", callback_data="字" * 21 + "z")),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "reply_markup": {"remove_keyboard": True}}),
    ("setMyCommands", {"commands": [{"command": "a_1" * 10, "description": "字" * 256}] * 100}),
    ("setMyDescription", {"description": "字" * 512}),
    ("setMyShortDescription", {"short_description": "字" * 120}),
    ("getUpdates", {"limit": 100, "timeout": 50, "allowed_updates": ["message", "managed_bot"]}),
    ("setWebhook", {"url": "http://127.0.0.1:9/x", "secret_token": "aZ09_-" * 42, "max_connections": 100}),
    ("setWebhook", {"url": ""}),
    ("setChatMenuButton", {"menu_button": {"type": "commands"}}),
]
"""Calls at the documented limits."""

REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("sendMessage", {"chat_id": 999, "text": "x"}, 400, "Bad Request: chat not found"),
    ("sendMessage", {"chat_id": "@nobody", "text": "x"}, 400, "Bad Request: chat not found"),
    ("sendMessage", {"chat_id": CLERK, "text": "x"}, 403, "Forbidden: bot can't initiate conversation with a user"),
    ("sendMessage", {"chat_id": GROUP, "text": "x"}, 403, "Forbidden: bot is not a member of the supergroup chat"),
    ("sendMessage", {"chat_id": OFFICER, "text": "x", "reply_parameters": {"message_id": 99}}, 400,
     "Bad Request: message to be replied not found"),
    ("editMessageText", {"chat_id": OFFICER, "message_id": 99, "text": "x"}, 400,
     "Bad Request: message to edit not found"),
    ("editMessageText", {"chat_id": OFFICER, "message_id": 1, "text": "x"}, 400,
     "Bad Request: message can't be edited"),
    ("deleteMessage", {"chat_id": OFFICER, "message_id": 99}, 400, "Bad Request: message to delete not found"),
    ("answerCallbackQuery", {"callback_query_id": "5"}, 400,
     "Bad Request: query is too old and response timeout expired or query ID is invalid"),
    ("answerInlineQuery", {"inline_query_id": "5", "results": []}, 400,
     "Bad Request: query is too old and response timeout expired or query ID is invalid"),
    ("getFile", {"file_id": "5"}, 400, "Bad Request: invalid file_id"),
    ("leaveChat", {"chat_id": OFFICER}, 400, "Bad Request: chat member status can't be changed in private chats"),
]  # fmt: skip
"""What also a right program may meet: the call, the status, Telegram's words."""

HTML: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("<b>依据</b>", "依据", [("bold", "依据")]),
    ("😀<i>a</i>😀<u>b</u>", "😀a😀b", [("italic", "a"), ("underline", "b")]),
    ("<strong><em>x</em></strong>", "x", [("bold", "x"), ("italic", "x")]),
    ("<s>a</s><strike>b</strike><del>c</del><ins>d</ins>", "abcd",
     [("strikethrough", "a"), ("strikethrough", "b"), ("strikethrough", "c"), ("underline", "d")]),
    ('<span class="tg-spoiler">a</span><tg-spoiler>b</tg-spoiler>', "ab", [("spoiler", "a"), ("spoiler", "b")]),
    ("<a href='https://a.cn/?x=1&amp;y=2'>链接</a>", "链接", [("text_link", "链接")]),
    ('<pre><code class="language-py">x</code></pre>', "x", [("pre", "x")]),
    ("<blockquote>一</blockquote><blockquote expandable>二</blockquote>", "一二",
     [("blockquote", "一"), ("expandable_blockquote", "二")]),
    ("&lt;b&gt; &amp;amp; &quot;&#20013;&#x56FD;&#128512; & &nbsp;", '<b> &amp; "中国😀 & &nbsp;', []),
    ("  <b> 前后 </b>\n", "前后", [("bold", "前后")]),
    ("<B>大写</>", "大写", [("bold", "大写")]),
    ("a > b", "a > b", []),
]  # fmt: skip
"""Texts with tags, what is seen of them, and the entities with the words they stand around."""

BAD_HTML = [
    ("<b>x", 'find end tag corresponding to start tag "b"'),
    ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
    ("依<b><i>x</b></i>", 'Unmatched end tag at byte offset 10, expected "</i>", found "</b>"'),
    ("x</b>", "Unexpected end tag at byte offset 1"),
    ("<br>", 'Unsupported start tag "br" at byte offset 0'),
    ("<p>x</p>", 'Unsupported start tag "p"'),
    ("1 < 2", 'Unsupported start tag ""'),
    ("《<第一条>》", 'Unsupported start tag "第一条"'),
    ("<b", "Unclosed start tag at byte offset 0"),
    ("<b>x</b", "Unclosed end tag at byte offset 4"),
    ("<span>x</span>", 'Tag "span" must have class "tg-spoiler"'),
    ('<span class="red">x</span>', 'Tag "span" must have class "tg-spoiler"'),
    ("<a href=https://a.cn>x</a>", "Unexpected end of name token"),
    ("<a href>x</a>", "Expected equal sign"),
]
"""Texts that cannot be parsed, and a part of the complaint."""
