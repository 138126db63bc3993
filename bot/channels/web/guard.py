"""What every request passes, and every answer carries: host, origin, size, security headers."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_CAP = 1024 * 1024
TOO_LONG = "这条消息太长了，没有发送；请缩短后再发。"
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "geolocation=(), camera=(), microphone=()",
}


class Guard:
    """Refuses requests for other hosts and from other origins, caps bodies, adds the security headers.

    Args:
        app: what is guarded.
        hosts: names the page may be asked for under; empty for any.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = self._refusal(request)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = dict(_HEADERS)
                if scope["path"].startswith("/static/"):
                    extra["cache-control"] = "no-cache"  # kept, but asked about: page and script change together
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in extra.items()),
                ]
            await send(message)

        if refusal is not None:
            await refusal(scope, receive, with_headers)
        else:
            await self._app(scope, receive, with_headers)

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if self._hosts and _hostname(f"//{host}") not in self._hosts:
            return PlainTextResponse("unknown host", 400)
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return PlainTextResponse("foreign origin", 403)
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 9 or int(length) > BODY_CAP:
            return refused(TOO_LONG, 413)
        return None


def refused(text: str, status: int) -> Response:
    """What happened, what was kept and what to do, as the page shows it."""
    return JSONResponse({"error": text}, status)


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # «[» alone, for instance
        return ""
