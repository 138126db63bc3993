"""From a kept event to its replies: handler thinks, then one transaction does everything.

An event is a row before anything looks at it. Its effects, its replies and its being done are one
commit, so a crash at any moment leaves it either untouched or finished. Events of one chat are handled
in order, different chats at the same time.
"""

import asyncio
import contextlib
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from actions import conversation, events
from actions.message import Incoming, Reply, say
from actions.people import do_touch, find_person
from bot.app import App
from bot.logs import logger
from bot.pace import Typing
from handlers.context import Context, Outcome
from handlers.router import think
from zhifa_errors import Forbidden, Overtaken, StoreError, UsageError

_log = logger("dispatch")
_SORRY = "这条消息处理时出了问题，已经记下，请换个说法再试。"
_SLOW_DOWN = "您发得太快了，请稍等一会儿再发；刚才的消息没有处理。"
_BETWEEN_TRIES = 0.2
_STORE_TRIES = 5
_OVERTAKEN_TRIES = 20
_SLOW = 1.0
_AT_ONCE = 500
_HANDLERS = 4
"""Events handled at once: the other threads are for what must not wait behind them."""
_TWICE = timedelta(seconds=10)
"""The same button of the same message, pressed again so soon with nothing between, was pressed once."""


@dataclass(frozen=True)
class Port:
    """What the dispatcher must know of a channel.

    Attributes:
        read: understands a kept event; None where it asks for nothing.
        replied: called with `channel:address` after replies were committed; only a nudge.
        settled: ends what the channel shows as pending (a pressed button, an inline question), however
            the handling went; gets the replies to an inline question, which are no rows.
        slow: called with the address where handling takes longer than a second.
        keeps_first: events are kept before anyone looks, so that the pace is judged when they are handled.
    """

    channel: str
    read: Callable[[events.Event], Incoming | None] = events.read_kept
    replied: Callable[[str], None] = lambda _: None
    settled: Callable[[Incoming, tuple[Reply, ...]], Awaitable[None]] | None = None
    slow: Callable[[str], Awaitable[None]] | None = None
    keeps_first: bool = False


