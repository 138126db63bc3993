"""People who write to the bot, and a Telegram that brings their updates again and again."""

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.botapi import BotApi, Person
from tests.botapi.malformed import mutated, named
from tests.conftest import ROOT

FIRST_PERSON = 10_001
_COMMANDS = ("/start", "/help", "/lists", "/steps", "/me", "/cancel")
_LABELS = ("详情", "依据", "相近", "没帮助")
_SHARES = {"question": 0.62, "command": 0.15, "press": 0.2, "malformed": 0.03}
"""How often each kind of deed is done."""

_COPIES = 2
"""Up to so many further deliveries of each update."""

_AT_ONCE = 0.3
"""How often all further deliveries of an update come at once."""

_MOST_TYPED = 8
"""Of one person: ten at once are let through (docs/settings.md)."""


@dataclass(frozen=True)
class Deed:
    """Something one person did, and the update it became.

    Attributes:
        kind: `question`, `command`, `press` or `malformed`.
        text: what was typed; each question is typed only once.
    """

    kind: str
    person: int
    update_id: int
    text: str = ""


class Crowd:
    """People and what they did.

    Args:
        api: the Telegram they use.
        people: how many they are.
        seed: of all that is random.
        polled: whether the bot fetches its updates; then only what it confirmed comes again, since Telegram
            keeps the order of the others.

    Attributes:
        deeds: all that was done so far.
        redelivered: how many updates were brought once more.
    """

    def __init__(self, api: BotApi, people: int, seed: int, *, polled: bool = True) -> None:
        self._api = api
        self._chance = random.Random(seed)
        self._people = [api.person(FIRST_PERSON + n, f"人{n}") for n in range(people)]
        self._typed: Counter[int] = Counter()
        self._questions = _questions()
        broken = [*named().values(), *mutated(seed, 200)]
        self._chance.shuffle(broken)
        self._broken = iter(broken)
        self._pressed: set[tuple[int, int, str]] = set()
        self._polled = polled
        self._again: list[int] = []
        self.deeds: list[Deed] = []
        self.redelivered = 0

    def act(self) -> None:
        """Somebody does something new."""
        acts: dict[str, Callable[[], Deed | None]] = {
            "question": self._ask,
            "command": self._command,
            "press": self._press,
            "malformed": self._break,
        }
        kind = self._chance.choices(list(_SHARES), list(_SHARES.values()))[0]
        self._note(acts[kind]() or self._ask())

    def ask(self) -> Deed:
        """Somebody types a question."""
        return self._note(self._ask())

    def repeat(self) -> bool:
        """Bring an update once more, now and then twice at once; False where none can be."""
        before = self._first_unconfirmed() if self._polled else math.inf
        ready = [number for number in self._again if number < before]
        if not ready:
            return False
        number = self._chance.choice(ready)
        for _ in range(self._again.count(number) if self._chance.random() < _AT_ONCE else 1):
            self._again.remove(number)
            self._api.redeliver(number)
            self.redelivered += 1
        return True

    def repeat_rest(self) -> None:
        """Bring all that are still to come once more, in any order, as soon as they can be."""
        while self._again:
            self._api.wait_until(self.repeat)

    def _note(self, deed: Deed) -> Deed:
        self.deeds.append(deed)
        self._again += [deed.update_id] * self._chance.randint(0, _COPIES)
        return deed

    def _first_unconfirmed(self) -> int:
        polls = self._api.calls_of("getUpdates")
        return max((int(poll.params.get("offset", 0)) for poll in polls), default=0)

    def _ask(self) -> Deed:
        text = f"{self._chance.choice(self._questions)}（问{len(self.deeds) + 1}）"
        return self._type("question", text)

    def _command(self) -> Deed:
        return self._type("command", self._chance.choice(_COMMANDS))

    def _type(self, kind: str, text: str) -> Deed:
        least = min(self._typed[person.id] for person in self._people)
        person = self._chance.choice([one for one in self._people if self._typed[one.id] == least])
        assert least < _MOST_TYPED, "more people are needed, or the limit on typing is what is tested"
        self._typed[person.id] += 1
        return Deed(kind, person.id, person.types(text).update_id, text)

    def _press(self) -> Deed | None:
        person, message, data = self._button() or (None, 0, "")
        if person is None:
            return None
        self._pressed.add((person.id, message, data))
        return Deed("press", person.id, person.presses(message, data, anyway=True).update_id)

    def _button(self) -> tuple[Person, int, str] | None:
        """A button nobody pressed yet, under the answer of somebody taken at random."""
        for person in self._chance.sample(self._people, min(20, len(self._people))):
            found = [
                (person, sent.message_id, button.data)
                for sent in self._api.sent_to(person.id)
                for button in sent.buttons
                if button.data is not None and button.label in _LABELS
            ]
            fresh = [one for one in found if (one[0].id, one[1], one[2]) not in self._pressed]
            if fresh:
                return self._chance.choice(fresh)
        return None

    def _break(self) -> Deed:
        return Deed("malformed", 0, self._api.feed(next(self._broken)))


def _questions() -> list[str]:
    path = ROOT / "tests" / "golden" / "training.jsonl"
    return [json.loads(line)["q"] for line in path.read_text(encoding="utf-8").splitlines()]
