"""`zhifa serve`: every configured channel in one process, until SIGTERM or SIGINT."""

import asyncio
import contextlib
import socket

from bot.app import calm_collector, open_app
from bot.logs import configure
from bot.pace import Limits
from bot.program import WEB, WEBHOOK, Program
from bot.settings import Settings, parse_listen, read_settings
from zhifa_errors import UsageError


def serve(limits: Limits | None = None, *, paced: bool = True) -> None:
    """Run until told to stop.

    Args:
        limits: what Telegram bears; by default what the settings say.
        paced: whether the number of typed messages is limited; off only in measurements.

    Raises:
        ZhifaError: the program cannot start; nothing was left half done.
    """
    settings = read_settings()
    configure(settings.log, settings.secrets())
    with contextlib.ExitStack() as at_the_end:
        # First: a port in use is no reason to touch the data.
        listeners = {
            name: at_the_end.enter_context(contextlib.closing(_listen(name, address)))
            for name, address in _addresses(settings).items()
        }
        app = open_app(settings)
        at_the_end.callback(app.database.close)
        calm_collector()
        asyncio.run(Program(app, listeners, limits, paced=paced).run())


def _addresses(settings: Settings) -> dict[str, str]:
    """What to listen on, by the setting that says so.

    Raises:
        UsageError: there is nothing to serve, or nowhere for the webhook.
    """
    found = {} if settings.web_listen == "off" else {WEB: settings.web_listen}
    if settings.telegram_token is None:
        if not found:
            raise UsageError("ZHIFA_WEB_LISTEN is off and no other channel is configured; there is nothing to serve")
        return found
    if settings.telegram_webhook_url and settings.telegram_webhook_listen:
        found[WEBHOOK] = settings.telegram_webhook_listen
    if settings.telegram_webhook_url and not found:
        raise UsageError(f"{WEB} is off: set {WEBHOOK} to the address the webhook is brought to")
    return found


def _listen(setting: str, address: str) -> socket.socket:
    host, port = parse_listen(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _bound(family, host, port)
    except OSError as error:
        raise UsageError(f"{setting}: cannot listen on {address}: {error.strerror}") from None


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
