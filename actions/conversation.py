"""The state of one chat: where the person works, the last turn, an open dialogue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.transaction import Tx
from knowledge.search.verdict import Turn
from store import conversations


@dataclass(frozen=True)
class State:
    """What the next message of a chat may lean on.

    Attributes:
        place: chosen with /place; None for the default.
        dialogue: an open dialogue as plain data (`{"name": …}`).
        pressed: the button that the last event pressed, if it did.
        version: of the stored state this one was read from; `at`: when that was kept.
    """

    place: str | None = None
    turn: Turn | None = None
    dialogue: dict[str, Any] | None = None
    pressed: str | None = None
    version: int = 0
    at: datetime | None = None


def find_state(tx: Tx, channel: str, address: str) -> State:
    """The state of a chat; empty for a new one."""
    row = conversations.get(tx, channel, address)
    return State(row.place, Turn.from_json(row.turn), row.dialogue, row.pressed, row.version, row.updated_at)


def do_keep_state(tx: Tx, channel: str, address: str, state: State, now: datetime) -> None:
    """Keep the state of a chat.

    Raises:
        Overtaken: another event changed it since it was read.
    """
    turn = state.turn.as_json() if state.turn else None
    row = conversations.Conversation(state.place, turn, state.dialogue, state.pressed, state.version)
    conversations.put(tx, channel, address, row, now)
