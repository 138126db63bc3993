"""The documentation says what the program is: what is named in one is found in the other."""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import unquote

import pytest
import typer.main
from pydantic import ValidationError

from bot.cli.main import app
from bot.settings import PREFIX, Settings
from handlers.router import COMMANDS
from knowledge.catalogue import model
from knowledge.catalogue.load import Content, load
from knowledge.catalogue.strict_yaml import parse

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("bot", "handlers", "jobs", "actions", "store", "knowledge", "benchmarks")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for room in (*ROOMS, "docs", "tests") for page in (ROOT / room).rglob("*.md"))]
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:^|[\s/])zhifa((?: [a-z][a-z-]*)+)")
_MAKE = re.compile(r"\bmake(?: [A-Z]+=\S+)* ([\w./-]+)")


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _prose(text: str) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", text)


def _code(text: str) -> list[str]:
    """Everything a page sets as code, line by line."""
    blocks = [line for _, block in _FENCE.findall(text) for line in block.splitlines()]
    return [*blocks, *_INLINE.findall(_prose(text))]


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


@cache
def _content() -> Content:
    return load()


# Commands


def _walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from _walk(command, (*path, name))


TREE = dict(_walk(typer.main.get_command(app)))
RUNNABLE = [path for path, command in TREE.items() if not hasattr(command, "commands")]
OPTIONS = [
    (" ".join(path), option)
    for path in RUNNABLE
    for parameter in TREE[path].params
    for option in parameter.opts
    if option.startswith("--")
]


def _rows_of(command: str) -> str:
    """Rows of the contract's table that begin with a command."""
    return "\n".join(re.findall(rf"^\| `zhifa {command}\b.*$", _read("docs/contract.md"), re.MULTILINE))


def _exists(words: tuple[str, ...]) -> bool:
    """Whether words begin with a command that can be run, or are a group of commands alone."""
    return words in TREE or any(words[: len(path)] == path for path in RUNNABLE)


@pytest.mark.parametrize("command", [" ".join(path) for path in RUNNABLE])
def test_every_command_has_a_row_in_the_contract(command: str) -> None:
    """What can be run is documented."""
    assert _rows_of(command)


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_stands_in_a_row_of_its_command(command: str, option: str) -> None:
    """An option is documented where its command is."""
    assert re.search(rf"`[^`]*{option}\b", _rows_of(command))


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_pages_name_only_commands_that_exist(page: Path) -> None:
    """No page promises a sub-command that cannot be run."""
    code = _code(page.read_text(encoding="utf-8"))
    said = {tuple(match[1].split()) for line in code for match in _COMMAND.finditer(line)}
    assert [words for words in sorted(said) if not _exists(words)] == []


def test_the_contract_names_only_options_that_exist() -> None:
    """No option is promised that no command has."""
    said = {option for code in _code(_read("docs/contract.md")) for option in re.findall(r"--[a-z][a-z-]*", code)}
    assert said - {option for _, option in OPTIONS} == {"--help"}


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_a_readme_names_the_chat_commands_and_no_others(page: str) -> None:
    """What one may type in the chat is what the first page says."""
    said = {match[1] for code in _code(_read(page)) if (match := re.match(r"/([a-z]+)\b", code))}
    assert said == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_pages_name_only_make_targets_that_exist(page: Path) -> None:
    """Every `make …` of the documentation can be typed."""
    makefile = _read("Makefile").replace("$(VENV)", ".venv")
    targets = set(re.findall(r"^([^\s:#=.][^\s:=]*|\.venv/[^\s:=]+):(?!=)", makefile, re.MULTILINE))
    said = {match[1] for line in _code(page.read_text(encoding="utf-8")) for match in _MAKE.finditer(line)}
    assert said - targets == set()


# Settings


def _default(name: str) -> str:
    """How the page writes a default."""
    match Settings.model_fields[name].default:
        case None:
            return "unset"
        case "":
            return "empty"
        case bool() as value:
            return f"`{str(value).lower()}`"
        case value:
            return f"`{value}`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    """A setting has one row: its variable, its default, a meaning."""
    rows = re.findall(rf"^\| `{PREFIX}{name.upper()}` \|.*$", _read("docs/settings.md"), re.MULTILINE)
    assert [_cells(row)[1] for row in rows] == [_default(name)]
    assert _cells(rows[0])[2]


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_pages_name_only_settings_that_exist(page: Path) -> None:
    """No page names a variable that would stop the start."""
    said = set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))
    assert said - {PREFIX + name.upper() for name in Settings.model_fields} == set()


# Content

CLASSES = {
    name: value
    for name, value in inspect.getmembers(model, inspect.isclass)
    if issubclass(value, model.Model) and value is not model.Model
}


def _own_fields(cls: type[model.Model]) -> dict[str, bool]:
    """Fields a class brings or changes, as they are written in YAML, and whether they are required."""
    names = [name for name in inspect.get_annotations(cls) if name in cls.model_fields]
    if cls is not model.Entry:
        names = [name for name in names if name != "kind"]
    return {cls.model_fields[name].alias or name: cls.model_fields[name].is_required() for name in names}


def _documented_fields(class_name: str) -> dict[str, bool]:
    """Fields in the table of a class's section, and whether they are marked as required."""
    sections = re.split(r"^#+ ", _read("docs/content.md"), flags=re.MULTILINE)
    tables = [section for section in sections if section.split("\n", 1)[0].endswith(f"({class_name})")]
    return {name: bool(mark) for table in tables for name, mark in re.findall(r"^\| `(\w+)`( •)? \|", table, re.M)}


