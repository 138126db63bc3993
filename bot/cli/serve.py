"""`zhifa serve`: every configured channel in one process, until SIGTERM or SIGINT."""

import asyncio
import contextlib
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta

import uvicorn

from bot.app import App, calm_collector, open_app
from bot.channels.web.server import WebChat
from bot.logs import configure, logger
from bot.settings import Settings, read_settings
from jobs import retention
from zhifa_errors import UsageError

_STOP_SECONDS = 3
_REFRESH_SECONDS = 20.0
_DAY_SECONDS = timedelta(days=1).total_seconds()
_log = logger("serve")


def serve() -> None:
    """Run until told to stop.

    Raises:
        ZhifaError: the program cannot start; nothing was left half done.
    """
    settings = read_settings()
    configure(settings.log, settings.secrets())
    if settings.web_listen == "off":
        raise UsageError("ZHIFA_WEB_LISTEN is off and no other channel is configured; there is nothing to serve")
    listener = _listen(settings)  # first: a port in use is no reason to touch the data
    try:
        app = open_app(settings)
        try:
            calm_collector()
            asyncio.run(_run(app, listener))
        finally:
            app.database.close()
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: the program stops all its parts together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def _run(app: App, listener: socket.socket) -> None:
    chat = WebChat(app, _web_secret(app.settings))
    server = _Server(
        uvicorn.Config(
            chat.asgi(),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
            h11_max_incomplete_event_size=64 * 1024,
        )
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    background = [asyncio.create_task(_refresh(app)), asyncio.create_task(_sweep(app))]
    resumed = await chat.dispatcher.resume()
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    _log.info("ready", address=f"http://{shown}:{port}", entries=app.shelf.library.index.size, resumed=resumed)
    sys.stdout.write(f"执法助手已启动：http://{shown}:{port} （按 Ctrl+C 停止）\n")
    sys.stdout.flush()
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait([waiting, serving], return_when=asyncio.FIRST_COMPLETED)
    for task in (*background, waiting):
        task.cancel()
    chat.nudges.close()
    server.should_exit = True
    await serving
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await chat.dispatcher.idle()
    _log.info("stopped")


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.web_address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _bound(family, host, port)
    except OSError as error:
        raise UsageError(f"ZHIFA_WEB_LISTEN: cannot listen on {settings.web_listen}: {error.strerror}") from None


def _bound(family: int, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


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


async def _sweep(app: App) -> None:
    """Once a day, let go of what is kept no longer."""
    while True:
        try:
            await asyncio.to_thread(_retain, app)
        except Exception:  # tried again tomorrow; answering goes on
            _log.exception("retention_failed")
        await asyncio.sleep(_DAY_SECONDS)


def _retain(app: App) -> None:
    with app.database.write() as tx:
        forgotten = retention.tick(tx, app.clock())
    if forgotten:
        _log.info("texts_forgotten", rows=forgotten)
