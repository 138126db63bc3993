"""The vocabulary between people and the program: what comes in, and what goes out.

A reply is a short list of blocks and buttons; channels turn it into HTML, Telegram markup or terminal
text. Everything has a plain JSON form, since replies are kept as rows before they are sent.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, Self

BlockKind = Literal["lead", "text", "points", "steps", "basis", "note", "warning"]
"""lead: the conclusion. points, steps: lists. basis: what it rests on. note: small print. warning: ⚠️."""

BUTTON_DATA_BYTES = 64
"""Telegram's limit for what a button carries back."""

CHAT = "chat:"
"""Action of a button that opens the private chat with this bot."""

LEAST_PIECE = 32
"""A piece holds at least a mark, however long its number, and a character."""

_AGAIN = "（重发）"
_SENTENCE_ENDS = frozenset("。；！？")
_CLOSING = frozenset("”’」』）》】")
_LINE = re.compile(r"[^\n]*\n+|[^\n]+")
_UNIT = re.compile("[\ud800-\udbff][\udc00-\udfff]|.", re.DOTALL)
_REGIONAL = frozenset(map(chr, range(0x1F1E6, 0x1F200)))
_JOINER = "\u200d"


@dataclass(frozen=True)
class Block:
    """One paragraph or list; `text` stands before `items`. Text is plain: renderers escape it.

    Attributes:
        start: number of the first item; above 1 where a list goes on that began in an earlier message.
    """

    kind: BlockKind
    text: str = ""
    items: tuple[str, ...] = ()
    start: int = 1

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "text": self.text, "items": list(self.items), "start": self.start}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A block from plain data; rows of before lists were continued have no `start`."""
        return cls(data["kind"], data["text"], tuple(data["items"]), data.get("start", 1))


@dataclass(frozen=True)
class Button:
    """A button under a reply: it carries `data` back, or opens a page.

    Data of the action `chat` (`chat:me`) means «open the private chat with this bot, with start payload
    `me`». Channels that have no such thing leave that button out.

    Attributes:
        data: `<action>:<row or entry id>`, at most 64 bytes; empty where there is a `url`.
        url: a web address, `https://…` or `http://…`; None where there is `data`.
    """

    label: str
    data: str = ""
    url: str | None = None

    def __post_init__(self) -> None:
        if bool(self.data) == bool(self.url):
            raise ValueError(f"a button has data or a url: {self.label}")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"no web address: {self.url}")
        if len(self.data.encode()) > BUTTON_DATA_BYTES:
            raise ValueError(f"button data longer than {BUTTON_DATA_BYTES} bytes: {self.data}")

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"label": self.label, "data": self.data, "url": self.url}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A button from plain data; rows of before buttons opened pages have no `url`."""
        return cls(data["label"], data["data"], data.get("url"))


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
            "rows": [[button.as_json() for button in row] for row in self.rows],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A reply from the outbox."""
        return cls(
            tuple(Block.from_json(block) for block in data["blocks"]),
            tuple(tuple(Button.from_json(button) for button in row) for row in data["rows"]),
        )


def say(text: str, *rows: tuple[Button, ...], edits: str | None = None) -> Reply:
    """A reply of one plain paragraph."""
    return Reply((Block("text", text),), rows, edits)


def mark_again(reply: Reply) -> Reply:
    """The reply marked as sent once more, «（重发）» before its first words; marking it twice changes nothing."""
    first, *rest = reply.blocks or (Block("text"),)
    if first.text.startswith(_AGAIN):
        return reply
    return replace(reply, blocks=(replace(first, text=_AGAIN + first.text), *rest))


def plain(reply: Reply) -> str:
    """What a person reads of a reply, in every channel: its blocks as lines with their marks, no buttons."""
    return "\n".join(line for block in reply.blocks for line in lines(block))


def lines(block: Block) -> list[str]:
    """A block as `plain` shows it: its text, then its items, each with its mark."""
    shown = [_text_mark(block) + block.text] if block.text else []
    return shown + [_item_mark(block, number) + item for number, item in enumerate(block.items, block.start)]


def _text_mark(block: Block) -> str:
    return "⚠️ " if block.kind == "warning" else ""


def _item_mark(block: Block, number: int) -> str:
    return f"{number}. " if block.kind == "steps" else "• "


def pieces(reply: Reply, most: int) -> tuple[Reply, ...]:
    """A reply as messages that are short enough to send; a single one where it is short enough itself.

    It is cut between blocks; a block that is too long for a message between its items; a text that is too
    long at line ends, else after a sentence, else between two characters as people count them (see
    `clusters`), and inside one of these only where it alone is too long. The pieces hold the same text in
    the same order; what a later piece goes on with has no mark of its own, and steps go on counting.
    The first piece edits what the reply edits, the last one has its buttons.

    Args:
        most: the longest `plain` text of a piece in UTF-16 units, at least 32.

    Raises:
        ValueError: `most` is below 32.
    """
    if most < LEAST_PIECE:
        raise ValueError(f"a piece holds at least {LEAST_PIECE} UTF-16 units, not {most}")
    if utf16(plain(reply)) <= most:
        return (reply,)
    packed: list[list[Block]] = [[]]
    used = 0
    for part in (part for block in reply.blocks for part in _parts(block, most)):
        size = _size(part) + 1  # with the line end before it
        if used and used + size > most + 1:
            packed.append([])
            used = 0
        packed[-1].append(part)
        used += size
    found = [Reply(_joined(blocks)) for blocks in packed]
    found[0] = replace(found[0], edits=reply.edits)
    found[-1] = replace(found[-1], rows=reply.rows)
    return tuple(found)


def _size(block: Block) -> int:
    return utf16("\n".join(lines(block)))


def _parts(block: Block, most: int) -> list[Block]:
    """A block that fits as it is; any other item by item, the first beside the heading, or as parts of its text."""
    if _size(block) <= most:
        return [block]
    if len(block.items) > 1:
        numbered = enumerate(block.items, block.start)
        singles = [Block(block.kind, "" if n > block.start else block.text, (item,), n) for n, item in numbered]
        return [part for single in singles for part in _parts(single, most)]
    if block.items and block.text:
        return [*_parts(replace(block, items=()), most), *_parts(replace(block, text=""), most)]
    if block.items:
        item, *rest = _fragments(block.items[0], most - utf16(_item_mark(block, block.start)))
        return [replace(block, items=(item,)), *(Block("text", text) for text in rest)]
    text, *rest = _fragments(block.text, most - utf16(_text_mark(block)))
    kind: BlockKind = "text" if block.kind == "warning" else block.kind  # one mark a warning
    return [replace(block, text=text), *(Block(kind, text) for text in rest)]


def _joined(parts: Sequence[Block]) -> tuple[Block, ...]:
    """Items that came into the same piece as one list again."""
    joined: list[Block] = []
    for part in parts:
        last = joined[-1] if joined else part
        goes_on = last.items and part.start == last.start + len(last.items)
        if goes_on and part.items and not part.text and part.kind == last.kind:
            joined[-1] = replace(last, items=last.items + part.items)
        else:
            joined.append(part)
    return tuple(joined)


def _fragments(text: str, most: int) -> list[str]:
    """A text as parts of at most `most` UTF-16 units, cut where it disturbs least."""
    atoms = [text]
    for finer in (_LINE.findall, _sentences, clusters, _UNIT.findall):
        atoms = [part for atom in atoms for part in ([atom] if utf16(atom) <= most else finer(atom))]
    cuts, used = [0], 0
    for number, size in enumerate(map(utf16, atoms)):
        if used + size > most:
            cuts.append(number)
            used = 0
        used += size
    return ["".join(atoms[a:b]) for a, b in pairwise([*cuts, len(atoms)])]


def _sentences(text: str) -> list[str]:
    found: list[list[str]] = [[]]
    ended = False
    for cluster in clusters(text):
        if ended and cluster not in _SENTENCE_ENDS and cluster not in _CLOSING:
            found.append([])
            ended = False
        found[-1].append(cluster)
        ended = ended or cluster in _SENTENCE_ENDS
    return ["".join(sentence) for sentence in found]


def clusters(text: str) -> list[str]:
    """Characters as people count them: with combining marks and emoji joined to others, flags in twos.

    The rules of Unicode Standard Annex #29 as far as Chinese text and emoji need them; two halves of a
    surrogate pair are one, too.
    """
    starts: list[int] = []
    for at, char in enumerate(text):
        if at == 0 or not _belongs(char, text[max(starts[-1], at - 2) : at]):
            starts.append(at)
    return [text[a:b] for a, b in pairwise([*starts, len(text)])]


def _belongs(char: str, before: str) -> bool:
    """Whether a character goes with what stands before it (the last two characters of its cluster)."""
    return (
        unicodedata.category(char).startswith("M")
        or char in {_JOINER, "\u200c"}
        or before.endswith(_JOINER)
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= char <= "\U000e007f"  # tags, as in the flag of Scotland
        or (char in _REGIONAL and before in _REGIONAL)
        or ("\udc00" <= char <= "\udfff" and "\ud800" <= before[-1] <= "\udbff")
    )


def utf16(text: str) -> int:
    """Length in UTF-16 units, which is how Telegram counts; half a surrogate pair is one."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True)