def _literals(annotation: Any) -> set[str]:
    """Every value of every `Literal` in an annotation."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    return set().union(*(_literals(inner) for inner in get_args(annotation)))


VALUES = sorted(
    {value for cls in CLASSES.values() for f in cls.model_fields.values() for value in _literals(f.annotation)}
)


@pytest.mark.parametrize("name", CLASSES)
def test_every_field_of_content_is_documented(name: str) -> None:
    """The table of a class names its own fields, no others, and marks those that are required."""
    assert _documented_fields(name) == _own_fields(CLASSES[name])


@pytest.mark.parametrize("value", VALUES)
def test_every_fixed_value_of_content_is_documented(value: str) -> None:
    """A field that takes only certain words has them all on the page."""
    assert f"`{value}`" in _read("docs/content.md")


def _examples() -> list[Any]:
    blocks = [block for language, block in _FENCE.findall(_read("knowledge/content/README.md")) if language == "yaml"]
    return [row for block in blocks for row in parse(block)[0]]


def _fault(row: Any) -> str:
    """What is wrong with an entry; empty where nothing is."""
    try:
        model.ENTRY.validate_python(row)
    except ValidationError as error:
        return f"{row['id']}: {error}"
    return ""


def test_examples_of_content_are_valid() -> None:
    """A curator may start from any example of the guide."""
    assert [fault for fault in map(_fault, _examples()) if fault] == []


def test_there_is_an_example_of_each_kind() -> None:
    """The guide leaves no kind of entry to be guessed."""
    assert {row["kind"] for row in _examples()} == set(model.KINDS)


def test_examples_of_content_cite_what_exists() -> None:
    """Citations of the guide name a source and an article that there are."""
    sources = _content().registers.sources
    cited = [
        text
        for row in _examples()
        for name in ("cites", "penalty_basis", "lenience_basis")
        for text in row.get(name, ())
    ]
    assert [fault for fault in map(sources.parse, cited) if isinstance(fault, str)] == []


# Pages


def _anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    titles = [title for _, title in _HEADING.findall(_prose(page.read_text(encoding="utf-8")))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _leads_nowhere(page: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = page.parent / path if path else page
    return not target.exists() or (anchor != "" and anchor not in _anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_relative_link_resolves(page: Path) -> None:
    """A link leads to a file or heading that is there."""
    links = [link for link in _LINK.findall(_prose(page.read_text(encoding="utf-8"))) if "://" not in link]
    assert [link for link in links if _leads_nowhere(page, link)] == []


def test_the_two_readmes_have_the_same_sections() -> None:
    """The Chinese page is the twin of the English one: as many headings, of the same depth."""
    english, chinese = (_HEADING.findall(_prose(_read(page))) for page in ("README.md", "README.zh.md"))
    assert [depth for depth, _ in english] == [depth for depth, _ in chinese]


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_answer_a_readme_shows_is_one_the_content_gives(page: str) -> None:
    """The sample answer is word for word that of an entry."""
    answers = {getattr(item.entry, "answer", "") for item in _content().items.values()}
    shown = re.findall(r"^> (.+)$", _read(page), re.MULTILINE)
    assert len(shown) == 1
    assert set(shown) <= answers


# Glossary

GLOSSARY = [_cells(row) for row in _read("docs/glossary.md").splitlines() if row.startswith("| ")][2:]


def test_the_glossary_gives_one_name_to_one_term() -> None:
    """No Chinese term stands twice, and no English name is given to two of them."""
    assert len(GLOSSARY) >= 50
    assert len({row[0] for row in GLOSSARY}) == len(GLOSSARY)
    assert len({row[1] for row in GLOSSARY}) == len(GLOSSARY)


def test_the_glossary_names_what_exists() -> None:
    """Every id of the glossary is that of an entry, every other name occurs in the code."""
    code = "\n".join(path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    known = {*_content().items, *re.findall(r"\w+", code)}
    named = [name for row in GLOSSARY for name in _INLINE.findall(row[2])]
    assert [name for name in named if name not in known] == []
    assert [row[0] for row in GLOSSARY if not _INLINE.search(row[2])] == []
