"""Telegram: updates in by polling or webhook, messages out through the outbox; only the leader acts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from starlette.routing import Route
from telegram import InlineKeyboardMarkup, InlineQueryResultArticle, InputTextMessageContent
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest

from actions import events
from actions.message import Incoming, Reply
from bot.app import App
from bot.channels.telegram import read, webhook
from bot.channels.telegram.api import (
    ALLOWED_UPDATES,
    Api,
    FetchError,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    pause_of,
    what,
)
from bot.channels.telegram.menu import Menus
from bot.channels.telegram.read import CHANNEL, Reader
from bot.channels.telegram.render import html, keyboard
from bot.channels.telegram.send import Sender
from bot.dispatch import Dispatcher, Port
from bot.leader import Leader, together
from bot.logs import logger
from bot.pace import Limits
from bot.sending import Pump
from zhifa_errors import LeaseLost, StoreError

_log = logger("telegram")
_MOST_WAITING = 500
_LOOK = 0.3
_FORGOTTEN = timedelta(days=6)
"""After a week of silence update numbers begin anew; a number kept from before would then hide updates."""
_TOLD_AGAIN = 3
_INLINE_CACHE = 60
_WEBHOOK_CONNECTIONS = 20


class TelegramChannel:
    """The channel.

    Args:
        app: the built program, with a token.
        limits: what the channel bears; by default what the settings say.
        paced: whether typed messages are limited in number.
    """

    def __init__(self, app: App, *, limits: Limits | None = None, paced: bool = True) -> None:
        self._app = app
        self._api = Api(app.settings)
        limits = limits or Limits(overall=app.settings.telegram_rate)
        self._pump = Pump(app, CHANNEL, Sender(self._api), limits)
        port = Port(
            CHANNEL,
            read=self._read,
            replied=self._pump.nudge,
            settled=self._settled,
            slow=self._slow,
            keeps_first=True,
        )
        self._dispatcher = Dispatcher(app, port, paced=paced)
        self._menus = Menus(app, self._api, CHANNEL)
        self._reader: Reader | None = None
        self._kept = asyncio.Event()
        self._dressed = False
        self._epoch = 0
        self._stopping = False
        self._source = f"{CHANNEL}:{self._api.bot_id}"
        self._loop = asyncio.get_running_loop()

    @property
    def username(self) -> str:
        """The bot's name, once it is known."""
        return self._api.bot.username

    def routes(self) -> list[Route]:
        """The webhook's route; none where updates are polled."""
        return [webhook.route(self._app.settings, self._keep_one)] if self._app.settings.telegram_webhook_url else []

    async def run(self, leader: Leader, epoch: int) -> None:
        """Receive, handle and send, as the leader of an epoch.

        Raises:
            LeaseLost: another process leads now.
        """
        await self._persistently(self._api.open, "open")
        self._reader = Reader(self._api.bot.username, self._api.bot.id)
        await self._persistently(self._arrange, "arrange")
        self._epoch = epoch
        works: list[Coroutine[Any, Any, None]] = [self._pump.run(leader, epoch), self._take_up(), self._dress()]
        hooked = self._app.settings.telegram_webhook_url is not None
        if not hooked:
            works.append(self._poll(epoch))
        _log.info("receiving", username=self.username, by="webhook" if hooked else "polling")
        await together(*works)

    async def stop(self) -> None:
        """Begin nothing more, and let what was begun end."""
        self._stopping = True
        await asyncio.gather(self._pump.stop(), self._dispatcher.idle())

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _arrange(self) -> None:
        """Tell Telegram how updates come."""
        bot, settings = self._api.bot, self._app.settings
        if settings.telegram_webhook_url:
            await bot.set_webhook(
                settings.telegram_webhook_url,
                secret_token=settings.webhook_secret(),
                allowed_updates=ALLOWED_UPDATES,
                max_connections=_WEBHOOK_CONNECTIONS,
            )
        else:
            await bot.delete_webhook(drop_pending_updates=False)

    async def _dress(self) -> None:
        """Set the menus, once; nothing else waits for them."""
        if not self._dressed:
            await self._persistently(self._menus.everybody, "menus")
            self._dressed = True
        await asyncio.Event().wait()

    async def _persistently(self, step: Callable[[], Awaitable[None]], name: str) -> None:
        """Try until it works; the page goes on meanwhile."""
        pause = 0.5
        while True:
            try:
                await step()
            except RetryAfter as error:
                pause = pause_of(error).total_seconds()
                _log.warning("telegram_unavailable", step=name, error=what(error))
            except InvalidToken as error:
                pause = 60
                _log.error("token_refused", error=what(error))
            except TelegramError as error:
                pause = min(2 * pause, 10)
                _log.warning("telegram_unavailable", step=name, error=what(error))
            else:
                return
            await asyncio.sleep(pause)

    async def _poll(self, epoch: int) -> None:
        """Fetch updates, keep them with the number to go on with, hand them over."""
        offset, heard = await asyncio.to_thread(self._known)
        while True:
            if heard is not None and self._app.clock() - heard > _FORGOTTEN:
                offset = None
            try:
                batch = await self._api.fetch(offset)
            except FetchError as error:
                _log.warning("not_fetched", error=error.message)
                if error.flood:
                    self._pump.halt(error.pause, epoch)
                await asyncio.sleep(error.pause.total_seconds())
                continue
            if batch.updates:
                offset, heard = batch.next_update or offset, self._app.clock()
                await self._keep(batch.updates, epoch, offset)
                if batch.next_update is None:
                    await asyncio.sleep(1)  # they will come again
                while self._dispatcher.busy > _MOST_WAITING:  # noqa: ASYNC110  (what is kept need not be hurried)
                    await asyncio.sleep(_LOOK)

    async def _keep(self, updates: tuple[Any, ...], epoch: int, offset: int | None) -> None:
        raws = [read.raw(update, self._api.bot_id) for update in updates]

        def write() -> None:
            upto = (epoch, self._source, offset) if offset is not None else None
            with self._app.database.write() as tx:
                events.do_receive_raw(tx, CHANNEL, raws, self._app.clock(), upto=upto)

        while True:
            try:
                await asyncio.to_thread(write)
                break
            except LeaseLost:
                raise
            except StoreError as error:
                _log.warning("not_kept", error=error.message)
                await asyncio.sleep(_LOOK)
        self._kept.set()

    def _keep_one(self, update: Any) -> None:
        """Keep an update that was brought; called in a worker thread."""
        with self._app.database.write() as tx:
            events.do_receive_raw(tx, CHANNEL, [read.raw(update, self._api.bot_id)], self._app.clock())
        self._loop.call_soon_threadsafe(self._kept.set)

    def _known(self) -> tuple[int | None, datetime | None]:
        with self._app.database.read() as tx:
            return events.find_next_update(tx, self._source)

    async def _take_up(self) -> None:
        """Handle what is kept, in the order in which it was kept: just now, by an earlier run, or by a standby."""
        while not self._stopping:
            self._kept.clear()
            try:
                if self._dispatcher.busy < _MOST_WAITING:
                    await self._dispatcher.take_up()
            except StoreError as error:
                _log.warning("inbox_unavailable", error=error.message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._kept.wait()
        await asyncio.Event().wait()

    def _read(self, event: events.Event) -> Incoming | None:
        if self._reader is None:
            raise RuntimeError("nothing is handled before the bot is known")
        return self._reader.read(event)

    async def _slow(self, address: str) -> None:
        if self._pump.halted or not address.lstrip("-").isdecimal():
            return  # later it is worth nothing
        try:
            await self._api.bot.send_chat_action(int(address), ChatAction.TYPING)
        except RetryAfter as error:
            self._pump.halt(pause_of(error), self._epoch)
        except TelegramError as error:
            _log.info("no_typing_mark", error=what(error))

    async def _settled(self, incoming: Incoming, replies: tuple[Reply, ...]) -> None:
        """Stop the spinner of a button, answer an inline question, see to the menu."""
        if incoming.kind == "press" and incoming.ref:
            await self._told(lambda: self._api.bot.answer_callback_query(incoming.ref or ""))
        elif incoming.kind == "inline" and incoming.ref:
            articles = [self._article(n, reply) for n, reply in enumerate(replies)]
            await self._told(
                lambda: self._api.bot.answer_inline_query(
                    incoming.ref or "", articles, cache_time=_INLINE_CACHE, is_personal=True
                )
            )
        elif incoming.kind == "text" and not incoming.group:
            anew = incoming.text.startswith("/start")
            await self._told(lambda: self._menus.suit(incoming.address, incoming.sender, anew=anew), halts=False)

    async def _told(self, call: Callable[[], Awaitable[Any]], *, halts: bool = True) -> None:
        """Make a call that nothing lasting hangs on, when the channel is clear; a few tries.

        Args:
            halts: a 429 to it is meant for messages too (menus have a limit of their own).
        """
        for _ in range(_TOLD_AGAIN):
            await self._pump.clear()
            try:
                await call()
            except BadRequest as error:  # the query is too old: nobody waits any more
                _log.info("too_late", error=what(error))
                return
            except RetryAfter as error:
                if not halts:
                    _log.info("too_often", error=what(error))
                    return
                self._pump.halt(pause_of(error), self._epoch)
            except NetworkError:
                await asyncio.sleep(0.5)
            else:
                return

    def _article(self, n: int, reply: Reply) -> InlineQueryResultArticle:
        rows = keyboard(reply, self.username)
        lead = next((block.text for block in reply.blocks if block.kind == "lead" and block.text), "")
        return InlineQueryResultArticle(
            id=str(n),
            title=(lead or reply.blocks[0].text or "执法助手")[:64],
            input_message_content=InputTextMessageContent(html(reply), parse_mode=ParseMode.HTML),
            reply_markup=InlineKeyboardMarkup.de_json(rows, self._api.bot) if rows else None,
        )
