"""People in chats of the played Bot API, who each type, wait for the reply, and type again."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.botapi import BotApi, Call

_FIRST = 10_001
_PATIENCE = 60.0


@dataclass(frozen=True)
class Run:
    """What was measured of one run.

    Attributes:
        latency: seconds from each update being there to its reply being received, sorted.
        typed: when each update was there, `time.monotonic` seconds; `received` when each reply was.
        cpu: processor seconds used meanwhile, by process.
    """

    latency: list[float]
    typed: list[float]
    received: list[float]
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """From the first update to the last reply."""
        return max(self.received) - min(self.typed)

    @property
    def per_second(self) -> float:
        """Updates a second."""
        return len(self.latency) / self.seconds

    def share(self, process: str) -> float:
        """How much of one core a process used."""
        return self.cpu.get(process, 0) / self.seconds

    def milliseconds(self, share: float) -> float:
        """The latency that this share of the updates does not exceed."""
        return 1000 * self.latency[max(0, -int(-share * len(self.latency) // 1) - 1)]


class Crowd:
    """People who each type, wait for the reply and type again.

    Args:
        api: where they are.
        chats: how many.
        texts: what they type, for ever.
    """

    def __init__(self, api: BotApi, chats: int, texts: Iterator[str]) -> None:
        self._api = api
        self._people = [api.person(_FIRST + n, f"执法员{n + 1}") for n in range(chats)]
        self._texts = texts
        self._asked: dict[int, float] = {}
        self._seen = len(api.calls)
        self._running: list[Call] = []

    def type(self, count: int) -> Run:
        """Let them type so many updates between them.

        Raises:
            RuntimeError: a reply was refused, or was none to the question.
        """
        texts = itertools.islice(self._texts, count)
        typed, received, latency = [], [], []
        for person, text in zip(self._people, itertools.islice(texts, len(self._people)), strict=False):
            typed.append(self._ask(person.id, text))
        while self._asked:
            for call in self._api.wait_until(self._sent, _PATIENCE):
                number = call.chat
                if not call.ok or not isinstance(number, int) or number not in self._asked:
                    raise RuntimeError(f"nobody waited for {call.params.get('text')!r} to {number}: {call.outcome}")
                received.append(call.started)
                latency.append(call.started - self._asked.pop(number))
                typed.extend(self._ask(number, text) for text in itertools.islice(texts, 1))
        return Run(sorted(latency), typed, received)

    def _ask(self, number: int, text: str) -> float:
        self._asked[number] = time.monotonic()
        self._people[number - _FIRST].types(text)
        return self._asked[number]

    def _sent(self) -> list[Call]:
        """Messages whose call has ended since the last look."""
        calls = self._api.calls
        self._running += [call for call in calls[self._seen :] if call.method != "getUpdates"]
        self._seen = len(calls)
        ended = [call for call in self._running if call.status is not None]
        self._running = [call for call in self._running if call.status is None]
        return [call for call in ended if call.method == "sendMessage"]
