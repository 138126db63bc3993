"""The sending loop of a channel that must be called: several calls at once, one for each chat.

What is sent next is decided in the store (`actions.delivery`); here is only when. One task begins the
calls, so that the pace has one place; a call and the settling of its row run beside it.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from actions import delivery
from actions.delivery import Call, Doubtful, End, NotTaken, Refused, Sent, Unreachable
from bot.app import App
from bot.leader import Leader
from bot.logs import logger
from bot.pace import Limits, Sending
from zhifa_errors import LeaseLost, StoreError

SENDERS = 8
"""Calls at once. A kill leaves at most so many messages to be repeated."""

_LOOK = 0.5
_LONGEST_TROUBLE = 30.0
_log = logger("sending")


class Sender(Protocol):
    """How a channel carries out a call."""

    async def deliver(self, call: Call) -> End:
        """Make the call; what became of it."""

    def is_group(self, address: str) -> bool:
        """Whether others read along."""


@dataclass
class _Trouble:
    """How often in a row the channel failed; while it does, one call at a time."""

    count: int = 0

    def pause(self) -> float:
        self.count += 1
        return min(0.25 * 2.0**self.count, _LONGEST_TROUBLE)


class Pump:
    """Sends what waits in the outbox, while this process leads.

    Args:
        app: the built program.
        channel: whose rows.
        sender: carries out the calls.
        limits: what the channel bears.
    """

    def __init__(self, app: App, channel: str, sender: Sender, limits: Limits) -> None:
        self._app = app
        self._channel = channel
        self._sender = sender
        self._pace = Sending(limits, time.monotonic())
        self._trouble = _Trouble()
        self._nudged = asyncio.Event()
        self._stopping = False
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._calls: dict[asyncio.Task[None], int] = {}
        self._unsure = False
        self._notes: set[asyncio.Task[None]] = set()

    def nudge(self, _chat: str = "") -> None:
        """Something may be there to send."""
        self._nudged.set()

    async def stop(self) -> None:
        """Begin no more calls; returns when those begun have ended."""
        self._stopping = True
        self._nudged.set()
        await self._at_rest.wait()
        while self._calls:
            await asyncio.wait(self._calls)

    async def run(self, leader: Leader, epoch: int) -> None:
        """Send, until cancelled; calls that have not ended then are unknown to the next leader.

        Raises:
            LeaseLost: another process delivers now.
        """
        self._at_rest.clear()
        try:
            await self._resume(epoch)
            while not self._stopping:
                await self._turn(leader, epoch)
            self._at_rest.set()
            await asyncio.Event().wait()
        finally:
            self._at_rest.set()
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    async def _resume(self, epoch: int) -> None:
        def recover() -> tuple[int, timedelta | None]:
            now = self._app.clock()
            with self._app.database.write() as tx:
                until = delivery.find_halt(tx, self._channel)
                return delivery.do_recover(tx, self._channel, epoch, now), until - now if until else None

        left, halt = await asyncio.to_thread(recover)
        if left:
            _log.warning("calls_abandoned", channel=self._channel, rows=left)
        if halt and halt > timedelta(0):
            self._pace.halt(time.monotonic() + min(halt, delivery.LONGEST_PAUSE).total_seconds())

    async def _turn(self, leader: Leader, epoch: int) -> None:
        """Begin one call, or wait for what it waits for."""
        if len(self._calls) >= (1 if self._trouble.count else SENDERS):
            await asyncio.wait(self._calls, return_when=asyncio.FIRST_COMPLETED)
            return
        now = time.monotonic()
        ready = self._pace.ready_at(now)
        if ready > now or not leader.leads:
            await self._rest(ready - now if ready > now else _LOOK)
            return
        self._nudged.clear()
        resting = self._pace.resting(now)
        try:
            call = await asyncio.to_thread(self._begin, epoch, tuple(resting))
        except LeaseLost:
            raise
        except StoreError as error:
            _log.warning("outbox_unavailable", error=error.message)
            self._unsure = True
            await self._rest(_LOOK)
            return
        if call is None:
            await self._rest(min([_LOOK, *(until - now for until in resting.values())]), wakes=True)
            return
        self._pace.sent(call.address, group=self._sender.is_group(call.address), now=time.monotonic())
        task = asyncio.create_task(self._carry_out(call, leader, epoch))
        self._calls[task] = call.message.id
        task.add_done_callback(lambda ended: self._calls.pop(ended, None))

    async def _rest(self, seconds: float, *, wakes: bool = False) -> None:
        """Wait; where `wakes`, no longer than until somebody nudges."""
        if not wakes:
            await asyncio.sleep(min(seconds, _LOOK))  # looks up now and then, to be able to stop
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._nudged.wait()

    def _begin(self, epoch: int, resting: tuple[str, ...]) -> Call | None:
        held = tuple(self._calls.values())
        with self._app.database.write() as tx:
            now = self._app.clock()
            if self._unsure:  # something was begun perhaps, and nobody holds it
                delivery.do_release(tx, self._channel, epoch, held, now)
            call = delivery.do_begin(tx, self._channel, epoch, now, resting)
        self._unsure = False
        return call

    async def _carry_out(self, call: Call, leader: Leader, epoch: int) -> None:
        halted = self._pace.halted_until - time.monotonic()
        if halted > 0 or self._stopping or not leader.leads:  # since the row was begun
            await self._settle(call, NotTaken("not begun", None), epoch)
            return
        try:
            end = await self._sender.deliver(call)
        except Exception as error:  # a defect of ours, not the channel's; a human must look
            _log.exception("call_failed", row=call.message.id)
            end = Refused(f"defect: {type(error).__name__}")
        pause = self._judge(end)
        await self._settle(call, end, epoch)
        self._tell(call, end, pause)
        self._nudged.set()

    def halt(self, pause: timedelta, epoch: int) -> None:
        """Let nothing go for a while: a call that is no row was told so."""
        self._pace.halt(time.monotonic() + pause.total_seconds())

        def remember() -> None:
            until = self._app.clock() + min(pause, delivery.LONGEST_PAUSE)
            with contextlib.suppress(StoreError), self._app.database.write() as tx:
                delivery.do_halt(tx, self._channel, epoch, until)
            _log.warning("channel_halted", channel=self._channel, seconds=pause.total_seconds(), reason="429")

        task = asyncio.create_task(asyncio.to_thread(remember))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    @property
    def halted(self) -> bool:
        """Whether nothing may be sent now."""
        return self._pace.halted_until > time.monotonic()

    async def clear(self) -> None:
        """Wait until the channel may be called at all; for calls that are no rows and have no pace."""
        while (halted := self._pace.halted_until - time.monotonic()) > 0:  # noqa: ASYNC110  (a deadline that may move)
            await asyncio.sleep(halted)

    def _judge(self, end: End) -> float | None:
        """Learn from a call's end; returns for how many seconds the channel rests now."""
        pause: float | None = None
        match end:
            case NotTaken():
                pause = end.pause.total_seconds() if end.pause else self._trouble.pause()
            case Doubtful():
                pause = self._trouble.pause()
            case Sent() | Unreachable():
                self._trouble.count = 0
        if pause is not None:
            self._pace.halt(time.monotonic() + pause)
        return pause

    def _tell(self, call: Call, end: End, pause: float | None) -> None:
        """Log an end that is not as it should be; what is said to be known has been written down."""
        match end:
            case NotTaken(reason, _):
                _log.warning("channel_halted", channel=self._channel, seconds=pause, reason=reason)
            case Doubtful(reason):
                _log.warning("outcome_unknown", channel=self._channel, row=call.message.id, reason=reason)
            case Refused(reason):
                _log.error("message_refused", channel=self._channel, row=call.message.id, reason=reason)

    async def _settle(self, call: Call, end: End, epoch: int) -> None:
        """Write down the end, however long the database is gone."""

        def write() -> None:
            now = self._app.clock()
            with self._app.database.write() as tx:
                delivery.do_settle(tx, call.message, epoch, end, now)
                if isinstance(end, NotTaken) and end.pause:
                    delivery.do_halt(tx, self._channel, epoch, now + min(end.pause, delivery.LONGEST_PAUSE))

        pause = 0.1
        while True:
            try:
                await asyncio.to_thread(write)
            except LeaseLost:
                return  # the new leader has taken it for unknown
            except StoreError as error:
                _log.warning("not_settled", row=call.message.id, error=error.message)
            except Exception:  # the call was made; to give up its row would be to make it again, unmarked
                _log.exception("not_settled", row=call.message.id)
            else:
                return
            if self._stopping:
                return  # the next start finds it unknown
            pause = min(2 * pause, 5.0)
            await asyncio.sleep(pause)
