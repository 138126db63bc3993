"""One call of the Bot API, and what its end means for the message."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from telegram import InlineKeyboardMarkup, LinkPreviewOptions, ReplyParameters
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError

from actions.delivery import Call, Doubtful, End, NotTaken, Refused, Sent, Unreachable
from actions.message import Reply, mark_again, plain
from bot.channels.telegram.api import Api, InvalidToken, NetworkError, RetryAfter, never_left, pause_of, what
from bot.channels.telegram.render import html, keyboard
from bot.logs import logger

_log = logger("telegram")
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_GONE = ("chat not found", "user is deactivated", "peer_id_invalid", "not enough rights", "have no rights", "kicked")
_CANNOT_EDIT = ("message to edit not found", "message can't be edited", "message_id_invalid")
_BAD_TOKEN_PAUSE = timedelta(seconds=60)


class Sender:
    """Carries out calls.

    Args:
        api: the bot.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def is_group(self, address: str) -> bool:
        """Whether others read along: groups have negative numbers."""
        return address.startswith("-")

    async def deliver(self, call: Call) -> End:
        """Make the call; never raises for what the API or the network does."""
        try:
            return await self._deliver(call, call.address)
        except ChatMigrated as moved:
            return await self._migrated(call, str(moved.new_chat_id))
        except TelegramError as error:
            return _end(error)

    async def _migrated(self, call: Call, address: str) -> End:
        try:
            return await self._deliver(call, address)
        except TelegramError as error:
            return _end(error)

    async def _deliver(self, call: Call, address: str) -> End:
        if call.op == "delete" and call.target_id:
            await self._api.bot.delete_message(int(address), int(call.target_id))
            return Sent(call.target_id)
        try:
            return await self._write(call, address, html, ParseMode.HTML)
        except BadRequest as error:
            if "can't parse entities" not in error.message.lower():
                raise
            _log.error("markup_refused", row=call.message.id, error=what(error))  # a defect of the renderer
            return await self._write(call, address, plain, None)

    async def _write(self, call: Call, address: str, render: Callable[[Reply], str], mode: ParseMode | None) -> End:
        bot, chat, reply = self._api.bot, int(address), call.reply
        rows = keyboard(reply, bot.username)
        options: dict[str, Any] = {
            "parse_mode": mode,
            "reply_markup": InlineKeyboardMarkup.de_json(rows, bot) if rows else None,
            "link_preview_options": _NO_PREVIEW,
        }
        if call.op == "edit" and call.target_id:
            try:
                await bot.edit_message_text(render(reply), chat, int(call.target_id), **options)
            except BadRequest as error:
                if "not modified" not in error.message.lower():
                    if not _says(error, _CANNOT_EDIT):
                        raise
                    reply = mark_again(reply) if call.message.doubts else reply
                else:
                    return Sent(call.target_id)
            else:
                return Sent(call.target_id)
        quoted = ReplyParameters(int(call.quotes), allow_sending_without_reply=True) if call.quotes else None
        sent = await bot.send_message(chat, render(reply), reply_parameters=quoted, **options)
        return Sent(str(sent.message_id))


def _says(error: TelegramError, words: tuple[str, ...]) -> bool:
    return any(word in error.message.lower() for word in words)


def _end(error: TelegramError) -> End:
    match error:
        case RetryAfter():
            return NotTaken(what(error), pause_of(error))
        case Forbidden():
            return Unreachable(what(error))
        case InvalidToken():
            return NotTaken(what(error), _BAD_TOKEN_PAUSE)
        case BadRequest():  # a NetworkError to the library
            return Unreachable(what(error)) if _says(error, _GONE) else Refused(what(error))
        case NetworkError() if never_left(error):
            return NotTaken(what(error), None)
        case NetworkError():
            return Doubtful(what(error))
        case _:
            return Refused(what(error))
