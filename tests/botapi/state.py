"""What the played Telegram knows: people, chats, messages, queries, and the updates waiting for the bot."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.botapi.entities import Entity
from tests.botapi.rules import UNASKED_KINDS, UPDATE_KINDS

Raw = dict[str, Any]


@dataclass(frozen=True)
class Button:
    """One button as a person sees it: its label and the one thing it does."""

    label: str
    data: str | None = None
    url: str | None = None
    action: str = "callback_data"


@dataclass(frozen=True)
class Shown:
    """What a message showed at one time."""

    text: str
    entities: tuple[Raw, ...]
    keyboard: tuple[tuple[Button, ...], ...]


@dataclass(eq=False)
class Sent:
    """A message of the bot as the person sees it now; a live object, changed by edits.

    Attributes:
        kind: "text", "document" or "photo"; the text of the latter two is their caption.
        history: what it showed before each edit, oldest first.
        params: the parameters of the call that sent it.
    """

    chat_id: int
    message_id: int
    kind: str
    params: Raw
    raw: Raw
    markup: Raw | None = None
    shown: Shown = Shown("", (), ())
    history: list[Shown] = field(default_factory=list)
    deleted: bool = False

    @property
    def text(self) -> str:
        """The plain text, or the caption."""
        return self.shown.text

    @property
    def entities(self) -> list[Entity]:
        """The entities, offsets in UTF-16 units."""
        return list(self.shown.entities)

    @property
    def keyboard(self) -> tuple[tuple[Button, ...], ...]:
        """The rows of inline buttons."""
        return self.shown.keyboard

    @property
    def buttons(self) -> list[Button]:
        """All inline buttons, row after row."""
        return [button for row in self.shown.keyboard for button in row]

    @property
    def labels(self) -> list[str]:
        """The labels of all buttons."""
        return [button.label for button in self.buttons]

    @property
    def data(self) -> list[str]:
        """The callback data of the buttons that have some."""
        return [button.data for button in self.buttons if button.data is not None]

    @property
    def urls(self) -> list[str]:
        """The addresses of the buttons that open one."""
        return [button.url for button in self.buttons if button.url is not None]


def rows_of(markup: Raw | None) -> tuple[tuple[Button, ...], ...]:
    """The buttons of an inline keyboard, or none for any other markup."""
    return tuple(
        tuple(
            Button(
                raw["text"],
                raw.get("callback_data"),
                raw.get("url"),
                next(name for name in raw if name not in {"text", "style", "icon_custom_emoji_id"}),
            )
            for raw in row
        )
        for row in (markup or {}).get("inline_keyboard", [])
    )


@dataclass(eq=False)
class Chat:
    """One chat: its messages, and whether the bot may write there.

    Attributes:
        reachable: whether a message of the bot arrives; else `refusal` is Telegram's description.
        others: raw messages of people, by number.
    """

    raw: Raw
    reachable: bool = False
    refusal: str = "Forbidden: bot can't initiate conversation with a user"
    last_message_id: int = 0
    sent: dict[int, Sent] = field(default_factory=dict)
    others: dict[int, Raw] = field(default_factory=dict)
    members: dict[int, Raw] = field(default_factory=dict)

    @property
    def id(self) -> int:
        """The number of the chat; negative for groups."""
        return int(self.raw["id"])

    def next_message_id(self) -> int:
        """The number of the next message here."""
        self.last_message_id += 1
        return self.last_message_id


@dataclass(eq=False)
class Query:
    """A pressed button or an inline question, and what the bot answered.

    Attributes:
        asked: when, in seconds of `time.monotonic`.
        answers: the parameters of every accepted answer, the first at its head.
    """

    id: str
    update: Raw
    asked: float
    answers: list[Raw] = field(default_factory=list)


class World:
    """All state behind one lock; `changed` is notified after every change.

    Args:
        bot: the User object of the bot.
        first_update: the number of the first update.
    """

    def __init__(self, bot: Raw, first_update: int = 700_000_001) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.bot = bot
        self.people: dict[int, Raw] = {}
        self.chats: dict[int, Chat] = {}
        self.queries: dict[str, Query] = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self.commands: dict[str, list[Raw]] = {}
        self.profile: dict[str, str] = {}
        self.menu_buttons: dict[int | None, Raw] = {}
        self.violations: list[str] = []
        self.warnings: list[str] = []
        self._last_query = 10**17
        self.updates = Updates(self.changed, first_update)

    def new_query(self, update: Raw) -> Query:
        """Register a query that the bot is expected to answer."""
        self._last_query += 1
        query = Query(str(self._last_query), update, time.monotonic())
        self.queries[query.id] = query
        return query

    def new_file(self, path: str, content: bytes) -> Raw:
        """Store a file; gives its File object."""
        identifier = f"FILE-{len(self.files) + 1:06d}"
        self.files[identifier] = (path, content)
        return {"file_id": identifier, "file_unique_id": f"U{identifier}", "file_size": len(content)}


class Updates:
    """The updates that wait for the bot, in order, by number.

    Attributes:
        allowed: kinds the bot asked for; empty for all but those that must be named.
        again: updates to be delivered once more although they were confirmed.
        known: every update ever made, by number.
        listener: called after an update was added; set by the server.
    """

    def __init__(self, changed: threading.Condition, first: int) -> None:
        self._changed = changed
        self._next = first
        self.waiting: dict[int, Any] = {}
        self.again: deque[tuple[int, Any]] = deque()
        self.known: dict[int, Any] = {}
        self.allowed: frozenset[str] = frozenset()
        self.listener: Any = None

    @property
    def next_number(self) -> int:
        """The number of the next update."""
        return self._next

    def add(self, kind: str, content: Raw) -> int:
        """Add an update; it is dropped, as at Telegram, where the bot did not ask for its kind."""
        assert kind in UPDATE_KINDS
        with self._changed:
            number = self._next
            if kind in (self.allowed or UPDATE_KINDS - UNASKED_KINDS):
                self.put(number, {"update_id": number, kind: content})
        return number

    def put(self, number: int | None, update: Any) -> int:
        """Add an update as it is, under its number or the next one."""
        with self._changed:
            number = self._next if number is None else number
            self.known[number] = update
            if number < self._next and number not in self.waiting:
                self.again.append((number, update))
            else:
                self.waiting[number] = update
                self._next = max(self._next, number + 1)
            self._tell(number)
        return number

    def repeat(self, number: int) -> None:
        """Deliver a known update once more, confirmed or not."""
        with self._changed:
            self.again.append((number, self.known[number]))
            self._tell(number)

    def _tell(self, number: int) -> None:
        self._changed.notify_all()
        if self.listener:
            self.listener(number)

    def confirm(self, offset: int) -> None:
        """Forget what lies below an offset; a negative one keeps so many from the end."""
        if offset < 0:
            offset = sorted(self.waiting)[offset:][0] if len(self.waiting) > -offset else 0
        while self.waiting and (number := next(iter(self.waiting))) < offset:
            del self.waiting[number]

    def take(self, limit: int) -> list[Any]:
        """The first updates that wait; those to be repeated go out once, the others until confirmed."""
        batch = [self.again.popleft()[1] for _ in range(min(limit, len(self.again)))]
        return batch + [self.waiting[key] for key, _ in zip(self.waiting, range(limit - len(batch)), strict=False)]

    @property
    def pending(self) -> int:
        """How many wait."""
        return len(self.waiting) + len(self.again)

    def clear(self) -> None:
        """Drop what waits."""
        self.waiting.clear()
        self.again.clear()
