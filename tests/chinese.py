"""Writing Chinese numerals, the other way round from `knowledge.catalogue.numerals`."""

DIGITS = "零一二三四五六七八九"


def _below_ten_thousand(number: int) -> str:
    """A number below 10,000 as a statute prints it, with a 零 for each run of empty places inside."""
    text = "".join(
        DIGITS[digit] + unit if digit else "零"
        for digit, unit in zip(map(int, f"{number:04}"), ("千", "百", "十", ""), strict=True)
    )
    return text.replace("零零零", "零").replace("零零", "零").strip("零")


def chinese(number: int) -> str:
    """A number up to 99,999 as a statute prints it: «三万零五», «一百一十», «十五»."""
    high, low = divmod(number, 10_000)
    joint = "零" * (low < 1000)
    whole = (_below_ten_thousand(high) + "万" + joint) * bool(high) + _below_ten_thousand(low)
    return whole.rstrip("零").removeprefix("一") if 10 <= number < 20 else whole.rstrip("零")
