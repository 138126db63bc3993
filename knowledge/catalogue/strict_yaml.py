"""A YAML loader for text that people edit and the program must be able to trust.

PyYAML's safe loader keeps the last of duplicate keys, reads `NO` as false and `12:30` as a number,
and follows aliases that grow without bound. Here an event pass refuses anchors, aliases, tags, depth
and size before anything is composed (a nest of 100,000 brackets crashes the C composer); then
scalars become only text, whole numbers, true, false and null. Dates stay text for the models.
"""

import re
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 512 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 12

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"-?(0|[1-9][0-9]{0,15})\Z")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "": None, "~": None}
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]"
)

Location = tuple[str | int, ...]
Lines = dict[Location, int]


class YamlProblem(Exception):
    """The text is not acceptable; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def read_text(path: Path) -> str:
    """Read a content file as UTF-8 text within the size cap.

    Raises:
        YamlProblem: the file is larger than 512 KiB, not UTF-8, or holds control or invisible characters.
    """
    with path.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise YamlProblem(1, f"the file is larger than {MAX_BYTES // 1024} KiB; split it")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise YamlProblem(line, "the file is not UTF-8 text") from None
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise YamlProblem(line, f"control or invisible character U+{ord(found[0]):04X}")
    return text


def parse(text: str) -> tuple[Any, Lines]:
    """Parse one YAML document under the rules of this module.

    Returns:
        The data (mappings, lists, text, whole numbers, booleans, null) and, for every value in it, the
        line it stands on, keyed by its path from the top.

    Raises:
        YamlProblem: on any breach, with its line.
    """
    try:
        _check_events(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise YamlProblem(
            _line(error.problem_mark or error.context_mark), f"not valid YAML: {error.problem or error.context}"
        ) from None
    except yaml.YAMLError as error:
        raise YamlProblem(1, f"not valid YAML: {str(error).splitlines()[0]}") from None
    lines: Lines = {(): 1}
    return (None if node is None else _build(node, (), lines)), lines


def _line(mark: Any) -> int:
    """The line of a PyYAML mark, from 1."""
    return mark.line + 1 if mark else 1


def _check_events(text: str) -> None:
    nodes = depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = _line(event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlProblem(line, "more than one document in the file")
        if isinstance(event, yaml.AliasEvent):
            raise YamlProblem(line, "aliases (*name) are not allowed; write the value out")
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            if nodes > MAX_NODES:
                raise YamlProblem(line, f"more than {MAX_NODES} values; split the file")
            if event.anchor is not None:
                raise YamlProblem(line, "anchors (&name) are not allowed; write the value out")
            if (tag := getattr(event, "tag", None)) is not None:
                raise YamlProblem(line, f"tags ({tag}) are not allowed")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise YamlProblem(line, f"nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _build(node: yaml.Node, where: Location, lines: Lines) -> Any:
    lines[where] = _line(node.start_mark)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_build(child, (*where, n), lines) for n, child in enumerate(node.value)]
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = _line(key_node.start_mark)
        key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise YamlProblem(line, "a key must be plain text")
        if key in result:
            raise YamlProblem(line, f"the key «{key}» stands twice")
        result[key] = _build(value_node, (*where, key), lines)
    return result


def _scalar(node: yaml.ScalarNode) -> str | int | bool | None:
    value: str = node.value
    if node.style in {"'", '"', "|", ">"}:
        return value
    if value in _WORDS:
        return _WORDS[value]
    return int(value) if _INT.match(value) else value
