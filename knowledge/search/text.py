"""Normal form of text, the same for content and questions."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from sys import intern
from typing import Protocol

from knowledge.catalogue.numerals import CHINESE_NUMBER, to_int

MAX_QUESTION = 1_000
"""Characters of a message that are looked at; the rest cannot change which entry answers."""

_CJK = "\u3400-\u4dbf\u4e00-\u9fff"
_RUN = re.compile(rf"[{_CJK}]+|[a-z0-9.]+%?")
_SPACE = re.compile(r"\s+")
_AMOUNT = re.compile(rf"({CHINESE_NUMBER})(?=个?工作日|日|天|块|元|万元|个月|年|个?小时|周岁|岁|学时|倍|人(?!民)|名)")
_PERCENT = re.compile(rf"百分之({CHINESE_NUMBER})")


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


@functools.cache
def _to_simplified() -> _Converter:
    import opencc

    converter: _Converter = opencc.OpenCC("t2s")
    return converter


def normalise(text: str) -> str:
    """NFKC, lower case, simplified characters, no invisible characters, figures in Arabic digits.

    Args:
        text: any text; only the first 1,000 characters are kept.
    """
    text = unicodedata.normalize("NFKC", text[:MAX_QUESTION])[:MAX_QUESTION].lower()
    text = "".join(c if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"} else " " for c in text)
    if not text.isascii():
        text = _to_simplified().convert(text)
    text = _PERCENT.sub(lambda m: f"{to_int(m[1])}%", text)
    text = _AMOUNT.sub(lambda m: _amount(m[1]), text)
    return _SPACE.sub(" ", text).strip()


def _amount(chinese: str) -> str:
    value = to_int(chinese)
    return chinese if value is None else str(value)


def runs(text: str) -> Iterator[str]:
    """Unbroken runs of Chinese characters, and of Latin letters and digits."""
    return (match[0] for match in _RUN.finditer(text))


def bigrams(text: str) -> list[str]:
    """Character pairs of every Chinese run; a lone character and a Latin or digit run stand for themselves.

    Interned, because profiles hold the same few thousand pairs a million times over.

    >>> bigrams("听证 7日")
    ['听证', '7', '日']
    """
    found: list[str] = []
    for run in runs(text):
        if run[0].isascii() or len(run) == 1:
            found.append(intern(run))
        else:
            found += [intern(run[n : n + 2]) for n in range(len(run) - 1)]
    return found


def characters(text: str) -> list[str]:
    """Single Chinese characters, Latin and digit runs whole."""
    found: list[str] = []
    for run in runs(text):
        if run[0].isascii():
            found.append(intern(run))
        else:
            found += map(intern, run)
    return found
