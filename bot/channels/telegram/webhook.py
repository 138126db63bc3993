"""Updates that Telegram brings: kept before they are confirmed.

python-telegram-bot's own webhook server answers 200 when an update is in memory and compares the secret
with `!=`; this one answers after the commit and compares in constant time.
"""

import asyncio
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.settings import Settings
from zhifa_errors import StoreError

BODY_CAP = 1024 * 1024
_HEADER = "x-telegram-bot-api-secret-token"


def route(settings: Settings, keep: Callable[[Any], None]) -> Route:
    """The route that the webhook's address leads to.

    Args:
        settings: with the address and the secret.
        keep: commits one update, in a worker thread.
    """
    expected = settings.webhook_secret().encode()

    async def receive(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get(_HEADER, "").encode("utf-8", "replace"), expected):
            return PlainTextResponse("forbidden", 403)
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_CAP:
                    return PlainTextResponse("too long", 413)
        except ClientDisconnect:
            return PlainTextResponse("nobody is there", 400)
        try:
            update = json.loads(body)
        except (ValueError, RecursionError):
            return PlainTextResponse("no JSON", 400)
        try:
            await asyncio.to_thread(keep, update)
        except StoreError:
            return PlainTextResponse("not kept", 503)
        return PlainTextResponse("ok")

    return Route(urlsplit(settings.telegram_webhook_url or "").path or "/", receive, methods=["POST"])
