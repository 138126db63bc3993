"""HTML as the Bot API reads it: plain text and entities with offsets in UTF-16 units, or an exact complaint.

The reader follows the one of Telegram's own library (td/telegram/MessageEntity.cpp, parse_html): the tags it
knows, attributes with or without quotes, `</>` as a closing tag, unknown named entities left as they are.
"""

import re
from collections.abc import Callable
from typing import Any

Entity = dict[str, Any]

SIMPLE_TAGS = {
    "b": "bold", "strong": "bold",
    "i": "italic", "em": "italic",
    "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough",
    "tg-spoiler": "spoiler", "span": "spoiler",
    "code": "code", "pre": "pre", "blockquote": "blockquote",
}  # fmt: skip
"""What a tag becomes; `a` becomes a `text_link`."""

_ORDER = ["blockquote", "expandable_blockquote", "pre", "code", "text_link", "bold", "italic", "underline",
          "strikethrough", "spoiler"]  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(_ORDER)}
"""Which of two entities around the same words comes first."""

_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9A-Fa-f]{1,6})|#([0-9]{1,7})|([A-Za-z]+));?")
_PLAIN = re.compile(r"[^<&]+")
_ATTRIBUTE = re.compile(r"""\s*([^\s=>/'"]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9.\-]+)(?=[\s>])))?""")
_TAG = re.compile(r"<(/?)([^\s>]*)")
_FOUND = re.compile(r"(?<!\S)(?P<bot_command>/[A-Za-z0-9_]{1,32}(?:@\w+)?)|(?<![\w@])(?P<mention>@[A-Za-z]\w{2,31})")


class CannotParse(Exception):
    """The text is no HTML that Telegram accepts; the message is Telegram's."""


