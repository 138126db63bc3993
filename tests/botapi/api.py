"""The test server as the tests hold it in their hands."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.botapi.calls import Call, Limits, TooEarly
from tests.botapi.faults import Fault, Faults
from tests.botapi.people import Group, Person
from tests.botapi.server import Server
from tests.botapi.state import Chat, Query, Raw, Sent, World

T = TypeVar("T")
TOKEN = "123456789:AAtest-token_of_the_played_Bot_API_0"  # noqa: S105 - opens nothing but this server


class BotApi:
    """A Telegram Bot API on loopback; all methods may be called from any thread.

    Args:
        token: the token it accepts.
        username: of the bot.
        limits: how many messages it takes.
        port: where it listens, 0 for any free port.

    Attributes:
        limits: as given; `limits.over` counts what was too much.
        changed: the condition notified after every change.
    """

    def __init__(
        self, token: str = TOKEN, username: str = "zhifa_test_bot", limits: Limits | None = None, port: int = 0
    ) -> None:
        self.token = token
        self.limits = limits or Limits()
        number = int(token.partition(":")[0])
        self.bot: Raw = {"id": number, "is_bot": True, "first_name": "执法助手", "username": username}
        self._world = World(self.bot)
        self.changed = self._world.changed
        self._server = Server(token, self._world, self.limits, port)
        self._people: dict[int, Person] = {}
        self._groups: dict[int, Group] = {}

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._server.port

    @property
    def base_url(self) -> str:
        """What clients put the token behind."""
        return f"http://127.0.0.1:{self.port}/bot"

    @property
    def file_base_url(self) -> str:
        """The same for files."""
        return f"http://127.0.0.1:{self.port}/file/bot"

    def down(self) -> None:
        """Stop listening and drop every connection; all state is kept."""
        self._server.run(self._server.refuse())

    def up(self) -> None:
        """Listen again, on the same port."""
        self._server.run(self._server.listen())

    def outage(self, seconds: float) -> None:
        """Go down now and come up again by itself after some seconds; does not wait."""
        self._server.run(self._server.out_for(seconds))

    def person(self, number: int, name: str) -> Person:
        """The person of a number (positive), made when first asked for."""
        with self.changed:
            if number not in self._people:
                raw = {"id": number, "is_bot": False, "first_name": name, "language_code": "zh-hans"}
                chat = Chat({"id": number, "type": "private", "first_name": name})
                self._world.people[number] = raw
                self._world.chats[number] = chat
                self._people[number] = Person(self, raw, chat)
            return self._people[number]

    def group(self, number: int, title: str) -> Group:
        """The group of a number (negative), made when first asked for; the bot is not in it."""
        with self.changed:
            if number not in self._groups:
                refusal = "Forbidden: bot is not a member of the supergroup chat"
                chat = Chat({"id": number, "type": "supergroup", "title": title}, refusal=refusal)
                self._world.chats[number] = chat
                self._groups[number] = Group(self, chat)
            return self._groups[number]

    def add_update(self, kind: str, content: Raw) -> int:
        """Add an update of a known kind; gives its number."""
        return self._world.updates.add(kind, content)

    def new_query(self, update: Raw) -> Query:
        """Register a query that `unanswered` watches."""
        return self._world.new_query(update)

    def feed(self, raw: Any, *, number: bool = True) -> int:
        """Deliver any JSON as an update, whatever the bot asked for.

        Args:
            raw: the update; an own `update_id` is kept.
            number: give it the next number where it has none.

        Returns:
            The number it is kept under until it is confirmed.
        """
        own = raw.get("update_id") if isinstance(raw, dict) else None
        with self.changed:
            if type(own) is int:  # True is no number of an update
                return self._world.updates.put(own, raw)
            if number and isinstance(raw, dict) and "update_id" not in raw:
                raw = {"update_id": self._world.updates.next_number, **raw}
            return self._world.updates.put(None, raw)

    def update(self, update_id: int) -> Any:
        """The update of a number as it was delivered."""
        with self.changed:
            return self._world.updates.known[update_id]

    def redeliver(self, update_id: int) -> None:
        """Deliver an update once more, although it was confirmed."""
        with self.changed:
            self._world.updates.repeat(update_id)

    @property
    def pending(self) -> int:
        """How many updates wait."""
        with self.changed:
            return self._world.updates.pending

    @property
    def attempts(self) -> list[tuple[int, int, float]]:
        """Every attempt of the webhook: number of the update, HTTP status (0: no answer), monotonic time."""
        with self.changed:
            return list(self._server.delivery.attempts)

    @property
    def faults(self) -> Faults:
        """The faults in force; set it at any time, what was planned by `fail_next` stays."""
        return self._server.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        with self.changed:
            faults.take_over(self._server.faults)
            self._server.faults = faults

    def fail_next(
        self, method: str | None, fault: Fault, times: int = 1, when: Callable[[Call], bool] = lambda _: True
    ) -> None:
        """Let the next `times` calls of a method (None: any outgoing one) that fit `when` meet a fault."""
        with self.changed:
            self._server.faults.plan(method, fault, times, when)

    @property
    def calls(self) -> list[Call]:
        """Every call so far, in the order in which they began."""
        with self.changed:
            return list(self._server.calls)

    def calls_of(self, *methods: str) -> list[Call]:
        """The calls of some methods."""
        return [call for call in self.calls if call.method in methods]

    @property
    def violations(self) -> list[str]:
        """What the bot did that the documentation forbids."""
        with self.changed:
            return list(self._world.violations)

    @property
    def warnings(self) -> list[str]:
        """What Telegram takes, but nobody can have wanted."""
        with self.changed:
            return list(self._world.warnings)

    @property
    def too_early(self) -> list[TooEarly]:
        """Messages sent or edited before the end of a `retry_after`."""
        with self.changed:
            return list(self._server.halts.too_early)

    def unanswered(self) -> list[Query]:
        """Pressed buttons and inline questions that were never answered."""
        with self.changed:
            return [query for query in self._world.queries.values() if not query.answers]

    def sent_to(self, chat_id: int) -> list[Sent]:
        """The bot's messages in a chat that are still there, oldest first."""
        with self.changed:
            chat = self._world.chats.get(chat_id)
            return [sent for sent in chat.sent.values() if not sent.deleted] if chat else []

    def count(self, chat_id: int | None = None, contains: str = "") -> int:
        """How many messages were delivered (also those deleted since), to one chat or all, with some text."""
        with self.changed:
            chats = self._world.chats.values()
            wanted = [chat for chat in chats if chat_id is None or chat.id == chat_id]
            if not contains:
                return sum(len(chat.sent) for chat in wanted)
            return sum(contains in sent.text for chat in wanted for sent in chat.sent.values())

    @property
    def commands(self) -> dict[str, list[Raw]]:
        """The lists of commands by scope and language: "default", "chat:5:zh"."""
        with self.changed:
            return dict(self._world.commands)

    @property
    def profile(self) -> dict[str, str]:
        """Descriptions by name and language: "description:", "short_description:zh"."""
        with self.changed:
            return dict(self._world.profile)

    @property
    def menu_buttons(self) -> dict[int | None, Raw]:
        """Menu buttons by chat; None is the one of all others."""
        with self.changed:
            return dict(self._world.menu_buttons)

    def uploaded(self, file_id: str) -> bytes:
        """The content of a file the bot sent."""
        with self.changed:
            return self._world.files[file_id][1]

    def wait_until(self, predicate: Callable[[], T], timeout: float = 30) -> T:
        """Wait until something is true; it is asked again after every change.

        Raises:
            TimeoutError: it was not true within `timeout` seconds; the last calls are in the message.
        """
        with self.changed:
            if result := self.changed.wait_for(predicate, timeout):
                return result
            last = [f"{call.method} {call.outcome}" for call in self._server.calls[-5:]]
            raise TimeoutError(f"not within {timeout} s; last calls: {last}; violations: {self._world.violations}")
