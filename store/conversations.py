"""What a chat is in the middle of: its place, the last turn, an open dialogue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.db import Tx, insert
from store.schema import conversations
from zhifa_errors import Overtaken

_CHAT = sa.select(conversations).where(
    conversations.c.channel == sa.bindparam("channel"), conversations.c.address == sa.bindparam("address")
)


@dataclass(frozen=True)
class Conversation:
    """State of one chat; empty for one that has not spoken yet.

    Attributes:
        pressed: the button that was pressed last, where nothing came after it.
        version: counts the changes, so that nobody writes over a state they have not seen.
    """

    place: str | None = None
    turn: dict[str, Any] | None = None
    dialogue: dict[str, Any] | None = None
    pressed: str | None = None
    version: int = 0
    updated_at: datetime | None = None


def get(tx: Tx, channel: str, address: str) -> Conversation:
    """The state of a chat."""
    row = tx.execute(_CHAT, {"channel": channel, "address": address}).one_or_none()
    if row is None:
        return Conversation()
    return Conversation(row.place, row.turn, row.dialogue, row.pressed, row.version, row.updated_at)


def forget(tx: Tx, before: datetime) -> int:
    """Let go of the last question and the dialogue of chats that were silent since an instant; the place stays."""
    held = conversations.c.turn.is_not(sa.null()) | conversations.c.dialogue.is_not(sa.null())
    values = {"turn": sa.null(), "dialogue": sa.null(), "version": conversations.c.version + 1}
    old = (conversations.c.updated_at < before) & held
    return tx.execute(sa.update(conversations).where(old).values(values)).rowcount


def put(tx: Tx, channel: str, address: str, state: Conversation, now: datetime) -> None:
    """Replace the state of a chat, where it is still the version that was read.

    Raises:
        Overtaken: somebody else changed it meanwhile.
    """
    values = {
        "place": state.place,
        "turn": state.turn,
        "dialogue": state.dialogue,
        "pressed": state.pressed,
        "version": state.version + 1,
        "updated_at": now,
    }
    chat = (conversations.c.channel == channel) & (conversations.c.address == address)
    seen = chat & (conversations.c.version == state.version)
    if tx.execute(sa.update(conversations).where(seen).values(values)).rowcount:
        return
    new = insert(tx, conversations).values(channel=channel, address=address, **values).on_conflict_do_nothing()
    if state.version or tx.execute(new.returning(conversations.c.version)).first() is None:
        raise Overtaken(f"conversation {channel} changed meanwhile")
