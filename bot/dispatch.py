"""From a kept event to its replies: handler thinks, then one transaction does everything.

An event is a row before anything looks at it. Its effects, its replies and its being done are one
commit, so a crash at any moment leaves it either untouched or finished. Events of one chat are handled
in order, different chats at the same time.
"""

import asyncio
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actions import conversation, events
from actions.message import Incoming, say
from bot.app import App
from bot.logs import logger
from handlers.context import Context
from handlers.router import think
from zhifa_errors import StoreError

_log = logger("dispatch")
_SORRY = "这条消息处理时出了问题，已经记下，请换个说法再试。"
_BETWEEN_TRIES = 0.2
_SLOW_DOWN = "您发得太快了，请稍等一会儿再发；刚才的消息没有处理。"


@dataclass
class Pace:
    """A bucket of typed messages for one chat: 20 a minute, 10 at once (see docs/settings.md)."""

    tokens: float = 10.0
    at: float = field(default_factory=time.monotonic)
    told: float = -60.0

    def take(self, now: float) -> bool:
        """Whether one more message may come now."""
        self.tokens = min(10.0, self.tokens + (now - self.at) * 20 / 60)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def may_tell(self, now: float) -> bool:
        """Whether the person may be asked to slow down (once a minute)."""
        if now - self.told < 60:
            return False
        self.told = now
        return True


class Dispatcher:
    """Handles events of the channels it is given.

    Args:
        app: the built program.
        channels: whose waiting events are taken up at the start.
        replied: called with `channel:address` after replies were committed; only a nudge.
        paced: whether typed messages are limited in number.
    """

    def __init__(
        self,
        app: App,
        channels: Sequence[str],
        replied: Callable[[str], None] = lambda _: None,
        *,
        paced: bool = True,
    ) -> None:
        self._app = app
        self._channels = channels
        self._replied = replied
        self._paced = paced
        self._last: dict[str, asyncio.Task[None]] = {}
        self._paces: dict[str, Pace] = defaultdict(Pace)
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self, incoming: Incoming, event_id: str) -> bool:
        """Keep an event and see to it that it is handled; returns once it is kept.

        Returns:
            False where it was kept before, or where the person sends too fast.
        """
        chat = f"{incoming.channel}:{incoming.address}"
        if self._paced and incoming.kind == "text" and not self._may(chat):
            await asyncio.to_thread(self._slow_down, incoming, event_id, chat)
            return False
        row = await asyncio.to_thread(self._keep, incoming, event_id)
        if row is None:
            return False
        self._start(row, chat)
        return True

    async def resume(self) -> int:
        """Take up events that were kept but not finished; returns how many."""

        def waiting() -> list[tuple[int, str]]:
            with self._app.database.read() as tx:
                return events.list_waiting(tx, self._channels)

        rows = await asyncio.to_thread(waiting)
        for row, chat in rows:
            self._start(row, chat)
        return len(rows)

    async def idle(self) -> None:
        """Wait until nothing is being handled."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _may(self, chat: str) -> bool:
        if len(self._paces) > 10_000:
            self._paces.clear()
        return self._paces[chat].take(time.monotonic())

    def _slow_down(self, incoming: Incoming, event_id: str, chat: str) -> None:
        if not self._paces[chat].may_tell(time.monotonic()):
            return
        now = self._app.clock()
        with self._app.database.write() as tx:
            row = events.do_receive(tx, incoming, event_id, now)
            if row is not None and events.do_finish(tx, row, now):
                events.do_reply(tx, row, incoming, (say(_SLOW_DOWN),), now)
        self._replied(chat)

    def _keep(self, incoming: Incoming, event_id: str) -> int | None:
        with self._app.database.write() as tx:
            return events.do_receive(tx, incoming, event_id, self._app.clock())

    def _start(self, row: int, chat: str) -> None:
        task = asyncio.create_task(self._handle(row, chat, self._last.get(chat)))
        self._last[chat] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(chat, done))

    def _ended(self, chat: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._last.get(chat) is task:
            del self._last[chat]

    async def _handle(self, row: int, chat: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        while await asyncio.to_thread(self._try, row):  # noqa: ASYNC110  (a pause between tries, not polling)
            await asyncio.sleep(_BETWEEN_TRIES)
        self._replied(chat)

    def _try(self, row: int) -> bool:
        """One attempt; True where it must be tried again."""
        try:
            self._step(row)
        except Exception as error:  # the event is kept; whatever went wrong must not reach the person as a traceback
            _log.exception("event_failed", row=row)
            try:
                return not self._failed(row, error)
            except StoreError:
                _log.exception("event_failure_not_recorded", row=row)
                return False
        return False

    def _step(self, row: int) -> None:
        app, now = self._app, self._app.clock()
        with app.database.read() as tx:
            incoming = events.find_event(tx, row)
            if incoming is None:
                return
            state = conversation.find_state(tx, incoming.channel, incoming.address)
        act = think(incoming, Context(app.shelf.library, now, state, app.place))
        with app.database.write() as tx:
            if not events.do_finish(tx, row, now):
                return
            outcome = act(tx)
            if outcome.state != state:
                conversation.do_keep_state(tx, incoming.channel, incoming.address, outcome.state, now)
            events.do_reply(tx, row, incoming, outcome.replies, now)

    def _failed(self, row: int, error: Exception) -> bool:
        now = self._app.clock()
        with self._app.database.write() as tx:
            incoming = events.find_event(tx, row)
            if incoming is None:
                return True
            given_up = events.do_fail(tx, row, _where(error))
            if given_up:
                events.do_reply(tx, row, incoming, (say(_SORRY),), now)
            return given_up


def _where(error: Exception) -> str:
    """The kind of an error and the line it came from; never its text, which may hold what was typed."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{type(error).__name__}" + (f" at {Path(last[0].filename).name}:{last[0].lineno}" if last else "")
