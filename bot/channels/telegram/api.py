"""The Bot API as this channel uses it: one bot, fetching updates raw, and errors told apart by what they mean.

Updates are fetched by a request of our own: `Bot.get_updates` parses first, so that one malformed update
would repeat its whole batch for ever, and python-telegram-bot's `Updater` confirms updates before anything
was done with them.
"""

import contextlib
import json
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from telegram import Bot
from telegram.error import InvalidToken, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.request import HTTPXRequest

from bot.settings import Settings
from zhifa_errors import ZhifaError

# python-telegram-bot gives times as timedelta only when asked to, and warns otherwise.
os.environ.setdefault("PTB_TIMEDELTA", "true")

ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "inline_query", "my_chat_member")
POLL_SECONDS = 25
_BATCH = 100
_CONNECTIONS = 32
_UPDATE_ID = re.compile(rb'"update_id"\s*:\s*(\d{1,15})')


class FetchError(ZhifaError):
    """Updates could not be fetched.

    Args:
        pause: how long to wait before the next try.
        flood: whether Telegram was asked too often.
    """

    code = "telegram"

    def __init__(self, message: str, pause: timedelta, *, flood: bool = False) -> None:
        super().__init__(message)
        self.pause = pause
        self.flood = flood


@dataclass(frozen=True)
class Batch:
    """Updates as they came.

    Attributes:
        updates: decoded JSON, of whatever form.
        next_update: what to go on with once these are kept; None where no update says its number.
    """

    updates: tuple[Any, ...]
    next_update: int | None


class Api:
    """A bot and its connections.

    Args:
        settings: with a token.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.telegram_token is None:
            raise ValueError("there is no token")
        self.token = settings.telegram_token.get_secret_value()
        options: dict[str, Any] = {}
        if settings.telegram_base_url:
            base = settings.telegram_base_url.rstrip("/")
            options = {"base_url": base, "base_file_url": base.removesuffix("/bot") + "/file/bot"}
        self._polling = HTTPXRequest(connection_pool_size=2)
        self.bot = Bot(
            self.token,
            request=HTTPXRequest(connection_pool_size=_CONNECTIONS, read_timeout=15, pool_timeout=5),
            get_updates_request=self._polling,
            **options,
        )

    @property
    def bot_id(self) -> str:
        """The bot's number: the part of the token before the colon, which is no secret."""
        return self.token.partition(":")[0]

    async def open(self) -> None:
        """Make the connections and learn the bot's name.

        Raises:
            TelegramError: the API cannot be reached, or the token is wrong.
        """
        await self.bot.initialize()

    async def close(self) -> None:
        """Close the connections."""
        await self.bot.shutdown()

    async def fetch(self, offset: int | None) -> Batch:
        """Wait for updates, from a number on; asking for one confirms all below it.

        Raises:
            FetchError: nothing came, and how long to wait.
        """
        raw = await self._get_updates(offset, _BATCH, POLL_SECONDS)
        try:
            return _batch(json.loads(raw)["result"])
        except (ValueError, RecursionError, KeyError, TypeError):
            return await self._one_by_one(offset)

    async def _one_by_one(self, offset: int | None) -> Batch:
        """One update that cannot even be decoded must not be in the way of the others."""
        raw = await self._get_updates(offset, 1, 0)
        try:
            return _batch(json.loads(raw)["result"])
        except (ValueError, RecursionError, KeyError, TypeError):
            found = _UPDATE_ID.search(raw)
            if found is None:
                raise FetchError("the answer to getUpdates was no JSON", timedelta(seconds=5)) from None
            number = int(found[1])
            return Batch(({"update_id": number, "undecodable": True},), number + 1)

    async def _get_updates(self, offset: int | None, limit: int, seconds: int) -> bytes:
        query: dict[str, Any] = {"limit": limit, "timeout": seconds, "allowed_updates": json.dumps(ALLOWED_UPDATES)}
        if offset is not None:
            query["offset"] = offset
        try:
            status, body = await self._polling.do_request(
                f"{self.bot.base_url}/getUpdates?{urlencode(query)}",
                "POST",
                read_timeout=seconds + 10,
                connect_timeout=5,
                pool_timeout=5,
            )
        except NetworkError as error:
            raise FetchError(f"getUpdates: {what(error)}", timedelta(seconds=1)) from None
        if status == 200:
            return body
        raise FetchError(f"getUpdates: {status}", _pause(status, body), flood=status == 429)


def _pause(status: int, body: bytes) -> timedelta:
    """How long to wait after a refusal: what it says, or by its kind."""
    seconds = {401: 60, 404: 60, 409: 3, 429: 5}.get(status, 1)
    if status == 429:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            seconds = int(json.loads(body)["parameters"]["retry_after"])
    return timedelta(seconds=seconds)


def _batch(result: Any) -> Batch:
    updates = tuple(result)
    numbers = [number for update in updates if (number := number_of(update)) is not None]
    return Batch(updates, max(numbers) + 1 if numbers else None)


def number_of(update: Any) -> int | None:
    """The number of a raw update; None where it has none."""
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**53 else None


def what(error: TelegramError) -> str:
    """An error in one short line, without addresses."""
    return f"{type(error).__name__}: {error.message}"[:200]


def pause_of(error: RetryAfter) -> timedelta:
    """How long a 429 asks to wait."""
    after = error.retry_after
    return after if isinstance(after, timedelta) else timedelta(seconds=after)


def never_left(error: NetworkError) -> bool:
    """Whether a call certainly did not reach the API: there was no connection to send it on."""
    return isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


__all__ = [
    "ALLOWED_UPDATES",
    "Api",
    "Batch",
    "FetchError",
    "InvalidToken",
    "NetworkError",
    "RetryAfter",
    "TelegramError",
    "TimedOut",
    "never_left",
    "number_of",
    "pause_of",
    "what",
]
