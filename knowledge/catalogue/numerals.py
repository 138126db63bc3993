"""Chinese numerals to numbers, as statutes and people write them («第一百零三条», «两百», «三十块»)."""

import re

_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000}
CHINESE_NUMBER = r"[零〇一二三四五六七八九十百千万两俩]+"
_CHINESE = re.compile(CHINESE_NUMBER)
_PERCENT = re.compile(rf"百分之({CHINESE_NUMBER})")


def to_int(text: str) -> int | None:
    """Read «一百零三», «两千», «86» or «二〇二六» as a number; None where it is not one.

    A last digit right after a unit counts the next lower one, as people speak: «一百五» is 150.

    >>> to_int("一百零三"), to_int("十五"), to_int("两百五"), to_int("二〇二六"), to_int("条")
    (103, 15, 250, 2026, None)
    """
    if text.isascii() and text.isdigit():
        return int(text)
    if not text or not _CHINESE.fullmatch(text):
        return None
    if not any(unit in text for unit in "十百千万"):
        return int("".join(str(_DIGITS[c]) for c in text))
    high, separator, low = text.partition("万")
    if separator:
        ten_thousands, rest = to_int(high), to_int(low) if low else 0
        if low in _DIGITS and rest:
            rest *= 1000
        return None if ten_thousands is None or rest is None else ten_thousands * 10_000 + rest
    total, digit, below = 0, 0, 1
    for c in text:
        if c in _UNITS:
            total += (digit or 1) * _UNITS[c]
            digit, below = 0, _UNITS[c] // 10
        else:
            digit = _DIGITS[c]
            below = below if digit else 1
    return total + digit * below


def numbers_in(text: str) -> set[str]:
    """Every figure of a text, Arabic or Chinese, as plain digits; percentages as «3%»."""
    found = {f"{to_int(m[1])}%" for m in _PERCENT.finditer(text)}
    for match in _CHINESE.finditer(text):
        value = to_int(match[0])
        if value is not None:
            found.add(str(value))
    found.update(re.findall(r"\d+(?:\.\d+)?%?", text))
    return found
