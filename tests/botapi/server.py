"""The HTTP side of the played Bot API: Starlette routes on uvicorn's protocol, in a loop of their own thread."""

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from tests.botapi.calls import Call, Halts, Limits, Meter
from tests.botapi.delivery import Delivery
from tests.botapi.effects import Effects, Refused
from tests.botapi.faults import Fault, Faults
from tests.botapi.methods import METHODS, check
from tests.botapi.rules import Invalid
from tests.botapi.state import World
from tests.botapi.wire import Connection, Dropped, bound_socket, read_body, read_params

T = TypeVar("T")
_METHODS = {name.lower(): name for name in METHODS}
_METERED = ("sendMessage", "sendDocument", "sendPhoto", "editMessageText", "editMessageReplyMarkup")


class _Endpoint:
    """Makes Starlette call a method as it is, without a Request object around it: there are many calls a second."""

    def __init__(self, answer: ASGIApp) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


class Server:
    """Answers calls; may stop and listen again on its port.

    Args:
        token: the one token it knows.
        world: the state.
        limits: how much is taken.
        port: where it listens, 0 for any free port.
    """

    def __init__(self, token: str, world: World, limits: Limits, port: int = 0) -> None:
        self._token = token
        self._world = world
        self.calls: list[Call] = []
        self.faults = Faults()
        self.halts = Halts(limits)
        self._meter = Meter(limits)
        self._effects = Effects(world, limits)
        self._loop = asyncio.new_event_loop()
        self.delivery = Delivery(world, self._loop)
        self._methods = {**self._effects.methods, **self.delivery.methods}
        self._state = ServerState()
        self._down = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._comeback: asyncio.TimerHandle | None = None
        routes = [
            Route("/bot{token}/{method}", _Endpoint(self._answer_call)),
            Route("/file/bot{token}/{path:path}", _Endpoint(self._answer_file)),
            Route("/{path:path}", _Endpoint(self._answer_unknown)),
        ]
        app = Starlette(routes=routes)
        self._config = Config(app, http=Connection, ws="none", lifespan="off", log_config=None, timeout_keep_alive=600)
        self._config.load()
        if port:
            socket.create_server(("127.0.0.1", port)).close()  # or two of us would share it without a word
        # A bound socket that never listens keeps the port ours while the server is down.
        self._holder = bound_socket(port)
        self.port: int = self._holder.getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"bot-api-{self.port}", daemon=True)

    def start(self) -> None:
        """Start the thread and listen."""
        self._thread.start()
        self.run(self.listen())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the loop of the server and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def listen(self) -> None:
        """Take connections on the port; nothing happens where it does already."""
        if self._server is None:
            self._down.clear()
            self._server = await self._loop.create_server(
                lambda: Connection(config=self._config, server_state=self._state, app_state={}, _loop=self._loop),
                sock=bound_socket(self.port),
                backlog=1024,
            )

    async def refuse(self) -> None:
        """Close every connection, drop the calls under way and refuse new connections."""
        if self._comeback is not None:
            self._comeback.cancel()
        if self._server is not None:
            self._down.set()
            self._server.close()
            self._server = None
        while self._state.connections or self._state.tasks:
            for connection in list(self._state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)

    async def out_for(self, seconds: float) -> None:
        """Refuse, and listen again by itself after some seconds."""
        await self.refuse()
        self._comeback = self._loop.call_later(seconds, lambda: self._keep(asyncio.ensure_future(self.listen())))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def close(self) -> None:
        """Stop for good; the thread has ended when this returns."""
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._holder.close()

    async def _close(self) -> None:
        await self.delivery.close()
        await self.refuse()
        await self._loop.shutdown_asyncgens()

    async def _answer_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await (await self._respond(scope, receive))(scope, receive, send)
        except Dropped:
            scope["state"]["transport"].abort()
            while (await receive())["type"] != "http.disconnect":
                pass

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        body = await read_body(receive)
        name = scope["path_params"]["method"]
        call = Call(_METHODS.get(name.lower(), name), {}, time.monotonic())
        try:
            self._admit(call, scope, body)
            result = await self._perform(call, receive)
        except Refused as refusal:
            return self._finish(call, refusal.status, refusal.description, parameters=refusal.parameters)
        except Invalid as fault:
            self._violated(call, str(fault))
            return self._finish(call, 400, f"Bad Request: {fault}")
        except (Dropped, ConnectionResetError):
            self._finish(call, 0, None)
            raise Dropped from None
        except Exception as fault:
            self._violated(call, f"the test server itself failed: {fault!r}")
            raise
        return self._finish(call, 200, None, result=result)

    def _admit(self, call: Call, scope: Scope, body: bytes) -> None:
        """Note the call and check it."""
        with self._world.changed:
            self.calls.append(call)
            self._world.changed.notify_all()
        if scope["path_params"]["token"] != self._token:
            raise Refused(401, "Unauthorized")
        if call.method not in METHODS:
            self._violated(call, "unknown method")
            raise Refused(404, "Not Found")
        try:
            given, uploads = read_params(dict(scope["headers"]), scope["query_string"], body)
        except (ValueError, KeyError):
            raise Invalid("can't parse the request") from None
        call.params = given
        call.params = check(call.method, given, uploads)
        call.chat = call.params.get("chat_id")

    async def _perform(self, call: Call, receive: Receive) -> Any:
        with self._world.changed:
            self.halts.watch(call)
            fault = self.faults.meet(call)
        if fault:
            call.fault = fault.name
            await self._delay(fault.delay)
            if not fault.after:
                self._strike(call, fault)
        result = await self._effect(call, receive)
        if fault and fault.after:
            self._strike(call, fault)
        return result

    async def _delay(self, seconds: float) -> None:
        if seconds > 0:
            try:
                await asyncio.wait_for(self._down.wait(), seconds)
            except TimeoutError:
                return
            raise Dropped

    def _strike(self, call: Call, fault: Fault) -> None:
        if fault.status is None:
            raise Dropped
        if fault.status == 429:
            raise self._too_many(call, fault.retry_after)
        if fault.status != 200:
            raise Refused(fault.status, {502: "Bad Gateway"}.get(fault.status, "Internal Server Error"))

    def _too_many(self, call: Call, seconds: int) -> Refused:
        if call.method != "getUpdates":
            self.halts.begin(call, seconds)
        return Refused(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})

    async def _effect(self, call: Call, receive: Receive) -> Any:
        if call.method == "getUpdates":
            return await self.delivery.get_updates(call, receive)
        with self._world.changed:
            if call.method in _METERED and isinstance(call.chat, int):
                seconds = self._meter.wait_for(call.chat, call.started)
                if seconds:
                    raise self._too_many(call, seconds)
            return self._methods[call.method](call)

    def _violated(self, call: Call, complaint: str) -> None:
        with self._world.changed:
            self._world.violations.append(f"{call.method}: {complaint}")

    def _finish(
        self, call: Call, status: int, description: str | None, *, result: Any = None, parameters: Any = None
    ) -> Response:
        """Note the end of the call and make its answer."""
        with self._world.changed:
            call.status, call.description, call.ended = status, description, time.monotonic()
            self._world.changed.notify_all()
        if status == 200:
            return JSONResponse({"ok": True, "result": result})
        content = {"ok": False, "error_code": status, "description": description}
        return JSONResponse(content | ({"parameters": parameters} if parameters else {}), status or 500)

    async def _answer_file(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = scope["path_params"]
        found = (content for path, content in self._world.files.values() if path == given["path"])
        content = next(found, None) if given["token"] == self._token else None
        response = Response("Not Found", 404) if content is None else Response(content)
        await response(scope, receive, send)

    async def _answer_unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._violated(Call(scope["path"], {}, time.monotonic()), "unknown address")
        content = {"ok": False, "error_code": 404, "description": "Not Found"}
        await JSONResponse(content, 404)(scope, receive, send)