class Dispatcher:
    """Handles the events of a channel.

    Args:
        app: the built program.
        port: the channel.
        paced: whether typed messages are limited in number.
    """

    def __init__(self, app: App, port: Port, *, paced: bool = True) -> None:
        self._app = app
        self._port = port
        self._typing = Typing() if paced else None
        self._last: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._rows: set[int] = set()
        self._slots = asyncio.Semaphore(_HANDLERS)

    @property
    def busy(self) -> int:
        """How many events are being handled or wait for their turn."""
        return len(self._rows)

    async def receive(self, incoming: Incoming, event_id: str) -> bool:
        """Keep an event and see to it that it is handled; returns once it is kept.

        Returns:
            False where it was kept before, or where the person sends too fast.
        """
        chat = f"{incoming.channel}:{incoming.address}"
        if self._typing and incoming.kind == "text" and not self._typing.may(chat, time.monotonic()):
            await asyncio.to_thread(self._slow_down, incoming, event_id, chat)
            return False
        row = await asyncio.to_thread(self._keep, incoming, event_id)
        if row is None:
            return False
        self.handle(row, chat)
        return True

    async def take_up(self, *, older: timedelta | None = None) -> int:
        """Take up events that were kept but not finished; returns how many.

        Args:
            older: only those that came so long ago (another process may be at the younger).
        """

        def waiting() -> list[tuple[int, str]]:
            before = self._app.clock() - older if older else None
            with self._app.database.read() as tx:
                return events.list_waiting(tx, self._port.channel, self.busy + _AT_ONCE, before)

        fresh = [(row, chat) for row, chat in await asyncio.to_thread(waiting) if row not in self._rows]
        for row, chat in fresh:
            self.handle(row, chat)
        return len(fresh)

    def handle(self, row: int, chat: str) -> None:
        """See to it that a kept event is handled after the earlier ones of its chat."""
        if row in self._rows:
            return
        self._rows.add(row)
        task = self._spawn(self._handle(row, chat, self._last.get(chat)))
        self._last[chat] = task
        task.add_done_callback(lambda done: self._ended(row, chat, done))

    async def idle(self) -> None:
        """Wait until nothing is being handled."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _ended(self, row: int, chat: str, task: asyncio.Task[None]) -> None:
        self._rows.discard(row)
        if self._last.get(chat) is task:
            del self._last[chat]

    def _slow_down(self, incoming: Incoming, event_id: str, chat: str) -> None:
        if self._typing is None or not self._typing.may_tell(chat, time.monotonic()):
            return
        now = self._app.clock()
        with self._app.database.write() as tx:
            row = events.do_receive(tx, incoming, event_id, now)
            event = events.find_event(tx, row) if row is not None else None
            if event and events.do_finish(tx, event, now):
                events.do_reply(tx, event.id, incoming, (say(_SLOW_DOWN),), now)
        self._port.replied(chat)

    def _keep(self, incoming: Incoming, event_id: str) -> int | None:
        with self._app.database.write() as tx:
            return events.do_receive(tx, incoming, event_id, self._app.clock())

    async def _handle(self, row: int, chat: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        async with self._watched(chat):
            await self._until_settled(row)
        self._port.replied(chat)

    @contextlib.asynccontextmanager
    async def _watched(self, chat: str) -> Any:
        """Tell the channel where something takes long."""
        slow = self._port.slow
        if slow is None:
            yield
            return

        async def tell() -> None:
            await asyncio.sleep(_SLOW)
            await slow(chat.partition(":")[2])

        watch = asyncio.create_task(tell())
        try:
            yield
        finally:
            watch.cancel()

    async def _until_settled(self, row: int) -> None:
        """Try until the event is done or given up; where the database is gone it stays for later."""
        gone = overtaken = 0
        incoming: list[Incoming] = []
        replies: tuple[Reply, ...] = ()
        while True:
            try:
                async with self._slots:
                    replies = await asyncio.to_thread(self._step, row, incoming)
                break
            except Overtaken:
                overtaken += 1
                if overtaken > _OVERTAKEN_TRIES:
                    _log.exception("event_left_for_later", row=row)
                    break
            except StoreError:
                gone += 1
                if gone > _STORE_TRIES:
                    _log.exception("event_left_for_later", row=row)
                    break
                await asyncio.sleep(_BETWEEN_TRIES * 2**gone)
            except Exception as error:  # the event is kept; what went wrong must not reach the person as a traceback
                _log.exception("event_failed", row=row)
                if await asyncio.to_thread(self._failed, row, error):
                    break
                await asyncio.sleep(_BETWEEN_TRIES)
        if self._port.settled and incoming:
            self._spawn(self._settle(self._port.settled(incoming[0], replies)))

    @staticmethod
    async def _settle(ending: Awaitable[None]) -> None:
        try:
            await ending
        except StoreError as error:
            _log.warning("not_ended", error=error.message)
        except Exception:  # nothing that lasts hangs on it
            _log.exception("not_ended")

    def _step(self, row: int, seen: list[Incoming]) -> tuple[Reply, ...]:
        """One attempt, whole; returns the replies that are no rows.

        Args:
            seen: receives what the event was understood as.
        """
        app, now = self._app, self._app.clock()
        with app.database.read() as tx:
            event = events.find_event(tx, row)
            incoming = self._port.read(event) if event else None
            if incoming is not None:
                state = conversation.find_state(tx, incoming.channel, incoming.conversation)
                person = find_person(tx, incoming.channel, incoming.sender)
        if event is None:
            return ()
        if incoming is None:
            with app.database.write() as tx:
                events.do_finish(tx, event, now)
            return ()
        if not seen:
            seen.append(incoming)
            if self._too_fast(incoming):
                tell = self._typing is not None and self._typing.may_tell(incoming.conversation, time.monotonic())
                self._finish(event, incoming, _SLOW_DOWN if tell else None)
                return ()
        if state.pressed and state.pressed == _button(incoming) and state.at and abs(now - state.at) < _TWICE:
            self._finish(event, incoming, None)
            return ()
        context = Context(app.shelf.library, now, state, app.place, person, app.settings.open_qa)
        try:
            act = think(incoming, context)
            with app.database.write() as tx:
                if not events.do_finish(tx, event, now):
                    return ()
                outcome: Outcome = act(tx)
                after = replace(outcome.state, pressed=_button(incoming))
                if person is not None:
                    do_touch(tx, incoming.channel, incoming.sender, now)
                if after.pressed or after != state:
                    conversation.do_keep_state(tx, incoming.channel, incoming.conversation, after, now)
                if incoming.kind == "inline":
                    return outcome.replies
                events.do_reply(tx, row, incoming, outcome.replies, now)
        except (Forbidden, UsageError) as refusal:  # nothing was changed, and the person is told why
            self._finish(event, incoming, refusal.message)
        return ()

    def _too_fast(self, incoming: Incoming) -> bool:
        if self._typing is None or not self._port.keeps_first or incoming.kind != "text":
            return False
        return not self._typing.may(incoming.conversation, time.monotonic())

    def _finish(self, event: events.Event, incoming: Incoming, words: str | None) -> None:
        """Mark an event done that has no effect but perhaps a line to the person."""
        now = self._app.clock()
        with self._app.database.write() as tx:
            if events.do_finish(tx, event, now) and words and incoming.kind in {"text", "press"}:
                events.do_reply(tx, event.id, incoming, (say(words),), now)

    def _failed(self, row: int, error: Exception) -> bool:
        """Count a failure; True where nothing more is to be tried."""
        for apology in (_SORRY, None):
            try:
                return self._count_failure(row, error, apology)
            except StoreError:
                _log.exception("event_failure_not_recorded", row=row)
                return True
            except Exception:  # even the apology fails; then without one
                _log.exception("apology_failed", row=row)
        return True

    def _count_failure(self, row: int, error: Exception, apology: str | None) -> bool:
        now = self._app.clock()
        with self._app.database.write() as tx:
            event = events.find_event(tx, row)
            if event is None:
                return True
            given_up = events.do_fail(tx, row, _where(error))
            incoming = _understood(self._port, event) if given_up and apology else None
            if incoming is not None and apology and incoming.kind in {"text", "press"}:
                events.do_reply(tx, row, incoming, (say(apology),), now)
            return given_up


def _button(incoming: Incoming) -> str | None:
    """Which button of which message was pressed."""
    return f"{incoming.message} {incoming.text}" if incoming.kind == "press" and incoming.message else None


def _understood(port: Port, event: events.Event) -> Incoming | None:
    """What the event was, as far as it can be understood."""
    try:
        return port.read(event)
    except Exception:  # it is being parked for just that, and was logged
        return None


def _where(error: Exception) -> str:
    """The kind of an error and the line it came from; never its text, which may hold what was typed."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{type(error).__name__}" + (f" at {Path(last[0].filename).name}:{last[0].lineno}" if last else "")
