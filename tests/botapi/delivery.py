"""How updates reach the bot: long polls, or a webhook that is called until it answers 2xx."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.botapi.calls import Call
from tests.botapi.effects import Refused
from tests.botapi.state import Raw, World

_ANOTHER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
_ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
_SET = "Conflict: terminated by setWebhook request"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

Gone = Callable[[], Awaitable[Any]]


class Delivery:
    """Both ways; everything here runs in the loop of the server.

    Args:
        world: whose updates are delivered.
        loop: the loop of the server.

    Attributes:
        attempts: of the webhook, in order: number of the update, HTTP status (0: no answer), monotonic time.
    """

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self._world = world
        self._loop = loop
        self._poll: asyncio.Future[None] | None = None
        self.webhook: Webhook | None = None
        self._webhooks: list[Webhook] = []
        self.attempts: list[tuple[int, int, float]] = []
        self.methods: dict[str, Callable[[Call], Any]] = {
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": lambda _: self._info(),
        }
        world.updates.listener = lambda number: loop.call_soon_threadsafe(self._arrived, number)

    def _arrived(self, number: int) -> None:
        if self.webhook:
            self.webhook.collect([number])
        elif self._poll and not self._poll.done():
            self._poll.set_result(None)

    def end_poll(self, description: str) -> None:
        """Answer an open long poll 409."""
        if self._poll and not self._poll.done():
            self._poll.set_exception(Refused(409, description))

    async def get_updates(self, call: Call, gone: Gone) -> list[Any]:
        """Long-poll as `getUpdates` does.

        Args:
            call: the checked call.
            gone: waits until the caller has hung up.

        Raises:
            Refused: 409 while a webhook is set, or when another poll begins.
        """
        if self.webhook:
            raise Refused(409, _ACTIVE)
        self.end_poll(_ANOTHER)
        updates, params = self._world.updates, call.params
        with self._world.changed:
            if "allowed_updates" in params:
                updates.allowed = frozenset(params["allowed_updates"])
            if params.get("offset"):
                updates.confirm(params["offset"])
                self._world.changed.notify_all()
            batch = updates.take(params.get("limit", 100))
        if not batch and params.get("timeout"):
            await self._wait(params["timeout"], gone)
            with self._world.changed:
                batch = updates.take(params.get("limit", 100))
        return batch

    async def _wait(self, seconds: float, gone: Gone) -> None:
        """Until an update arrives, the time is over, or nobody waits any more."""
        poll = self._poll = self._loop.create_future()
        hung_up = asyncio.ensure_future(gone())
        try:
            await asyncio.wait({poll, hung_up}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if poll.done():
                poll.result()
            elif hung_up.done():
                raise ConnectionResetError
        finally:
            hung_up.cancel()
            poll.cancel()
            if self._poll is poll:
                self._poll = None

    def _set_webhook(self, call: Call) -> bool:
        params = call.params
        if not params["url"]:
            return self._delete_webhook(call)
        self.end_poll(_SET)
        with self._world.changed:
            if "allowed_updates" in params:
                self._world.updates.allowed = frozenset(params["allowed_updates"])
        self._delete_webhook(call)
        self.webhook = Webhook(self._world, params, self.attempts)
        self._webhooks.append(self.webhook)
        self.webhook.collect(list(self._world.updates.waiting))
        return True

    def _delete_webhook(self, call: Call) -> bool:
        if self.webhook:
            self.webhook.stop()
            self.webhook = None
        if call.params.get("drop_pending_updates"):
            self._world.updates.clear()
        return True

    def _info(self) -> Raw:
        allowed = sorted(self._world.updates.allowed)
        return {
            "url": "",
            "has_custom_certificate": False,
            "pending_update_count": self._world.updates.pending,
            **({"allowed_updates": allowed} if allowed else {}),
            **(self.webhook.info if self.webhook else {}),
        }

    async def close(self) -> None:
        """Stop delivering."""
        self._world.updates.listener = None
        if self.webhook:
            self.webhook.stop()
        for webhook in self._webhooks:
            await webhook.ended()


class Webhook:
    """One registered webhook.

    Args:
        params: of setWebhook.
        attempts: where each attempt is noted, see Delivery.
    """

    def __init__(self, world: World, params: Raw, attempts: list[tuple[int, int, float]]) -> None:
        self._world = world
        self._url = params["url"]
        self._attempts = attempts
        most = params.get("max_connections", 40)
        self._slots = asyncio.Semaphore(most)
        self._headers = {"Content-Type": "application/json"}
        if "secret_token" in params:
            self._headers["X-Telegram-Bot-Api-Secret-Token"] = params["secret_token"]
        self.info: Raw = {"url": self._url, "max_connections": most, "ip_address": "127.0.0.1"}
        self._client = httpx.AsyncClient(limits=httpx.Limits(max_connections=most), timeout=30, trust_env=False)
        self._lines: dict[Any, deque[tuple[int, Any]]] = {}
        self._seen: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def collect(self, numbers: list[int]) -> None:
        """Take updates on, each behind the earlier ones of its chat; those to be repeated first."""
        with self._world.changed:
            updates = self._world.updates
            while updates.again:
                self._line_up(*updates.again.popleft())
            for number in numbers:
                if number in updates.waiting and number not in self._seen:
                    self._seen.add(number)
                    self._line_up(number, updates.waiting[number])

    def _line_up(self, number: int, update: Any) -> None:
        key = chat_of(update)
        if key in self._lines:
            self._lines[key].append((number, update))
        else:
            self._lines[key] = deque([(number, update)])
            self._spawn(self._work(key))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, key: Any) -> None:
        """Deliver one chat's updates, one after the other."""
        line = self._lines[key]
        while line:
            number, update = line[0]
            pause = _FIRST_PAUSE
            while not await self._deliver(number, update):
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            line.popleft()
            with self._world.changed:
                self._world.updates.waiting.pop(number, None)
                self._seen.discard(number)
                self._world.changed.notify_all()
        del self._lines[key]

    async def _deliver(self, number: int, update: Any) -> bool:
        async with self._slots:
            try:
                answer = await self._client.post(self._url, content=json.dumps(update), headers=self._headers)
            except httpx.HTTPError as fault:
                return self._note(number, 0, f"Connection failed: {type(fault).__name__}")
        if answer.is_success:
            return self._note(number, answer.status_code)
        return self._note(number, answer.status_code, f"Wrong response from the webhook: {answer.status_code}")

    def _note(self, number: int, status: int, error: str | None = None) -> bool:
        with self._world.changed:
            self._attempts.append((number, status, time.monotonic()))
            if error:
                self.info |= {"last_error_date": int(time.time()), "last_error_message": error}
            self._world.changed.notify_all()
        return error is None

    def stop(self) -> None:
        """Give up all deliveries under way; what was not taken waits on."""
        for task in self._tasks:
            task.cancel()
        self._spawn(self._client.aclose())

    async def ended(self) -> None:
        """Wait until nothing of it runs."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def chat_of(update: Any) -> Any:
    """What the order of updates is kept for: the chat, or the person where there is none."""
    content = next((item for item in update.values() if isinstance(item, dict)), {}) if isinstance(update, dict) else {}
    message = content.get("message")
    inner = message if isinstance(message, dict) else content
    place = inner.get("chat") or content.get("from")
    key = place.get("id") if isinstance(place, dict) else None
    return key if isinstance(key, int | str) else None
