"""`zhifa chat`: the conversation in the terminal, over the same inbox, handlers and outbox."""

import asyncio
import secrets
import sys
import uuid
from pathlib import Path

from actions import events
from actions.message import Button, Incoming, Reply
from bot.app import App
from bot.channels.console.render import pressable, terminal
from bot.dispatch import Dispatcher, Port

CHANNEL = "console"


class ConsoleChat:
    """One chat on standard input and output; a number presses a button.

    Args:
        app: the built program.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._address = _own_address(app.settings.data_dir)
        self._dispatcher = Dispatcher(app, Port(CHANNEL), paced=False)
        self._buttons: list[Button] = []
        self._message: str | None = None
        self._seen = (0, 0)

    async def run(self) -> None:
        """Read lines until the end of input or `/quit`."""
        await self._dispatcher.take_up()
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
        incoming = Incoming(CHANNEL, self._address, "text", text)
        if text.isdecimal() and 1 <= int(text) <= len(self._buttons):
            pressed = self._buttons[int(text) - 1]
            incoming = Incoming(CHANNEL, self._address, "press", pressed.data, self._message)
        await self._dispatcher.receive(incoming, uuid.uuid4().hex)
        await self._dispatcher.idle()
        await asyncio.to_thread(self._show)

    def _last(self) -> tuple[int, int]:
        with self._app.database.read() as tx:
            lines = events.list_lines(tx, CHANNEL, self._address, (0, 0), 1)
        return (
            max((line.row for line in lines if line.me), default=0),
            max((line.row for line in lines if not line.me), default=0),
        )

    def _show(self) -> None:
        with self._app.database.read() as tx:
            lines = events.list_lines(tx, CHANNEL, self._address, self._seen)
        for line in lines:
            if line.me:
                self._seen = (line.row, self._seen[1])
                continue
            self._seen = (self._seen[0], line.row)
            reply = Reply.from_json(line.body)
            self._buttons = pressable(reply)
            self._message = str(line.target or line.row)
            sys.stdout.write(terminal(reply) + "\n\n")


def _own_address(data_dir: Path) -> str:
    """Who sits at this terminal: a random name kept in the data folder, since a database may have several."""
    path = data_dir / "console.id"
    if not path.is_file():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(8), encoding="ascii")
    return path.read_text(encoding="ascii").strip()
