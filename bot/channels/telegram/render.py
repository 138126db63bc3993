"""Replies as Telegram takes them: HTML of a message, and the keyboard under it as plain data.

What Telegram allows: https://core.telegram.org/bots/api#html-style, #inlinekeyboardbutton, and
https://core.telegram.org/bots/features#deep-linking for links into the private chat.
"""

import re
import unicodedata
from html import escape
from itertools import pairwise
from urllib.parse import quote

from actions.message import CHAT, Block, Button, Reply, clusters, lines, utf16

MESSAGE_UNITS = 4_096
"""What Telegram takes in one message after parsing, counted in UTF-16 units to be on the safe side."""

PIECE_UNITS = 3_900
"""How long the plain text of one message may be: the rest is for blank lines and a mark."""

LABEL_CHARACTERS = 60
"""A longer label of a button is cut; a phone shows about half of it."""

# Controls but the line end, and what Telegram takes out of any message itself (clean_input_string in TDLib's
# misc.cpp): separators, direction overrides, and the marks that draw over other lines.
_TAKEN_OUT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u030a\u0333\u033f]")
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that are called letters, signs or marks and show nothing."""
_NOTHING = "（没有文字）"
_TAGS = {"lead": "b", "note": "i"}


def html(reply: Reply) -> str:
    """A reply as text for `parse_mode` HTML: the conclusion bold, small print in italics.

    Lists and the basis have a blank line around them where there is room for it; otherwise what is read is
    `plain(reply)` without control characters and half surrogate pairs. Telegram refuses a message that
    shows nothing; such a reply says so.

    Args:
        reply: its plain text is at most `PIECE_UNITS` long, or Telegram may refuse it.
    """
    blocks = [block for block in reply.blocks if lines(block)]
    texts = [clean("\n".join(lines(block))) for block in blocks]
    if not any(map(_shows, texts)):
        return _NOTHING
    gaps = ["\n\n" if _apart(*pair) else "\n" for pair in pairwise(blocks)]
    if sum(map(utf16, texts)) + sum(map(len, gaps)) > MESSAGE_UNITS - 1:
        gaps = ["\n"] * len(gaps)
    marked = [_marked(block, text) for block, text in zip(blocks, texts, strict=True)]
    return "".join(part for pair in zip(marked, [*gaps, ""], strict=True) for part in pair)


def _apart(before: Block, block: Block) -> bool:
    return bool(before.items or block.items) or block.kind == "basis"


def _marked(block: Block, text: str) -> str:
    tag = _TAGS.get(block.kind)
    return f"<{tag}>{escape(text)}</{tag}>" if tag else escape(text)


def _shows(text: str) -> bool:
    return any(char not in _BLANK and unicodedata.category(char)[0] in "LNPS" for char in text)


def clean(text: str) -> str:
    """A text as Telegram would show it: halves of surrogate pairs joined or out, tabs as spaces, no controls."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return _TAKEN_OUT.sub("", joined.replace("\t", " "))


def keyboard(reply: Reply, username: str) -> dict[str, list[list[dict[str, str]]]] | None:
    """The buttons of a reply as an `InlineKeyboardMarkup`; None where there are none.

    Args:
        username: of this bot, without «@», for buttons that open the private chat.
    """
    rows = [[_button(button, username) for button in row] for row in reply.rows if row]
    return {"inline_keyboard": rows} if rows else None


def _button(button: Button, username: str) -> dict[str, str]:
    text = _label(button.label)
    if button.url:
        return {"text": text, "url": button.url}
    if button.data.startswith(CHAT):
        payload = quote(button.data.removeprefix(CHAT), safe="")
        return {"text": text, "url": f"https://t.me/{username}?start={payload}"}
    return {"text": text, "callback_data": button.data}


def _label(label: str) -> str:
    """One line of at most `LABEL_CHARACTERS`, never blank: Telegram refuses a button without a label."""
    line = " ".join(clean(label).split())
    if len(line) > LABEL_CHARACTERS:
        line = _beginning(line, LABEL_CHARACTERS - 1) + "…"
    return line if _shows(line) else "…"


def _beginning(text: str, most: int) -> str:
    """As much of a text as fits whole, in characters as people count them."""
    kept = ""
    for cluster in clusters(text[: most + 1]):
        if len(kept) + len(cluster) > most:
            break
        kept += cluster
    return kept
