"""`zhifa chat`: the conversation in the terminal, over the same inbox, handlers and outbox."""

import asyncio
import sys
import uuid

from actions import events
from actions.message import Button, Incoming, Reply
from bot.app import App
from bot.channels.console.render import terminal
from bot.dispatch import Dispatcher

CHANNEL = "console"
ADDRESS = "local"


class ConsoleChat:
    """One chat on standard input and output; a number presses a button.

    Args:
        app: the built program.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._dispatcher = Dispatcher(app, (CHANNEL,), paced=False)
        self._buttons: list[Button] = []
        self._message: str | None = None
        self._seen = (0, 0)

    async def run(self) -> None:
        """Read lines until the end of input or `/quit`."""
        await self._dispatcher.resume()
        await self._dispatcher.idle()
        self._seen = await asyncio.to_thread(self._last)
        sys.stdout.write("执法助手。直接输入问题；输入按钮的序号即为点击；/help 看说明，/quit 退出。\n")
        while True:
            sys.stdout.write("> ")
            sys.stdout.flush()
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line or line.strip() in {"/quit", "/exit"}:
                sys.stdout.write("\n")
                return
            if line.strip():
                await self._say(line.strip())

    async def _say(self, text: str) -> None:
        incoming = Incoming(CHANNEL, ADDRESS, "text", text)
        if text.isdecimal() and 1 <= int(text) <= len(self._buttons):
            pressed = self._buttons[int(text) - 1]
            incoming = Incoming(CHANNEL, ADDRESS, "press", pressed.data, self._message)
        await self._dispatcher.receive(incoming, uuid.uuid4().hex)
        await self._dispatcher.idle()
        await asyncio.to_thread(self._show)

    def _last(self) -> tuple[int, int]:
        with self._app.database.read() as tx:
            lines = events.list_lines(tx, CHANNEL, ADDRESS, (0, 0), 1)
        return (
            max((line.row for line in lines if line.me), default=0),
            max((line.row for line in lines if not line.me), default=0),
        )

    def _show(self) -> None:
        with self._app.database.read() as tx:
            lines = events.list_lines(tx, CHANNEL, ADDRESS, self._seen)
        for line in lines:
            if line.me:
                self._seen = (line.row, self._seen[1])
                continue
            self._seen = (self._seen[0], line.row)
            reply = Reply.from_json(line.body)
            self._buttons = [button for row in reply.rows for button in row]
            self._message = str(line.target or line.row)
            sys.stdout.write(terminal(reply) + "\n\n")
