"""The vocabulary between people and the program: what comes in, and what goes out.

A reply is a short list of blocks and buttons; channels turn it into HTML, Telegram markup or terminal
text. Everything has a plain JSON form, since replies are kept as rows before they are sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

BlockKind = Literal["lead", "text", "points", "steps", "basis", "note", "warning"]
"""lead: the conclusion. points, steps: lists. basis: what it rests on. note: small print. warning: ⚠️."""

BUTTON_DATA_BYTES = 64
"""Telegram's limit for what a button carries back."""


@dataclass(frozen=True)
class Block:
    """One paragraph or list; `text` stands before `items`. Text is plain: renderers escape it."""

    kind: BlockKind
    text: str = ""
    items: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "text": self.text, "items": list(self.items)}


@dataclass(frozen=True)
class Button:
    """A button under a reply: `data` is `<action>:<row or entry id>`, at most 64 bytes."""

    label: str
    data: str

    def __post_init__(self) -> None:
        if len(self.data.encode()) > BUTTON_DATA_BYTES:
            raise ValueError(f"button data longer than {BUTTON_DATA_BYTES} bytes: {self.data}")


@dataclass(frozen=True)
class Reply:
    """One message to a person.

    Attributes:
        rows: buttons, row by row.
        edits: the id of the earlier message that this one replaces; None for a new message.
    """

    blocks: tuple[Block, ...]
    rows: tuple[tuple[Button, ...], ...] = ()
    edits: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data for the outbox."""
        return {
            "blocks": [block.as_json() for block in self.blocks],
            "rows": [[{"label": b.label, "data": b.data} for b in row] for row in self.rows],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A reply from the outbox."""
        return cls(
            tuple(Block(b["kind"], b["text"], tuple(b["items"])) for b in data["blocks"]),
            tuple(tuple(Button(b["label"], b["data"]) for b in row) for row in data["rows"]),
        )


def say(text: str, *rows: tuple[Button, ...], edits: str | None = None) -> Reply:
    """A reply of one plain paragraph."""
    return Reply((Block("text", text),), rows, edits)


@dataclass(frozen=True)
class Incoming:
    """One thing a person did, the same for every channel.

    Attributes:
        channel: `web`, `console` or `telegram`.
        address: who, within the channel (a chat).
        kind: a typed message, or a press of a button.
        text: what was typed; for a press, the button's data.
        message: for a press, the id of the message whose button it was.
    """

    channel: str
    address: str
    kind: Literal["text", "press"]
    text: str
    message: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data for the inbox."""
        return {"kind": self.kind, "text": self.text, "message": self.message}
