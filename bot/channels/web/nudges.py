"""A nudge by server-sent events: «there is something new», and no more."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

_BEAT = 15.0


class Nudges:
    """Tells open pages that there is something new to fetch. Carries no content."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closing = asyncio.Event()

    def nudge(self, chat: str) -> None:
        """Wake the pages of one chat (called on the event loop or from a worker thread)."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake, chat)

    def _wake(self, chat: str) -> None:
        for event in self._waiting.get(chat, ()):
            event.set()

    def close(self) -> None:
        """Let every open stream end."""
        self.closing.set()
        for chat in list(self._waiting):
            self._wake(chat)

    async def stream(self, chat: str) -> AsyncIterator[str]:
        """Server-sent events for one page."""
        self._loop = asyncio.get_running_loop()
        event = asyncio.Event()
        self._waiting[chat].add(event)
        try:
            yield "retry: 1000\nevent: nudge\ndata: \n\n"
            while not self.closing.is_set():
                try:
                    async with asyncio.timeout(_BEAT):
                        await event.wait()
                    event.clear()
                    if not self.closing.is_set():
                        yield "event: nudge\ndata: \n\n"
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._waiting[chat].discard(event)
            if not self._waiting[chat]:
                del self._waiting[chat]
