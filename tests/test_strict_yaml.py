"""The YAML of the content: what is refused, what a scalar becomes, and that faults name their line."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from knowledge.catalogue.strict_yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES, YamlProblem, parse, read_text

_BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", 3, "twice", id="duplicate key"),
        pytest.param("- x: {a: 1, b: 2, a: 3}\n", 1, "twice", id="duplicate key in a flow mapping"),
        pytest.param("- a: 1\n  'a': 2\n", 2, "twice", id="duplicate key in other quotes"),
        pytest.param("a: 1\nb: &name 2\n", 2, "anchor", id="anchor"),
        pytest.param("a: 1\nb: *name\n", 2, "alias", id="alias of nothing"),
        pytest.param(_BOMB, 1, "anchor", id="bomb of aliases"),
        pytest.param("a: &a\n  <<: *a\n", 1, "anchor", id="merge of itself"),
        pytest.param("\n\na: !!python/object/apply:os.system ['true']\n", 3, "tag", id="tag that runs a program"),
        pytest.param("a: !!str 1\n", 1, "tag", id="harmless tag"),
        pytest.param("a: ! x\n", 1, "tag", id="tag without a name"),
        pytest.param("--- 1\n--- 2\n", 2, "more than one document", id="two documents"),
        pytest.param("[" * 100_000, 1, "deeper", id="100,000 open brackets"),
        pytest.param("{a: " * 100_000, 1, "deeper", id="100,000 open braces"),
        pytest.param("- " * 100_000, 1, "deeper", id="100,000 dashes"),
        pytest.param("\n" + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), 2, "deeper", id="one level too deep"),
        pytest.param("- x\n" * MAX_NODES, MAX_NODES, "values", id="one value too many"),
        pytest.param("1: a\n", 1, "key", id="number as key"),
        pytest.param("a: 1\ntrue: a\n", 2, "key", id="boolean as key"),
        pytest.param("[a]: b\n", 1, "key", id="list as key"),
        pytest.param("? {a: 1}\n: b\n", 1, "key", id="mapping as key"),
        pytest.param("~: b\n", 1, "key", id="null as key"),
        pytest.param("a: 1\n\tb: 2\n", 2, "not valid", id="tab for indentation"),
        pytest.param("a: [1, 2\n", 2, "not valid", id="bracket never closed"),
        pytest.param("a: 'x\n", 2, "not valid", id="quote never closed"),
        pytest.param("a: 1\n b: 2\n", 2, "not valid", id="wrong indentation"),
        pytest.param("a: b: c\n", 1, "not valid", id="colon inside plain text"),
        pytest.param("- a\nb: c\n", 2, "not valid", id="list that turns into a mapping"),
        pytest.param("%YAML 9.9\n--- a\n", 1, "not valid", id="another YAML"),
    ],
)
def test_what_could_mislead_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    """Each construct that YAML allows and people get wrong, or attackers use, is refused where it stands."""
    with pytest.raises(YamlProblem) as caught:
        parse(text)
    assert (caught.value.line, says in caught.value.message) == (line, True), caught.value.message


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ('"null"', "null"),
        ("12:30:00", "12:30:00"),
        ("12:30", "12:30"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("+7", "+7"),
        ("7", 7),
        ("-7", -7),
        ("0", 0),
        ("9999999999999999", 9_999_999_999_999_999),
        ("99999999999999999", "99999999999999999"),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-11-21", "2026-11-21"),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
        ("=", "="),
        ("<<", "<<"),
        ("'007'", "007"),
        ("'7'", "7"),
        ("７", "７"),
        ("|\n  7\n", "7\n"),
        (">\n  a\n  b\n", "a b\n"),
    ],
)
def test_a_scalar_is_what_a_reader_takes_it_for(written: str, value: object) -> None:
    """Only whole numbers, true, false and null mean something; all else, dates included, stays text."""
    data, _ = parse(f"- {written}")
    assert data == [value]
    assert type(data[0]) is type(value)


def test_every_value_knows_its_line() -> None:
    """The line of a value is that on which it begins, in flow and block style and after long texts."""
    text = "# a comment\n- id: one\n  text: |\n    first\n    second\n  list: [a,\n    b]\n\n- {id: two,\n   x: 1}\n"
    data, lines = parse(text)
    assert data == [{"id": "one", "text": "first\nsecond\n", "list": ["a", "b"]}, {"id": "two", "x": 1}]
    assert lines[(0,)] == 2
    assert lines[(0, "text")] == 3
    assert lines[(0, "list")] == lines[(0, "list", 0)] == 6
    assert lines[(0, "list", 1)] == 7
    assert lines[(1,)] == 9
    assert lines[(1, "x")] == 10


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n"])
def test_a_document_without_a_value_is_nothing(text: str) -> None:
    """An empty document is null on line 1 or later, never an error of the parser."""
    data, lines = parse(text)
    assert data is None
    assert lines[()] >= 1


def test_the_limits_themselves_are_allowed() -> None:
    """Depth and number of values may be used up to the last one."""
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)[0] is not None
    assert len(parse("- x\n" * (MAX_NODES - 1))[0]) == MAX_NODES - 1


@pytest.mark.parametrize(
    ("raw", "line", "says"),
    [
        pytest.param(b"x" * (MAX_BYTES + 1), 1, "larger", id="one byte too large"),
        pytest.param("a: 1\nb: 测试\n".encode("gb18030"), 2, "UTF-8", id="GB 18030"),
        pytest.param("a: 1\n".encode("utf-16"), 1, "UTF-8", id="UTF-16"),
        pytest.param(b"a: 1\nb: \xed\xa0\x80\n", 2, "UTF-8", id="half a surrogate pair"),
        pytest.param(b"\xef\xbb\xbfa: 1\n", 1, "U+FEFF", id="byte order mark"),
        pytest.param(b"a: 1\n\nb: \x00\n", 3, "U+0000", id="NUL"),
        pytest.param(b"a: \x1b[31m\n", 1, "U+001B", id="terminal escape"),
        pytest.param("a: 1\nb: 处\u200b罚\n".encode(), 2, "U+200B", id="zero width space"),
        pytest.param("a: 处\u2060罚\n".encode(), 1, "U+2060", id="word joiner"),
        pytest.param("a: \u202ecod.exe\n".encode(), 1, "U+202E", id="right-to-left override"),
        pytest.param("a: 处\xad罚\n".encode(), 1, "U+00AD", id="soft hyphen"),
        pytest.param("a: 1\nb: x\u2028c: 2\n".encode(), 2, "U+2028", id="line separator that editors do not count"),
        pytest.param("a: x\x85b: 2\n".encode(), 1, "U+0085", id="next line"),
        pytest.param("a: \uffff\n".encode(), 1, "U+FFFF", id="no character"),
    ],
)
def test_bytes_that_are_not_plain_text_are_refused_with_their_line(
    tmp_path: Path, raw: bytes, line: int, says: str
) -> None:
    """A file is UTF-8 within the size cap, without characters a reader cannot see."""
    path = tmp_path / "x.yaml"
    path.write_bytes(raw)
    with pytest.raises(YamlProblem) as caught:
        read_text(path)
    assert (caught.value.line, says in caught.value.message) == (line, True), caught.value.message


def test_the_largest_file_allowed_is_read(tmp_path: Path) -> None:
    """The cap is 512 KiB, not a byte less; Chinese, full-width and rare characters are plain text."""
    text = "处罚（㐀𠀀）\r\n"
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode() + b"#" * (MAX_BYTES - len(text.encode())))
    assert read_text(path).startswith(text)


_YAML_ISH = st.lists(
    st.sampled_from(["- ", "a: ", "? ", ": ", "[", "]", "{", "}", ",", "&a ", "*a", "!t ", "|\n", "> ", "'", '"'])
    | st.sampled_from(["\n", "  ", "\t", "#", "---\n", "...\n", "%", "@", "`", "处罚", "12:30", "null", "\\", "\r"]),
    max_size=30,
).map("".join)


@given(st.text(max_size=200) | _YAML_ISH)
def test_any_text_is_read_or_refused_with_a_line_of_it(text: str) -> None:
    """Nothing else can happen: data, or a problem in one line of words that names a line of the text."""
    problems: list[YamlProblem] = []
    try:
        parse(text)
    except YamlProblem as problem:
        problems.append(problem)
    last = len(text.splitlines()) + 1
    assert all(1 <= problem.line <= last and "\n" not in problem.message for problem in problems)


_PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**16) + 1, 10**16 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
).filter(lambda data: _depth(data) <= MAX_DEPTH)


def _depth(data: Any) -> int:
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


@given(_PLAIN)
def test_plain_data_written_by_another_program_comes_back_equal(data: Any) -> None:
    """What an ordinary YAML writer writes of text, whole numbers, booleans and null is read back as it was."""
    assert parse(yaml.safe_dump(data, allow_unicode=False))[0] == data


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), min_size=1), min_size=1, max_size=6))
def test_lines_are_those_of_the_text(rows: list[dict[str, int]]) -> None:
    """In a file of simple rows, the line noted for each value is the line its key is written on."""
    text = yaml.safe_dump(rows, default_flow_style=False, sort_keys=False)
    written = text.splitlines()
    _, lines = parse(text)
    for n, row in enumerate(rows):
        for key, value in row.items():
            assert written[lines[(n, key)] - 1].lstrip("- ") == f"{key}: {value}"
