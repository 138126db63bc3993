"""What a handler may read, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from actions.conversation import State
from actions.message import Reply
from actions.permissions import Person, check, may_ask
from actions.transaction import Tx
from knowledge.library import Library


@dataclass(frozen=True)
class Context:
    """Everything a handler may look at while it thinks: no database, no network.

    Attributes:
        now: the instant of the event, in the program's time zone.
        default_place: what a chat is answered for until it chooses.
        person: who writes, where they are enrolled.
        open_qa: whether anybody may ask.
    """

    library: Library
    now: datetime
    state: State
    default_place: str
    person: Person | None = None
    open_qa: bool = True

    @property
    def place(self) -> str:
        """The place this chat is answered for."""
        chosen = self.state.place
        return chosen if chosen and chosen in self.library.registers.places.by_path else self.default_place


@dataclass(frozen=True)
class Outcome:
    """Replies of a handler and the state the chat is in afterwards."""

    replies: tuple[Reply, ...]
    state: State


Act = Callable[[Tx], Outcome]
"""What remains to be done with an open transaction once a handler has thought."""


def just(state: State, *replies: Reply) -> Act:
    """An act that changes nothing but the chat's state."""
    return lambda _tx: Outcome(replies, state)


def check_asking(context: Context) -> None:
    """Refuse where only those who are enrolled may ask.

    Raises:
        Forbidden: the person may not; the message says what to do.
    """
    if not may_ask(context.person, context.open_qa):
        check(context.person, "ask")
