"""Sound keys: two texts that voice input may confuse have the same key.

pypinyin costs 57 MB and a quarter of a second, so it is used only while an index is built; questions
are served by the table compiled into it.
"""

from collections.abc import Mapping
from itertools import pairwise

from knowledge.search.text import runs

Syllables = Mapping[str, str]
"""Character to its sound without tone."""

_FINALS = (("ang", "an"), ("eng", "en"), ("ing", "in"))
_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"))


def compile_syllables() -> dict[str, str]:
    """The sound of every common character, accents of north and south folded (zh=z, ing=in, n=l)."""
    from pypinyin import lazy_pinyin

    return {chr(code): fold(lazy_pinyin(chr(code))[0]) for code in range(0x4E00, 0x9FA6)}


def fold(syllable: str) -> str:
    """Fold what accents and voice input confuse: zh/z, ch/c, sh/s, n/l, -ng/-n."""
    for long, short in _FINALS:
        if syllable.endswith(long):
            syllable = syllable.removesuffix(long) + short
    for long, short in _INITIALS:
        if syllable.startswith(long):
            syllable = short + syllable.removeprefix(long)
    if syllable.startswith("n") and len(syllable) > 1:
        syllable = "l" + syllable[1:]
    return syllable


def key(text: str, syllables: Syllables) -> str:
    """The sound of a run of Chinese characters; a character without a known sound stands for itself."""
    return " ".join(syllables.get(c, c) for c in text)


def sound_bigrams(text: str, syllables: Syllables) -> list[str]:
    """Pairs of sounds in each run of Chinese characters, each written as one token."""
    found: list[str] = []
    for run in runs(text):
        if not run[0].isascii():
            sounds = [syllables.get(c, c) for c in run]
            found += ["".join(pair) for pair in pairwise(sounds)]
    return found
