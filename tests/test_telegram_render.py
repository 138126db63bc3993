"""Replies as Telegram takes them: markup it can parse, never blank, never too long, keyboards it accepts."""

import json
import unicodedata
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.cards.entry import full, short
from actions.message import Block, Button, Reply, pieces, plain, say, utf16
from bot.channels.telegram.render import LABEL_CHARACTERS, MESSAGE_UNITS, PIECE_UNITS, html, keyboard
from knowledge.catalogue.load import Item
from knowledge.catalogue.registers import NATION
from knowledge.library import Library
from tests.conftest import TODAY
from tests.test_message import BLOCKS, KINDS

HOSTILE = (
    *("<b>", "</b>", "</i><b>", "&amp;", "&lt;script&gt;", "&", "<", '"', "'", "<a href='tg://user?id=1'>", "&#0;"),
    *("<!--", "<![CDATA[", "<?x", "😀", "👨\u200d👩\u200d👧", "שלום", "مرحبا", "\u202e倒\u202c", "\u2066隔\u2069"),
    *("\x00", "\x1b[31m", "\t", "\r\n", "\n\n\n", "\x7f", "\x85", "\u2028", "\ud800", "\udfff", "\ud83d\ude00"),
    *("A\u030a", "\u200b", "\u3164", "\u2800", "\ufeff", " ", "听证", "1. ", "• "),
)
TEXTS = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=()), max_size=5)))
HOSTILE_BLOCKS = st.builds(Block, KINDS, TEXTS.map("".join), st.lists(TEXTS.map("".join), max_size=3).map(tuple))
REPLIES = st.builds(lambda blocks: Reply(tuple(blocks)), st.lists(st.one_of(HOSTILE_BLOCKS, BLOCKS), max_size=6))
NEVER_SHOWN = frozenset("\u202a\u202b\u202c\u202d\u202e\u030a\u0333\u033f")
"""What Telegram takes out of messages beside controls and separators."""


Card = Callable[[Item, Library, str, date], tuple[Block, ...]]


