"""The web chat: a page, its messages by last-seen id, and a nudge by server-sent events.

The page holds nothing that counts: a reload or a restart of the server shows the same conversation,
because everything is read from the store. The session is a random cookie; the store keeps its hash.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from actions import events
from actions.conversation import find_state
from actions.message import BUTTON_DATA_BYTES, Incoming
from actions.people import find_person
from actions.transaction import Tx
from bot.app import App
from bot.channels.web.guard import BODY_CAP, TOO_LONG, Guard, refused
from bot.channels.web.nudges import Nudges
from bot.dispatch import Dispatcher, Port
from bot.logs import logger
from handlers.help_ import Item, menu
from zhifa_errors import StoreError

CHANNEL = "web"
_HERE = Path(__file__).parent
_COOKIE = "zhifa_session"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_EVENT = re.compile(r"[A-Za-z0-9_-]{8,64}")
_ROW = re.compile(r"[0-9]{1,18}")
_TOO_FAST = "您发得太快了，这条消息没有发送；请稍等一会儿再发。"
_YEAR = 365 * 24 * 3600
_log = logger("web")


class WebChat:
    """Routes of the page.

    Args:
        app: the built program.
        secret: key that anti-forgery tokens are made with.
        routes: further routes on the same address (a webhook).
        paced: whether the number of typed messages is limited.
    """

    def __init__(self, app: App, secret: bytes, routes: Sequence[Route] = (), *, paced: bool = True) -> None:
        self._app = app
        self._secret = secret
        self._further = routes
        self.nudges = Nudges()
        self.dispatcher = Dispatcher(app, Port(CHANNEL, replied=self.nudges.nudge), paced=paced)
        templates = Environment(loader=FileSystemLoader(_HERE), autoescape=select_autoescape())
        self._page = templates.get_template("page.html")

    def asgi(self) -> ASGIApp:
        """The ASGI application."""
        settings = self._app.settings
        hosts = {"localhost", "127.0.0.1", "::1"} if settings.web_is_loopback else set()
        for url in (settings.public_url, settings.telegram_webhook_url):
            if url and (name := urlsplit(url).hostname):
                hosts.add(name)
        routes = Starlette(
            routes=[
                Route("/", self.page),
                Route("/messages", self.messages),
                Route("/send", self.send, methods=["POST"]),
                Route("/events", self.stream),
                Route("/healthz", self.health),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
                *self._further,
            ],
            exception_handlers={StoreError: _not_kept},
        )
        # Around everything, so that the answer to a failure carries the headers too.
        return Guard(routes, frozenset(hosts))

    async def page(self, request: Request) -> Response:
        """The page itself; gives a new visitor a session."""
        token = _session(request) or secrets.token_urlsafe(32)
        place, items = await asyncio.to_thread(self._head, _address(token))
        html = self._page.render(csrf=self._csrf(token), place=place, menu=items)
        response = HTMLResponse(html, headers={"cache-control": "no-store"})
        secure = bool(self._app.settings.public_url and self._app.settings.public_url.startswith("https"))
        response.set_cookie(_COOKIE, token, max_age=_YEAR, httponly=True, samesite="lax", secure=secure)
        return response

    def _head(self, address: str) -> tuple[str, tuple[Item, ...]]:
        """Place and command menu of a chat."""
        with self._app.database.read() as tx:
            return self._place_in(tx, address), menu(find_person(tx, CHANNEL, address))

    def _place_in(self, tx: Tx, address: str) -> str:
        chosen = find_state(tx, CHANNEL, address).place
        held = self._app.shelf.library.registers.places
        return held.label(chosen if chosen in held.by_path else self._app.place)

    async def messages(self, request: Request) -> Response:
        """Lines of the chat after what the page has seen.

        Returns:
            `{"lines": […], "seen": "inbox.outbox", "place"}`; `seen` is what to ask after the next time.
        """
        address = self._who(request)
        if address is None:
            return _no_session()
        after = _seen(request.query_params.get("after", ""))

        def lines() -> tuple[list[events.Line], str]:
            with self._app.database.read() as tx:
                return events.list_lines(tx, CHANNEL, address, after), self._place_in(tx, address)

        found, place = await asyncio.to_thread(lines)
        seen = (
            max([after[0], *(line.row for line in found if line.me)]),
            max([after[1], *(line.row for line in found if not line.me)]),
        )
        return JSONResponse(
            {"lines": [_line(line) for line in found], "seen": f"{seen[0]}.{seen[1]}", "place": place},
            headers={"cache-control": "no-store"},
        )

    async def send(self, request: Request) -> Response:
        """A typed message or a pressed button: kept, then answered by way of the store."""
        token = _session(request)
        if token is None:
            return _no_session()
        if not hmac.compare_digest(request.headers.get("x-zhifa-token", "").encode(), self._csrf(token).encode()):
            return refused("页面过期了，请刷新后再发。", 403)
        body = await _body(request)
        if body is None:
            return refused(TOO_LONG, 413)
        incoming = _incoming(_address(token), body)
        if incoming is None:
            return refused("这条消息没有看懂，没有发送；请刷新页面再试。", 400)
        if not await self.dispatcher.receive(*incoming) and not await asyncio.to_thread(self._is_known, incoming[1]):
            return refused(_TOO_FAST, 429)
        return JSONResponse({"ok": True}, 202)

    def _is_known(self, event_id: str) -> bool:
        with self._app.database.read() as tx:
            return events.is_known(tx, CHANNEL, event_id)

    async def stream(self, request: Request) -> Response:
        """Server-sent events: only «there is something new»."""
        address = self._who(request)
        if address is None:
            return _no_session()
        stream = self.nudges.stream(f"{CHANNEL}:{address}")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def health(self, _request: Request) -> Response:
        """Whether the program is up."""
        return JSONResponse({"ok": True, "entries": self._app.shelf.library.index.size})

    def _who(self, request: Request) -> str | None:
        token = _session(request)
        return _address(token) if token else None

    def _csrf(self, token: str) -> str:
        return hmac.new(self._secret, token.encode(), hashlib.sha256).hexdigest()


def _address(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def _session(request: Request) -> str | None:
    """The session the page was given; anything else in the cookie is none."""
    token = request.cookies.get(_COOKIE, "")
    return token if _TOKEN.fullmatch(token) else None


def _no_session() -> Response:
    return refused("会话已过期，请刷新页面。", 401)


async def _not_kept(_request: Request, error: Exception) -> Response:
    """The database is busy or gone; the page tries again by itself."""
    _log.error("store_unavailable", error=str(error))
    return refused("暂时存不下这条消息，正在重试…", 503)


def _seen(text: str) -> tuple[int, int]:
    parts = [int(part) if part.isdecimal() and len(part) < 19 else 0 for part in text.split(".")]
    return (parts[0], parts[1]) if len(parts) == 2 else (0, 0)


def _line(line: events.Line) -> dict[str, Any]:
    """A line as the page reads it; `event` is the page's own name for what it sent."""
    return {
        "id": f"{'me' if line.me else 'bot'}-{line.row}",
        "row": str(line.row),
        "me": line.me,
        "at": line.at.isoformat(),
        "event": line.event_id and line.event_id.partition(":")[2],
        "edits": None if line.target is None else f"bot-{line.target}",
        **line.body,
    }


async def _body(request: Request) -> bytes | None:
    """The body; None where it is longer than the cap, whatever length was announced."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_CAP:
            return None
    return body


def _incoming(address: str, body: bytes) -> tuple[Incoming, str] | None:
    """What the page sent, with the id it is kept under; None where it is not of the form."""
    data: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        data = json.loads(body)
    if not isinstance(data, dict):
        return None
    text, event, message = data.get("text"), data.get("id"), data.get("message")
    if not isinstance(text, str) or not isinstance(event, str) or not _EVENT.fullmatch(event):
        return None
    # Half a surrogate pair cannot be kept, and PostgreSQL takes no NUL.
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    match data.get("kind"):
        case "text":
            return Incoming(CHANNEL, address, "text", text), f"{address}:{event}"
        case "press" if len(text.encode()) <= BUTTON_DATA_BYTES:
            edited = message if isinstance(message, str) and _ROW.fullmatch(message) else None
            return Incoming(CHANNEL, address, "press", text, edited), f"{address}:{event}"
        case _:
            return None