def utf16_length(text: str) -> int:
    """The length Telegram counts in: UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def find_entities(text: str) -> list[Entity]:
    """The commands and mentions that Telegram marks by itself in what a person types."""
    return [
        {"type": str(found.lastgroup), "offset": utf16_length(text[: found.start()]), "length": len(found[0])}
        for found in _FOUND.finditer(text)
    ]


class _Reader:
    """One pass over one text."""

    def __init__(self, source: str, warn: Callable[[str], None]) -> None:
        self.source = source
        self.at = 0
        self.out: list[str] = []
        self.length = 0
        self.open: list[tuple[str, Entity]] = []
        self.entities: list[Entity] = []
        self._warn = warn

    def read(self) -> None:
        while self.at < len(self.source):
            char = self.source[self.at]
            if char == "<":
                self._tag()
            elif char == "&":
                self._reference()
            else:
                plain = _PLAIN.match(self.source, self.at)
                assert plain is not None
                self._put(plain[0])
                self.at = plain.end()
        if self.open:
            raise CannotParse(f'can\'t find end tag corresponding to start tag "{self.open[-1][0]}"')

    def _put(self, text: str) -> None:
        self.out.append(text)
        self.length += utf16_length(text)

    def _reference(self) -> None:
        found = _REFERENCE.match(self.source, self.at)
        decoded = decode_reference(found) if found else None
        if found and decoded is None:
            self._warn(f"{found[0]!r} is shown as it stands: only &lt; &gt; &amp; &quot; and numbers are known")
        self._put("&" if decoded is None else decoded)
        self.at = self.at + 1 if found is None or decoded is None else found.end()

    def _where(self, position: int) -> str:
        return f"at byte offset {len(self.source[:position].encode())}"

    def _tag(self) -> None:
        begin = self.at
        found = _TAG.match(self.source, begin)
        assert found is not None
        self.at = found.end()
        name = found[2].lower()
        if found[1]:
            self._close(name, begin)
        else:
            self._start(name, begin)

    def _start(self, name: str, begin: int) -> None:
        if self.at >= len(self.source):
            raise CannotParse(f"Unclosed start tag {self._where(begin)}")
        if name != "a" and name not in SIMPLE_TAGS:
            raise CannotParse(f'Unsupported start tag "{name}" {self._where(begin)}')
        attributes = self._attributes(name, begin)
        self.open.append((name, self._entity(name, attributes, begin)))

    def _attributes(self, name: str, begin: int) -> dict[str, str]:
        attributes: dict[str, str] = {}
        while True:
            while self.at < len(self.source) and self.source[self.at].isspace():
                self.at += 1
            if self.at >= len(self.source):
                raise CannotParse(f'Unclosed start tag "{name}" {self._where(begin)}')
            if self.source[self.at] == ">":
                self.at += 1
                return attributes
            found = _ATTRIBUTE.match(self.source, self.at)
            if found is None:
                raise CannotParse(f'Empty attribute name in the tag "{name}" {self._where(begin)}')
            self.at = found.end()
            if self.source[self.at :].lstrip()[:1] == "=":
                raise CannotParse(f"Unexpected end of name token {self._where(self.at)}")
            if found.end() == found.end(1) and (name, found[1].lower()) != ("blockquote", "expandable"):
                raise CannotParse(f'Expected equal sign in declaration of an attribute of the tag "{name}"')
            value = found[2] or found[3] or (found[4] or "").lower()
            attributes[found[1].lower()] = _REFERENCE.sub(lambda one: decode_reference(one) or one[0], value)

    def _entity(self, name: str, attributes: dict[str, str], begin: int) -> Entity:
        known = {"a": "href", "span": "class", "code": "class", "blockquote": "expandable"}.get(name)
        for ignored in attributes.keys() - {known}:
            self._warn(f"attribute {ignored!r} of {name!r} means nothing")
        entity: Entity = {"type": SIMPLE_TAGS.get(name, "text_link"), "offset": self.length, "length": 0}
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise CannotParse(f'Tag "span" must have class "tg-spoiler" {self._where(begin)}')
        if name == "a":
            entity["url"] = attributes.get("href", "")
        elif name == "blockquote" and "expandable" in attributes:
            entity["type"] = "expandable_blockquote"
        elif name == "code" and attributes.get("class", "").startswith("language-"):
            entity["language"] = attributes["class"].removeprefix("language-")
        return entity

    def _close(self, name: str, begin: int) -> None:
        if not self.open:
            raise CannotParse(f"Unexpected end tag {self._where(begin)}")
        while self.at < len(self.source) and self.source[self.at].isspace():
            self.at += 1
        if self.source[self.at : self.at + 1] != ">":
            raise CannotParse(f"Unclosed end tag {self._where(begin)}")
        self.at += 1
        expected, entity = self.open.pop()
        if name not in {"", expected}:
            raise CannotParse(f'Unmatched end tag {self._where(begin)}, expected "</{expected}>", found "</{name}>"')
        entity["length"] = self.length - entity["offset"]
        self._keep(entity)

    def _keep(self, entity: Entity) -> None:
        if entity["type"] == "text_link" and not entity["url"]:
            return
        inner = self.entities[-1] if self.entities else None
        same = inner is not None and (inner["offset"], inner["length"]) == (entity["offset"], entity["length"])
        if entity["type"] == "pre" and same and inner is not None and inner["type"] == "code":
            self.entities.pop()
            entity |= {"language": inner["language"]} if "language" in inner else {}
        elif entity["type"] == "code":
            entity = {key: value for key, value in entity.items() if key != "language"} | (
                {"language": entity["language"]} if "language" in entity and self._inside("pre") else {}
            )
        self.entities.append(entity)

    def _inside(self, name: str) -> bool:
        return any(tag == name for tag, _ in self.open)


def decode_reference(found: re.Match[str]) -> str | None:
    """The character of `&…;`, or None where Telegram leaves it as it stands."""
    hexadecimal, decimal, name = found.groups()
    if name is not None:
        return _NAMED.get(name)
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x10FFFF and not 0xD800 <= code < 0xE000 else None


def parse_html(source: str, warn: Callable[[str], None] = lambda _: None) -> tuple[str, list[Entity]]:
    """Read a text with parse mode HTML.

    Args:
        source: the text with tags.
        warn: takes a sentence on what Telegram accepts but a person sees as raw signs.

    Returns:
        The plain text, trimmed as Telegram trims it, and its entities in order, offsets in UTF-16 units.

    Raises:
        CannotParse: as Telegram's `can't parse entities`.
    """
    reader = _Reader(source, warn)
    reader.read()
    return trim("".join(reader.out), _without_nested(reader.entities, warn))


def _without_nested(entities: list[Entity], warn: Callable[[str], None]) -> list[Entity]:
    """Code holds no other entity and a quotation no quotation: Telegram drops the inner one."""
    kept = []
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        around = [
            outer["type"]
            for outer in entities
            if outer is not entity and outer["offset"] <= start and end <= outer["offset"] + outer["length"]
        ]
        quoted = "blockquote" in entity["type"] and any("blockquote" in kind for kind in around)
        if quoted or {"code", "pre"} & set(around):
            warn(f"{entity['type']} inside {around} is not shown")
        else:
            kept.append(entity)
    return kept


def trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Take white space off both ends and let the entities end where the text does; empty ones go."""
    shown = text.strip()
    skipped = utf16_length(text[: len(text) - len(text.lstrip())])
    length = utf16_length(shown)
    kept: list[Entity] = []
    for entity in entities:
        start = max(0, entity["offset"] - skipped)
        end = min(length, entity["offset"] + entity["length"] - skipped)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    return shown, sorted(kept, key=lambda entity: (entity["offset"], -entity["length"], _RANK.get(entity["type"], 0)))
