"""Whatever people type, there is an answer: nothing fails, nothing invisible comes back, every button fits.

Messages are built from the words of the trade, the content's own titles, article numbers, search and SQL
syntax, markup, controls, direction marks, emoji, half surrogates, and repeated up to 100 kB.
"""

import functools
import json
import os
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.cards import verdict as cards
from actions.message import BUTTON_DATA_BYTES, Reply, plain
from bot.channels.console.render import terminal
from knowledge.library import Library
from knowledge.search.verdict import Status
from tests.conftest import TODAY
from tests.web_support import Served, Visitor, said

MESSAGES = {"ci": 1_500}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 10_000)
OVER_HTTP = 300
IN_A_SESSION = 9  # ten at once are allowed

HOSTILE = (
    *("", " ", "\n", "\t\r\n", "\x00", "\x1b[31m红\x1b[0m", "\x07\x08\x7f\x85", "\u200b\u200d\u2060\ufeff"),
    *("\u202e倒\u202c", "\u2066隔\u2069", "\ud800", "\udfff\ud83d", "\U000e0001\uf8ff\U0010ffff", "e\u0301\u0327" * 40),
    *("😀", "👨\u200d👩\u200d👧", "🇨🇳", "①②㈠", "ﬁ㍿㌔", "\u3000", "１２３条", "Ａ", "𠮷𡃁", "停證", "聽證"),
    *('" OR 1*', "NEAR(听证 罚款, 2)", "'; DROP TABLE inbox; --", "^听证 AND NOT *", "title:", '"""', "(", "%_\\", "-"),
    *("<b>&amp;</b>", "<script>alert(1)</script>", "]]>", "{{7*7}}", "${x}", "%s%n", "../../etc/passwd", "=1+1"),
    *(
        "第0条",
        "33条第二款",
        "第九千九百九十九条",
        "处罚法33条",
        "第三款呢",
        "第" * 30 + "条",
        "9" * 40,
        "七日",
        "-1天",
    ),
    *(
        "/place",
        "/lists",
        "/help x",
        "/",
        "//",
        "/nonsense",
        "?",
        "？",
        "!" * 50,
        "。",
        "它",
        "那呢",
        "几天",
        "谁举报的",
    ),
)
JOINTS = ("", "", "", " ", "，", "？", "\n", "。另外再问", "、", "|", ";")


@functools.cache
def messages(library: Library) -> st.SearchStrategy[str]:
    """Messages of every sort, most of them a mixture."""
    index = library.index
    words = sorted({*index.lexicon.spellings, *index.lexicon.chatter, *index.lexicon.aspects})
    entries = [library.item(entry).entry for entry in index.browse(("rule", "procedure", "time_limit", "list_item"))]
    titles = sorted({text for entry in entries for text in (entry.title, *entry.ask)})
    places = sorted({*library.registers.places.by_path, *library.registers.places.elsewhere})
    sources = sorted(library.registers.sources.names)
    piece = st.one_of(
        st.sampled_from(words),
        st.sampled_from(titles),
        st.sampled_from([*places, *sources]),
        st.sampled_from(HOSTILE),
        st.text(max_size=12),
    )
    mixed = st.builds(lambda joint, pieces: joint.join(pieces), st.sampled_from(JOINTS), st.lists(piece, max_size=5))
    long = st.builds(lambda text, size: (text * size)[:size], mixed, st.sampled_from([200, 1_000, 4_001, 33_333]))
    return st.one_of(mixed, mixed, mixed, mixed, titles_cut(titles), long)


def titles_cut(titles: list[str]) -> st.SearchStrategy[str]:
    """Real phrasings with characters missing, as thumbs leave them out."""
    return st.builds(
        lambda title, at, length: title[:at] + title[at + length :],
        st.sampled_from(titles),
        st.integers(0, 12),
        st.integers(1, 4),
    )


def invisible(text: str) -> set[str]:
    """Characters of a text that no message may hold: controls, formats, half surrogates, private ones."""
    return {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"}}


def check(reply: Reply) -> None:
    """What holds for every message that goes out."""
    assert Reply.from_json(json.loads(json.dumps(reply.as_json()))) == replace(reply, edits=None)
    texts = [text for block in reply.blocks for text in (block.text, *block.items)]
    buttons = [button for row in reply.rows for button in row]
    assert invisible("".join([*texts, *(button.label for button in buttons)])) == set()
    assert all(button.label and len(button.data.encode()) <= BUTTON_DATA_BYTES for button in buttons)
    assert plain(reply).strip()
    assert invisible(terminal(reply).replace("\n", "")) == set()


@settings(
    max_examples=MESSAGES // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(data=st.data())
def test_every_message_has_a_verdict_and_a_clean_reply(library: Library, data: st.DataObject) -> None:
    """A message and one that leans on it: one of the five statuses, and a reply every channel can show.

    Two messages an example: 10,000 in all, 1,500 in CI.
    """
    place = data.draw(st.sampled_from(sorted(library.registers.places.by_path)), label="place")
    first = library.ask(data.draw(messages(library), label="first"), place, TODAY)
    second = library.ask(data.draw(messages(library), label="second"), place, TODAY, first.turn)
    for verdict in (first, second):
        assert verdict.status in get_args(Status)
        assert (verdict.match is not None) == (verdict.status == "answered")
        assert bool(verdict.choices) == (verdict.status == "choices")
        replies = cards.reply(verdict, library, 2**62)
        assert replies
        for reply in replies:
            check(reply)


def test_same_message_has_the_same_verdict(library: Library) -> None:
    """Answering is pure: asked again, in another order, every hostile piece gets the verdict it got before."""
    once = {text: library.ask(text, "全国", TODAY) for text in HOSTILE}
    again = {text: library.ask(text, "全国", date(2026, 11, 21)) for text in reversed(HOSTILE)}
    assert once == again


class Crowd:
    """Visitors one after the other, each leaving before it types too fast.

    Args:
        server: where they go.
    """

    def __init__(self, server: Served) -> None:
        self._server = server
        self._said = 0
        self._here = ExitStack()
        self._visitor = self._here.enter_context(Visitor(server.url))

    def next(self) -> Visitor:
        """Whoever speaks now."""
        self._said += 1
        if self._said % IN_A_SESSION == 0:
            self.leave()
            self._visitor = self._here.enter_context(Visitor(self._server.url))
        return self._visitor

    def leave(self) -> None:
        """Go."""
        self._here.close()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Visitors of one real server, which must have nothing to complain of at the end."""
    with Served(tmp_path_factory.mktemp("fuzz")) as server:
        people = Crowd(server)
        yield people
        people.leave()
        assert server.complaints() == []


@settings(
    max_examples=OVER_HTTP,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(data=st.data())
def test_every_message_over_http_is_answered(library: Library, crowd: Crowd, data: st.DataObject) -> None:
    """300 of them through the real server, commands among them: each is kept, answered, and answered cleanly."""
    for line in crowd.next().send(data.draw(messages(library), label="message")):
        assert invisible(said(line).replace("\n", "")) == set()
        assert "出了问题" not in said(line)
        assert said(line).strip()
