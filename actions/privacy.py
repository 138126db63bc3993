"""Taking personal numbers out of what people type, before anything is kept.

Minimum scope and least impact: 个人信息保护法 articles 6 and 19. Identity numbers, telephone numbers,
bank cards and number plates are replaced by a word; nothing else of the text changes.
"""

import re

_ID_CARD = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_LONG_NUMBER = re.compile(r"(?<!\d)\d{15,19}(?!\d)")
_MOBILE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)0\d{2,3}[- ]\d{7,8}(?!\d)")
_PLATE = re.compile(
    "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
    r"[A-HJ-NP-Z][·. ]?[A-HJ-NP-Z0-9]{5,6}(?![A-Za-z0-9])"
)

_MASKS = (
    (_ID_CARD, "〔身份证号〕"),
    (_MOBILE, "〔手机号〕"),
    (_LANDLINE, "〔电话〕"),
    (_LONG_NUMBER, "〔长号码〕"),
    (_PLATE, "〔车牌号〕"),
)


def mask(text: str) -> str:
    """The text with personal numbers replaced by what they are.

    >>> mask("张某 13812345678 违停")
    '张某 〔手机号〕 违停'
    """
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return text