class Incoming:
    """One thing a person did, the same for every channel.

    Attributes:
        channel: `web`, `console` or `telegram`.
        address: the chat within the channel.
        kind: a typed message, a press of a button, a question typed inline in another chat, something
            that is no text (a picture, a voice message), or a change of who may write to whom.
        text: what was typed; for a press, the button's data; else what it was (`voice`, `blocked`).
        message: for a press, the id of the message whose button it was.
        sender: the person's account in the channel; the address where it is left out.
        group: whether others read along.
        edited: whether an earlier message was changed to this.
        own: for a typed message, its own id, so that an answer in a group can quote it.
        ref: what the channel needs to end a press or an inline question.
        name: how the channel calls the person; only where they enrol.
    """

    channel: str
    address: str
    kind: Literal["text", "press", "inline", "other", "member"]
    text: str
    message: str | None = None
    sender: str = ""
    group: bool = False
    edited: bool = False
    own: str | None = None
    ref: str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not self.sender:
            object.__setattr__(self, "sender", self.address)

    @property
    def conversation(self) -> str:
        """Whose conversation this belongs to: in a group everyone has one of their own."""
        return f"{self.address}/{self.sender}" if self.group else self.address

    def as_json(self) -> dict[str, Any]:
        """Plain data for the inbox."""
        return {"kind": self.kind, "text": self.text, "message": self.message}
