"""What a chat is in the middle of: its place, the last turn, an open dialogue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.db import Tx
from store.schema import conversations


@dataclass(frozen=True)
class Conversation:
    """State of one chat; empty for one that has not spoken yet."""

    place: str | None = None
    turn: dict[str, Any] | None = None
    dialogue: dict[str, Any] | None = None


def get(tx: Tx, channel: str, address: str) -> Conversation:
    """The state of a chat."""
    row = tx.execute(
        sa.select(conversations).where(conversations.c.channel == channel, conversations.c.address == address)
    ).one_or_none()
    return Conversation(row.place, row.turn, row.dialogue) if row else Conversation()


def put(tx: Tx, channel: str, address: str, state: Conversation, now: datetime) -> None:
    """Replace the state of a chat."""
    values = {"place": state.place, "turn": state.turn, "dialogue": state.dialogue, "updated_at": now}
    where = (conversations.c.channel == channel) & (conversations.c.address == address)
    if tx.execute(sa.update(conversations).where(where).values(values)).rowcount == 0:
        tx.execute(sa.insert(conversations).values(channel=channel, address=address, **values))
