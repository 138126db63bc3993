"""How fast one may type and how fast the program may send: never more than allowed, never later than need be."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pace import Bucket, Limits, Sending, Typing, Window

STEPS = st.lists(st.one_of(st.just(0.0), st.floats(0, 90)), min_size=1, max_size=60)
"""Seconds between one look and the next."""

UPTIMES = st.floats(0, 10**8)
"""Where a monotonic clock may stand: up to three years."""

SIZES = st.floats(1, 50)
REFILLS = st.floats(0.01, 50)
_CLOSE = 1e-6


def _instants(begin: float, steps: list[float]) -> list[float]:
    instants = [begin]
    for step in steps:
        instants.append(instants[-1] + step)
    return instants


def _most_in_a_window(instants: list[float], seconds: float) -> int:
    """The largest number of instants in any window of that length, its end left out."""
    return max((sum(begin <= at < begin + seconds for at in instants) for begin in instants), default=0)


def _sends(limits: Limits, seconds: float, chat: Callable[[int], str], group: bool = False) -> list[float]:
    """When messages go if there are always more: each as early as the pace lets it, as the sending loop does."""
    now, sending, sent = 1000.0, Sending(limits, 1000.0), list[float]()
    while now < 1000.0 + seconds:
        resting = sending.resting(now).get(chat(len(sent)), now)
        ready = max(sending.ready_at(now), resting)
        if ready > now:
            now = ready
            continue
        sending.sent(chat(len(sent)), group=group, now=now)
        sent.append(now)
        now += 0.0001
    return sent


@given(SIZES, REFILLS, UPTIMES, STEPS)
def test_a_bucket_gives_no_more_than_it_holds_and_gets(
    size: float, refill: float, begin: float, steps: list[float]
) -> None:
    """In any window: at most what a full bucket holds, and what came back meanwhile."""
    bucket = Bucket.full(size, refill, begin)
    taken = [at for at in _instants(begin, steps) if bucket.take(at)]
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= size + refill * (taken[last] - taken[first]) + 0.001


@given(SIZES, REFILLS, UPTIMES, STEPS)
def test_a_bucket_fills_again(size: float, refill: float, begin: float, steps: list[float]) -> None:
    """Whatever was taken, after the time that one token takes there is one, by a clock of any age."""
    bucket = Bucket.full(size, refill, begin)
    for at in _instants(begin, steps):
        bucket.take(at)
    assert bucket.take(begin + sum(steps) + 1 / refill)


@given(st.integers(1, 8), st.floats(0.5, 60), UPTIMES, STEPS)
def test_a_window_is_ready_exactly_when_it_says(most: int, seconds: float, begin: float, steps: list[float]) -> None:
    """At the instant it names one more fits, before it none; and so no stretch ever holds more than allowed."""
    window, taken, now = Window(most, seconds), list[float](), begin
    for step in steps:
        now += step
        ready = window.ready_at(now)
        fits = len(taken) < most or taken[-most] + seconds * 1.1 + 0.1 <= now
        assert ready >= now
        assert ready == now or not fits
        assert window.ready_at(ready) == ready
        now = ready
        window.take(now)
        taken.append(now)
    assert _most_in_a_window(taken, seconds) <= most


@given(SIZES, REFILLS, UPTIMES, st.floats(0, 100))
def test_a_clock_that_steps_back_gives_nothing(size: float, refill: float, begin: float, back: float) -> None:
    """What was counted at one instant is not counted again from an earlier one."""
    bucket = Bucket.full(size, refill, begin)
    while bucket.take(begin):
        pass
    assert not bucket.take(begin - back)
    assert not bucket.take(begin)


@given(UPTIMES, STEPS)
def test_a_person_types_ten_at_once_and_twenty_a_minute_after_that(begin: float, steps: list[float]) -> None:
    """In any minute at most thirty are heard, ten of them at once; the first ten always are."""
    typing = Typing()
    heard = [typing.may("chat", at) for at in _instants(begin, steps)]
    instants = [at for at, ok in zip(_instants(begin, steps), heard, strict=True) if ok]
    assert _most_in_a_window(instants, 60) <= 30
    assert _most_in_a_window(instants, 0.001) <= 10
    assert all(heard[:10])


def test_one_person_does_not_slow_down_another() -> None:
    """Each chat has a pace of its own."""
    typing = Typing()
    assert [typing.may("a", 5.0) for _ in range(11)] == [True] * 10 + [False]
    assert typing.may("b", 5.0)


@given(UPTIMES, STEPS)
def test_who_is_too_fast_is_told_once_a_minute(begin: float, steps: list[float]) -> None:
    """The first time always, and never twice within a minute."""
    typing = Typing()
    told = [at for at in _instants(begin, steps) if typing.may_tell("chat", at)]
    assert told[0] == begin
    assert _most_in_a_window(told, 60 - _CLOSE) == 1


@pytest.mark.parametrize("rate", [1, 2, 4, 5, 7, 30, 100])
def test_no_second_holds_more_than_the_channel_bears(rate: int) -> None:
    """Telegram counts messages in a second; however many wait, no second of the clock's holds more than that.

    Nor much fewer: what is allowed is used.
    """
    sent = _sends(Limits(overall=rate), 5, chat=str)
    assert _most_in_a_window(sent, 1) <= rate
    assert len(sent) >= 5 * rate / 2


def test_no_minute_holds_more_than_a_group_bears() -> None:
    """Telegram takes twenty messages a minute in one group: in any minute, also the first."""
    sent = _sends(Limits(), 300, chat=lambda _: "-1", group=True)
    assert _most_in_a_window(sent, 60) <= 20
    assert len(sent) >= 60


def test_a_chat_gets_five_at_once_and_about_one_a_second() -> None:
    """As Telegram advises for one person: about one a second, a few at once for a moment."""
    sent = _sends(Limits(), 30, chat=lambda _: "1")
    assert _most_in_a_window(sent, 0.9) == 5
    assert _most_in_a_window(sent, 30) <= 35
    assert len(sent) >= 29


@given(st.lists(st.floats(0, 10**6), max_size=10), st.floats(0, 10**6))
def test_a_halt_only_moves_later(halts: list[float], now: float) -> None:
    """Whatever halts come in whatever order, nothing goes before the end of the last to end, and then it goes."""
    sending = Sending(Limits(), 0.0)
    for until in halts:
        sending.halt(until)
        assert sending.ready_at(now) >= until
    assert sending.ready_at(now) == max([now, *halts])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 4)), max_size=60), st.floats(0, 5))
def test_who_rests_and_until_when_is_exact(sent: list[tuple[str, float]], later: float) -> None:
    """Exactly the chats that have had their share rest, and each may get a message at the instant named."""
    limits = Limits(overall=1000)
    sending, now = Sending(limits, 0.0), 0.0
    mirror = {chat: Window(*limits.chat) for chat in "abc"}
    for chat, step in sent:
        now += step
        ready = max(now, sending.resting(now).get(chat, now))
        assert ready == mirror[chat].ready_at(now)
        now = ready
        sending.sent(chat, group=False, now=now)
        mirror[chat].take(now)
    now += later
    resting = sending.resting(now)
    assert resting == {chat: window.ready_at(now) for chat, window in mirror.items() if window.ready_at(now) > now}
    for chat, until in resting.items():
        assert chat in sending.resting(until - 0.001)
        assert chat not in sending.resting(until)


def test_a_group_rests_by_the_rule_for_groups() -> None:
    """Twenty a minute there, five in five seconds elsewhere."""
    sending = Sending(Limits(), 0.0)
    for number in range(20):
        assert sending.resting(0.1 * number) == {}
        sending.sent("-1", group=True, now=0.1 * number)
    assert sending.resting(59.0).keys() == {"-1"}
    assert sending.resting(61.0) == {}


def test_chats_that_are_rested_are_forgotten() -> None:
    """A chat that got nothing for long costs nothing: thousands of them leave the pace as it was."""
    sending = Sending(Limits(overall=1000), 0.0)
    for number in range(5000):
        sending.sent(str(number), group=False, now=0.001 * number)
    assert sending.resting(20.0) == {}
    assert sending._chats == {}
