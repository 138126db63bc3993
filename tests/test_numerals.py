"""Chinese numerals are read as statutes print them and as people say them."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.catalogue import numerals
from knowledge.catalogue.numerals import numbers_in, to_int
from tests.chinese import DIGITS, chinese


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (7, "七"),
        (10, "十"),
        (15, "十五"),
        (20, "二十"),
        (103, "一百零三"),
        (110, "一百一十"),
        (1005, "一千零五"),
        (1050, "一千零五十"),
        (10_000, "一万"),
        (10_005, "一万零五"),
        (30_500, "三万零五百"),
        (99_999, "九万九千九百九十九"),
    ],
)
def test_the_writer_these_tests_rely_on_writes_as_statutes_do(number: int, text: str) -> None:
    """The inverse below is only worth something if its writer is right."""
    assert chinese(number) == text


@given(st.integers(1, 99_999))
def test_every_number_a_statute_prints_is_read_back(number: int) -> None:
    """What is written as a Chinese numeral from 1 to 99,999 is read as that number."""
    assert to_int(chinese(number)) == number


def test_the_first_ten_thousand_numbers_are_read_back_without_exception() -> None:
    """Article numbers and most figures of statutes lie here, so none of them is left to chance."""
    assert [to_int(chinese(number)) for number in range(1, 10_000)] == list(range(1, 10_000))


@given(st.integers(1, 99_999))
def test_a_spoken_two_is_a_two(number: int) -> None:
    """People say 两百 and 两千 where a statute says 二百 and 二千."""
    assert to_int(chinese(number).replace("二百", "两百").replace("二千", "两千").replace("二万", "两万")) == number


@given(st.integers(0, 9999))
def test_digit_by_digit_and_arabic_figures_are_read_alike(number: int) -> None:
    """Years are written digit by digit («二〇二六»); figures may be Arabic."""
    spelled = "".join(DIGITS[int(digit)] for digit in str(number))
    assert to_int(spelled) == to_int(spelled.replace("零", "〇")) == to_int(str(number)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("一百五", 150), ("两百五", 250), ("三千六", 3600), ("三万五", 35_000), ("一百零五", 105), ("三万零五", 30_005)],
)
def test_a_last_digit_right_after_a_unit_counts_the_next_lower_unit(text: str, number: int) -> None:
    """«一百五» is said for 150, while «一百零五» is 105."""
    assert to_int(text) == number


@pytest.mark.parametrize("text", ["", "条", "第五", "五条", "１２", "½", "万", "12a", "-3"])
def test_what_is_no_number_is_none(text: str) -> None:
    """Nothing is guessed: a text that is not wholly a numeral has no value."""
    assert to_int(text) is None


@given(st.text(max_size=12))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    """Reading a number never raises, whatever is typed."""
    assert to_int(text) is None or isinstance(to_int(text), int)


@given(st.text(alphabet="零〇一二三四五六七八九十百千万两俩", min_size=1, max_size=8))
def test_no_heap_of_numerals_makes_the_reader_fail(text: str) -> None:
    """Numerals in an order no number has are read as something or nothing, never an error."""
    assert to_int(text) is None or isinstance(to_int(text), int)


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("处二百元以上五千元以下罚款", {"200", "5000"}),
        ("罚款 200 元，按日加处 3%", {"200", "3%"}),
        ("每日按罚款数额的百分之三加处", {"3", "3%"}),
        ("货值 12.5 元", {"12.5"}),
    ],
)
def test_figures_of_a_text_are_found_in_either_script(text: str, figures: set[str]) -> None:
    """A figure of an answer can be held against a statute although one says 200 and the other 二百."""
    assert figures <= numbers_in(text)


def test_the_examples_of_the_documentation_hold() -> None:
    """Each `>>>` line in the module does what it shows."""
    result = doctest.testmod(numerals)
    assert (result.failed, result.attempted > 0) == (0, True)


def test_a_text_without_figures_has_none() -> None:
    """No figure is found where none stands."""
    assert numbers_in("责令改正") == set()