class Telegram(HTMLParser):
    """Reads a message as the Bot API does, and takes nothing beyond what it documents.

    Attributes:
        spans: the text without markup, each part with the tag it stands in.
    """

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=False)
        self.spans: list[tuple[str, str]] = []
        self._inside = ""
        self.feed(markup)
        self.close()
        assert self._inside == "", "a tag is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Only bold and italics, without attributes, one at a time."""
        assert (tag in {"b", "i"}, attrs, self._inside) == (True, [], "")
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        """Closes what is open."""
        assert tag == self._inside
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Text without any character that markup is made of."""
        assert not set(data) & set("<>&")
        self.spans.append((self._inside, data))

    def handle_entityref(self, name: str) -> None:
        """The four names that the Bot API knows."""
        self.spans.append((self._inside, {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}[name]))

    def handle_charref(self, name: str) -> None:
        """Hexadecimal numbers, as Python writes the apostrophe."""
        self.spans.append((self._inside, chr(int(name.removeprefix("x"), 16))))

    def handle_decl(self, decl: str) -> NoReturn:
        """No declarations, comments, instructions or sections."""
        raise AssertionError(f"Telegram does not take this: {decl}")

    def handle_comment(self, data: str) -> None:
        """As `handle_decl`."""
        self.handle_decl(data)

    handle_pi = unknown_decl = handle_comment


def seen(reply: Reply, inside: str = "") -> str:
    """What a person reads of a reply in Telegram; only what stands in a tag where one is named."""
    return "".join(text for tag, text in Telegram(html(reply)).spans if inside in ("", tag))


def told(text: str) -> list[str]:
    """The lines of a text that are not blank, as Telegram shows them: whole characters, no controls."""
    whole: str = json.loads(json.dumps(text)).replace("\t", " ")  # JSON joins the halves of a surrogate pair
    hidden = {"Cc", "Cs", "Zl", "Zp"}
    kept = (c for c in whole if c == "\n" or not (unicodedata.category(c) in hidden or c in NEVER_SHOWN))
    return [line for line in "".join(kept).split("\n") if line.strip()]


def entries(library: Library, card: Card) -> list[Reply]:
    """Every entry of the content as a reply."""
    return [Reply(card(library.item(entry), library, NATION, TODAY)) for entry in library.index.ids()]


# ---- text


@given(text=st.one_of(TEXTS.map("".join), st.text(st.characters(exclude_categories=()))), others=REPLIES)
def test_what_is_read_is_the_plain_text(text: str, others: Reply) -> None:
    """Whatever is in it, the markup parses and gives the plain text again, blank lines aside."""
    reply = Reply((Block("lead", "结论" + text), *others.blocks))
    assert told(seen(reply)) == told(plain(reply))


@given(reply=REPLIES)
def test_text_holds_nothing_that_cannot_be_sent(reply: Reply) -> None:
    """It is valid Unicode without controls, and it shows something: Telegram refuses a blank message."""
    text = html(reply)
    assert text.encode().decode() == text
    assert {unicodedata.category(char) for char in text.replace("\n", "")} & {"Cc", "Cs"} == set()
    assert any(unicodedata.category(char)[0] in "LNPS" for char in seen(reply))


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "\x00", "\ud800", "\u200b\u200d\ufeff", "\u2800", "\u3164 \u3000", "\u0301"]
)
def test_a_reply_that_shows_nothing_says_so(text: str) -> None:
    """Characters that show nothing count for nothing."""
    assert html(say(text)) == "（没有文字）"
    assert html(Reply(())) == "（没有文字）"


@given(reply=REPLIES, times=st.integers(1, 60))
def test_a_piece_is_within_the_limit(reply: Reply, times: int) -> None:
    """With all its blank lines a piece stays below 4,096 units."""
    for piece in pieces(Reply(reply.blocks * times), PIECE_UNITS):
        assert utf16(seen(piece)) < MESSAGE_UNITS


def test_blank_lines_give_way_where_there_is_no_room() -> None:
    """2,000 blocks of one character are sent line by line rather than refused."""
    (piece,) = pieces(Reply((Block("basis", "据"),) * 1_950), PIECE_UNITS)
    assert seen(piece) == plain(piece)


def test_an_answer_reads_well() -> None:
    """The conclusion is bold, lists and the basis stand apart, small print is in italics."""
    reply = Reply(
        (
            Block("lead", "应当在 5 个工作日内提出。"),
            Block("points", items=("周末不算。", "口头也行。")),
            Block("steps", "步骤", ("申请", "通知")),
            Block("basis", "依据：《行政处罚法》第64条"),
            Block("note", "适用：全国 · <b>2026年</b>"),
            Block("warning", "待核。"),
        )
    )
    assert html(reply) == (
        "<b>应当在 5 个工作日内提出。</b>\n\n• 周末不算。\n• 口头也行。\n\n步骤\n1. 申请\n2. 通知\n\n"
        "依据：《行政处罚法》第64条\n<i>适用：全国 · &lt;b&gt;2026年&lt;/b&gt;</i>\n⚠️ 待核。"
    )
    assert (seen(reply, "b"), seen(reply, "i")) == ("应当在 5 个工作日内提出。", "适用：全国 · <b>2026年</b>")


@pytest.mark.parametrize("card", [short, full])
def test_every_entry_is_one_message(library: Library, card: Card) -> None:
    """The short answer and the long one both fit, and are read as they are written."""
    for reply in entries(library, card):
        assert pieces(reply, PIECE_UNITS) == (reply,)
        assert told(seen(reply)) == told(plain(reply))


@pytest.mark.parametrize("card", [short, full])
def test_every_entry_can_be_cut(library: Library, card: Card) -> None:
    """Cut to messages of 100 units, every line that fits one is whole, and no text is missing."""
    for reply in entries(library, card):
        cut = [line for piece in pieces(reply, 100) for line in told(seen(piece))]
        assert "".join(cut) == "".join(told(plain(reply)))
        assert {line for line in told(plain(reply)) if utf16(line) <= 100} <= set(cut)


# ---- keyboard


def test_a_keyboard_carries_data_opens_pages_and_the_private_chat() -> None:
    """Buttons keep their rows; one for the private chat is a link with its start payload."""
    rows = (
        (Button("详情", "details:a"), Button("官网", url="https://example.org/?a=1&b=2")),
        (Button("我的", "chat:me"), Button("其他", "chat:a&b")),
    )
    assert keyboard(say("请选：", *rows), "zhifa_bot") == {
        "inline_keyboard": [
            [{"text": "详情", "callback_data": "details:a"}, {"text": "官网", "url": "https://example.org/?a=1&b=2"}],
            [
                {"text": "我的", "url": "https://t.me/zhifa_bot?start=me"},
                {"text": "其他", "url": "https://t.me/zhifa_bot?start=a%26b"},
            ],
        ]
    }


@pytest.mark.parametrize("rows", [(), ((),)])
def test_no_buttons_are_no_keyboard(rows: tuple[tuple[Button, ...], ...]) -> None:
    """Telegram refuses empty rows."""
    assert keyboard(Reply((Block("text", "您好"),), rows), "zhifa_bot") is None


def label(text: str) -> str:
    """A label as the keyboard has it."""
    found = keyboard(say("请选：", (Button(text, "open:a"),)), "zhifa_bot")
    assert found is not None
    return found["inline_keyboard"][0][0]["text"]


@given(text=st.one_of(TEXTS.map("".join), st.text(st.characters(exclude_categories=()), max_size=200)))
def test_a_label_is_one_short_line_that_shows_something(text: str) -> None:
    """Whatever it was, it can be sent, and it says something."""
    shown = label(text)
    assert 1 <= len(shown) <= LABEL_CHARACTERS
    assert shown.encode().decode().splitlines() == [shown]
    assert any(unicodedata.category(char)[0] in "LNPS" for char in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("听" * 60, "听" * 60, id="60 characters fit"),
        pytest.param("听" * 61, "听" * 59 + "…", id="61 do not"),
        pytest.param("听" * 57 + "👨\u200d👩\u200d👧" + "听", "听" * 57 + "…", id="a family stays whole"),
        pytest.param("申请\n听证\t期限", "申请 听证 期限", id="one line"),
        pytest.param("\u200b", "…", id="nothing to see"),
    ],
)
def test_a_long_label_is_cut(text: str, shown: str) -> None:
    """At 60 characters with «…», never inside one."""
    assert label(text) == shown
