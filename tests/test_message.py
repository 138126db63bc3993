"""Replies as plain data and plain text, cut into messages short enough to send, and marked when sent again."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.message import Block, BlockKind, Button, Reply, clusters, mark_again, pieces, plain, say, utf16
from bot.channels.console.render import pressable, terminal

WHOLE = (
    *("a", "<", "&", "字", "𠮷", "，", " ", "ש", "م", "😀", "e\u0301", "ก\u0e34", "\n"),
    *("👨\u200d👩\u200d👧", "🏳\ufe0f\u200d🌈", "👍🏽", "🇨🇳", "☎\ufe0f", "1\ufe0f\u20e3", "🏴\U000e0067\U000e007f"),
    "\ud83d\ude00",  # an emoji that reached us as two halves
)
"""Characters as people count them; none of them may be cut."""

WILD = st.text(st.characters(exclude_categories=()), max_size=60)
RUNS = st.lists(st.sampled_from([*WHOLE, "。", "！？", "；", "\n\n", "一二三四五六七八九十"]), max_size=120).map(
    "".join
)
TEXTS = st.one_of(RUNS, WILD, st.builds(lambda text, times: text * times, WILD, st.integers(1, 20)))
KINDS = st.sampled_from(get_args(BlockKind))
BLOCKS = st.builds(Block, KINDS, TEXTS, st.lists(TEXTS, max_size=12).map(tuple), st.integers(1, 10**6))
ROWS = ((Button("详情", "details:a"), Button("官网", url="https://example.org/?a=1&b=2")), (Button("我", "chat:me"),))
REPLIES = st.builds(lambda blocks: Reply(tuple(blocks), ROWS, "7"), st.lists(BLOCKS, max_size=6))


def contents(reply: Reply) -> str:
    """Everything a reply says, without marks and line ends between blocks."""
    return "".join(text for block in reply.blocks for text in (block.text, *block.items))


def numbers(reply: Reply) -> list[str]:
    """The marks of the steps of a reply."""
    return [line.partition(" ")[0] for line in plain(reply).splitlines() if line.partition(" ")[0].endswith(".")]


# ---- plain text and plain data


def test_plain_text_is_one_line_for_each_text_and_item() -> None:
    """Blocks are lines, items have «•» or their number, warnings ⚠️; buttons are no text."""
    blocks = (
        Block("lead", "结论。"),
        Block("points", "要点", ("甲", "乙")),
        Block("steps", "", ("丙", "丁"), start=3),
        Block("warning", "待核。"),
        Block("note"),
    )
    assert plain(Reply(blocks, ROWS)) == "结论。\n要点\n• 甲\n• 乙\n3. 丙\n4. 丁\n⚠️ 待核。"


@given(reply=st.builds(Reply, st.lists(BLOCKS).map(tuple), st.just(ROWS)))
def test_a_reply_is_the_same_after_a_stay_in_the_outbox(reply: Reply) -> None:
    """Blocks with their numbering, buttons with data or a page: all are there again."""
    whole = json.loads(json.dumps(reply.as_json(), ensure_ascii=False))
    assert Reply.from_json(whole) == reply


def test_rows_kept_before_lists_went_on_and_buttons_opened_pages_still_read() -> None:
    """A row without `start` and `url` is a list from 1 and a button with data."""
    old = {
        "blocks": [{"kind": "steps", "text": "步骤", "items": ["甲"]}],
        "rows": [[{"label": "详情", "data": "details:a"}]],
    }
    assert Reply.from_json(old) == Reply(
        (Block("steps", "步骤", ("甲",), start=1),), ((Button("详情", "details:a", url=None),),)
    )


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Button("无"), id="neither"),
        pytest.param(lambda: Button("无", "", ""), id="both empty"),
        pytest.param(lambda: Button("两", "open:a", "https://example.org"), id="both"),
        pytest.param(lambda: Button("脚本", url="javascript:alert(1)"), id="no web address"),
        pytest.param(lambda: Button("长", "open:" + "长" * 20), id="65 bytes"),
    ],
)
def test_a_button_carries_data_or_opens_a_page(make: Callable[[], Button]) -> None:
    """Exactly one of the two, a page on the web, and data within what Telegram carries back."""
    with pytest.raises(ValueError, match=r"button|address"):
        make()


def test_the_terminal_numbers_what_it_can_press_and_shows_addresses() -> None:
    """A page is shown by its address, a button for the private chat is left out, numbers have no gaps."""
    reply = say("请选：", *ROWS, (Button("依据", "basis:a"),))
    assert terminal(reply) == "请选：\n[1] 详情  [2] 依据\n官网：https://example.org/?a=1&b=2"
    assert [button.data for button in pressable(reply)] == ["details:a", "basis:a"]


# ---- pieces


@given(reply=REPLIES, most=st.integers(32, 400))
def test_pieces_hold_everything_in_order_and_each_is_short_enough(reply: Reply, most: int) -> None:
    """No character is lost, none is moved, and no piece is longer than allowed."""
    found = pieces(reply, most)
    assert "".join(map(contents, found)) == contents(reply)
    assert all(utf16(plain(piece)) <= most for piece in found)


@given(reply=REPLIES, most=st.integers(32, 400))
def test_buttons_are_under_the_last_piece_and_the_first_replaces_the_old_message(reply: Reply, most: int) -> None:
    """One message is edited, and what can be pressed stands where reading ends."""
    found = pieces(reply, most)
    assert [piece.edits for piece in found] == ["7"] + [None] * (len(found) - 1)
    assert [piece.rows for piece in found] == [()] * (len(found) - 1) + [ROWS]


@given(reply=REPLIES)
def test_a_reply_that_is_short_enough_is_left_as_it_is(reply: Reply) -> None:
    """Nothing is cut that need not be."""
    assert pieces(reply, max(32, utf16(plain(reply)))) == (reply,)


@given(
    characters=st.lists(st.sampled_from(WHOLE), min_size=1, max_size=200),
    kind=KINDS,
    listed=st.booleans(),
    most=st.integers(32, 64),
)
def test_no_character_is_cut(characters: list[str], kind: BlockKind, listed: bool, most: int) -> None:
    """Surrogate pairs, combining sequences, flags and joined emoji stay whole wherever the text is cut."""
    text = "".join(characters)
    block = [Block(kind, text), Block(kind, "", (text,))][listed]
    lengths = [len(contents(piece)) for piece in pieces(Reply((block,)), most)]
    assert set(accumulate(lengths)) <= set(accumulate(map(len, characters)))


@given(characters=st.lists(st.sampled_from(WHOLE), max_size=50))
def test_clusters_are_characters_as_people_count_them(characters: list[str]) -> None:
    """A text made of such characters falls into them again."""
    assert clusters("".join(characters)) == characters


def test_a_character_too_long_for_a_message_is_cut_all_the_same() -> None:
    """A letter with a hundred accents is sent rather than refused; a surrogate pair is whole even then."""
    found = pieces(say("e" + "\u0301" * 99), 32)
    assert [len(contents(piece)) for piece in found] == [32, 32, 32, 4]
    halves = pieces(say("👍" + "\u200d\ud83d\udc4d" * 40), 32)
    assert all(not contents(piece).endswith("\ud83d") for piece in halves)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        pytest.param("甲" * 20 + "\n" + "乙" * 20, ["甲" * 20 + "\n", "乙" * 20], id="line end"),
        pytest.param("甲。" * 9 + "乙！" + "丙" * 20, ["甲。" * 9 + "乙！", "丙" * 20], id="sentence"),
        pytest.param(
            "「" + "甲" * 20 + "。」" + "乙" * 20, ["「" + "甲" * 20 + "。」", "乙" * 20], id="after the quote"
        ),
        pytest.param("甲" * 25 + "？！" + "乙" * 20, ["甲" * 25 + "？！", "乙" * 20], id="both marks"),
        pytest.param("甲" * 40, ["甲" * 32, "甲" * 8], id="anywhere"),
    ],
)
def test_a_long_text_is_cut_where_it_disturbs_least(text: str, cut: list[str]) -> None:
    """At a line end rather than after a sentence, after a sentence rather than inside one."""
    assert [contents(piece) for piece in pieces(say(text), 32)] == cut


def test_a_reply_is_cut_between_blocks_rather_than_inside_one() -> None:
    """A block that fits a message is never cut; the next one follows in the same message if it can."""
    blocks = (Block("lead", "甲" * 20), Block("points", "乙", ("丙" * 5, "丁" * 5)), Block("note", "戊" * 3))
    assert [piece.blocks for piece in pieces(Reply(blocks), 32)] == [blocks[:1], blocks[1:]]


def test_a_long_list_goes_on_counting() -> None:
    """It is cut between its items, the heading stays with the first, and the next message goes on counting."""
    items = tuple(f"第{n}步要做的事情" for n in range(1, 31))
    found = pieces(Reply((Block("steps", "步骤", items), Block("basis", "依据"))), 100)
    assert [number for piece in found for number in numbers(piece)] == [f"{n}." for n in range(1, 31)]
    assert [piece.blocks[0].start for piece in found] == [1, 9, 16, 23, 30]
    assert plain(found[0]).startswith("步骤\n1. 第1步")
    assert found[-1].blocks[-1] == Block("basis", "依据")


def test_an_item_too_long_for_a_message_has_one_mark() -> None:
    """What a later message goes on with is no new item, and the item after it has the next number."""
    found = pieces(Reply((Block("steps", "", ("甲" * 40, "乙")),)), 32)
    assert [plain(piece) for piece in found] == ["1. " + "甲" * 29, "甲" * 11 + "\n2. 乙"]


def test_a_warning_too_long_for_a_message_has_one_mark() -> None:
    """It is one warning, however many messages it takes."""
    assert "".join(map(plain, pieces(Reply((Block("warning", "甲" * 90),)), 32))) == "⚠️ " + "甲" * 90


def test_a_message_too_small_for_anything_is_refused() -> None:
    """A caller that asks for less than a mark and a character is told so."""
    with pytest.raises(ValueError, match="32"):
        pieces(say("您好"), 31)


@given(text=st.text(st.characters(exclude_categories=())))
def test_length_is_counted_as_telegram_counts_it(text: str) -> None:
    """Two units for what is beyond the first plane, one for everything else, half pairs too."""
    assert utf16(text) == sum(1 + (ord(char) > 0xFFFF) for char in text)


# ---- sent again


@given(reply=REPLIES)
def test_a_reply_sent_again_says_so_once(reply: Reply) -> None:
    """«（重发）» stands before the first words, once, and nothing else is changed."""
    again = mark_again(reply)
    assert again.blocks[0].text.startswith("（重发）")
    assert mark_again(again) == again
    assert contents(again).count("（重发）") == 1
    assert contents(again).removeprefix("（重发）") == contents(reply)
    assert replace(again, blocks=()) == replace(reply, blocks=())
