"""The parts of the running program, started and stopped together.

Every process serves its page and takes webhooks; what only one may do (polling, the schedule, delivery)
is done by the one that leads.
"""

import asyncio
import contextlib
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from actions import people
from bot.app import App
from bot.channels.web.server import WebChat
from bot.leader import Leader, lead, together
from bot.links import invitation_link
from bot.logs import logger
from bot.pace import Limits
from bot.settings import Settings
from jobs.schedule import Schedule
from zhifa_errors import StoreError

if TYPE_CHECKING:
    from bot.channels.telegram.channel import TelegramChannel

WEB = "ZHIFA_WEB_LISTEN"
WEBHOOK = "ZHIFA_TELEGRAM_WEBHOOK_LISTEN"

_STOP_SECONDS = 3
_REFRESH_SECONDS = 20.0
_ABANDONED = timedelta(seconds=10)
_log = logger("serve")


class Program:
    """All parts of a running program.

    Args:
        app: the built program.
        listeners: open sockets by the setting that asked for them.
        limits: what Telegram bears; by default what the settings say.
        paced: whether the number of typed messages is limited.
    """

    def __init__(
        self, app: App, listeners: dict[str, socket.socket], limits: Limits | None = None, *, paced: bool = True
    ) -> None:
        self._app = app
        self._listeners = listeners
        self._limits = limits
        self._paced = paced
        self._leader = Leader(app)
        self._telegram: TelegramChannel | None = None
        self._web: WebChat | None = None

    async def run(self) -> None:
        """Run until a signal comes or a server ends."""
        servers = self._build()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        serving = [asyncio.create_task(server.serve(sockets=[self._listeners[name]])) for name, server in servers]
        background = [asyncio.create_task(_refresh(self._app)), asyncio.create_task(lead(self._leader, self._lead))]
        self._announce(await self._web.dispatcher.take_up() if self._web else 0)
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait([waiting, *serving, *background], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for _, server in servers:
            server.should_exit = True
        await self._stop(background)
        await asyncio.gather(*serving)
        self._leader.close()
        _log.info("stopped")

    def _build(self) -> list[tuple[str, "_Server"]]:
        """Make the channels; returns the servers with the listener of each."""
        app, routes = self._app, list[Route]()
        if app.settings.telegram_token is not None:
            from bot.channels.telegram.channel import TelegramChannel

            self._telegram = TelegramChannel(app, limits=self._limits, paced=self._paced)
            routes = self._telegram.routes()
        apart = WEBHOOK in self._listeners
        if WEB in self._listeners:
            secret = _web_secret(app.settings)
            self._web = WebChat(app, secret, [] if apart else routes, paced=self._paced)
        servers = [(WEB, _server(self._web.asgi()))] if self._web else []
        if apart:
            servers.append((WEBHOOK, _server(Starlette(routes=routes))))
        return servers

    def _announce(self, resumed: int) -> None:
        app, told = self._app, "执法助手已启动"
        address = f"http://{self._address}" if self._address else ""
        if address:
            told += f"：{address}"
        _log.info(
            "ready",
            address=address,
            telegram=self._telegram is not None,
            entries=app.shelf.library.index.size,
            resumed=resumed,
        )
        sys.stdout.write(f"{told} （按 Ctrl+C 停止）\n")
        sys.stdout.flush()

    @property
    def _address(self) -> str:
        """Host and port of the page; empty where there is none."""
        if WEB not in self._listeners:
            return ""
        host, port = self._listeners[WEB].getsockname()[:2]
        return f"{f'[{host}]' if ':' in host else host}:{port}"

    async def _lead(self, epoch: int) -> None:
        """What only one process does."""
        await self._invite_first(epoch)
        works = [self._schedule(epoch), self._abandoned()]
        if self._telegram:
            works.append(self._telegram.run(self._leader, epoch))
        await together(*works)

    async def _schedule(self, epoch: int) -> None:
        schedule = Schedule(self._app.database.write, self._app.clock, epoch)
        schedule.start()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(schedule.stop)

    async def _abandoned(self) -> None:
        """Handle what was typed on a page whose process ended before it was handled."""
        while True:
            await asyncio.sleep(_ABANDONED.total_seconds())
            if self._web:
                try:
                    await self._web.dispatcher.take_up(older=_ABANDONED)
                except StoreError as error:
                    _log.warning("inbox_unavailable", error=error.message)

    async def _invite_first(self, epoch: int) -> None:
        """Print a link for the first administrator, where there is none."""

        def make() -> people.Invitation | None:
            with self._app.database.write() as tx:
                return people.do_first_admin_code(tx, self._app.clock())

        invitation = await asyncio.to_thread(make)
        if invitation is None:
            return
        settings = self._app.settings
        if self._address:
            settings = settings.model_copy(update={"web_listen": self._address})  # with the port it has now
        link = await invitation_link(settings, invitation.code)
        _log.info("first_administrator_invited", epoch=epoch)
        sys.stdout.write(f"还没有管理员。一小时内打开此链接登记为管理员：{link or '/start ' + invitation.code}\n")
        sys.stdout.flush()

    async def _stop(self, background: list[asyncio.Task[None]]) -> None:
        """Begin nothing more, and let what was begun end for a moment."""
        if self._web:
            self._web.nudges.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                ends = [self._telegram.stop()] if self._telegram else []
                await asyncio.gather(*ends, *([self._web.dispatcher.idle()] if self._web else []))
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        if self._telegram:
            await self._telegram.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: the program stops all its parts together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def _server(app: ASGIApp) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
            h11_max_incomplete_event_size=64 * 1024,
        )
    )


def _web_secret(settings: Settings) -> bytes:
    """The configured key; on loopback one is made once and kept in the data folder."""
    if settings.web_secret:
        return settings.web_secret.get_secret_value().encode()
    path = settings.data_dir / "web.secret"
    if not path.is_file():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), encoding="ascii")
    return path.read_bytes()


async def _refresh(app: App) -> None:
    """Take up content that a curator changed, while running."""
    while True:
        await asyncio.sleep(_REFRESH_SECONDS)
        try:
            await asyncio.to_thread(app.shelf.refresh)
        except Exception:  # one bad look at the content must not be the last
            _log.exception("refresh_failed")
