"""Personal numbers are masked, and nothing else of a text is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.privacy import mask


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("身份证11010519491231002X的当事人", "身份证〔身份证号〕的当事人"),
        ("电话13812345678", "电话〔手机号〕"),
        ("+86 138-1234-5678 打过来", "〔手机号〕 打过来"),
        ("座机0319-2345678", "座机〔电话〕"),
        ("卡号6222021234567890123", "卡号〔长号码〕"),
        ("冀A12345违停", "〔车牌号〕违停"),
        ("冀AD12345新能源车", "〔车牌号〕新能源车"),
    ],
)
def test_what_is_masked(typed: str, kept: str) -> None:
    """Identity card, telephone, bank card and number plate become a word."""
    assert mask(typed) == kept


@pytest.mark.parametrize(
    "text",
    [
        "行政处罚法第33条第2款",
        "罚款3000元",
        "2026-11-21",
        "辽政办发〔2023〕18号",
        "国务院令第825号",
        "案号2026年第12345号",
        "晋升",
    ],
)
def test_what_is_not_masked(text: str) -> None:
    """Article numbers, amounts, dates and document numbers stay."""
    assert mask(text) == text


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.text(alphabet="听证罚款店主，。 ", max_size=20))
def test_no_mobile_number_survives(number: str, around: str) -> None:
    """A mobile number is masked wherever it stands in Chinese text."""
    assert number not in mask(around + number + around)


@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(text: str) -> None:
    """Masked text has nothing left to mask, and any text can be masked."""
    assert mask(mask(text)) == mask(text)
