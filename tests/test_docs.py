"""The documentation says what the program is: every name in one is found in the other."""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer.main

from bot.cli.main import app
from bot.settings import PREFIX, Settings
from handlers.help_ import MENU
from handlers.router import COMMANDS
from knowledge.catalogue import model
from knowledge.catalogue.citations import Citation
from knowledge.catalogue.load import Content, load
from knowledge.catalogue.strict_yaml import parse

ROOT = Path(__file__).resolve().parent.parent
_ROOMS = ("bot", "handlers", "jobs", "actions", "store", "knowledge", "benchmarks", "docs", "tests", ".ci")
PAGES = sorted([*ROOT.glob("*.md"), *(page for room in _ROOMS for page in (ROOT / room).rglob("*.md"))])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:^|[\s/])zhifa((?: [a-z][a-z-]*)+)")
_PLACEHOLDERS = {"": ()}


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _prose(text: str) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", text)


def _code(text: str) -> list[str]:
    """Everything a page sets as code, line by line."""
    blocks = [line for _, block in _FENCE.findall(text) for line in block.splitlines()]
    return [*blocks, *_INLINE.findall(_prose(text))]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        yield from _walk(command, (*path, name)) if hasattr(command, "commands") else ()


_TREE = dict(_walk(typer.main.get_command(app)))
_RUNNABLE = {path: command for path, command in _TREE.items() if not hasattr(command, "commands")}
_OPTIONS = [
    (" ".join(path), option)
    for path, command in _RUNNABLE.items()
    for parameter in command.params
    for option in parameter.opts
    if option.startswith("--")
]


def _rows_of(command: str) -> str:
    """Lines of the contract that begin with a command."""
    rows = _read("docs/contract.md").splitlines()
    return "\n".join(row for row in rows if re.match(rf"\| `zhifa {command}\b", row))


@pytest.mark.parametrize("command", [" ".join(path) for path in _RUNNABLE])
def test_every_command_has_a_row_in_the_contract(command: str) -> None:
    """What can be run is promised somewhere."""
    assert _rows_of(command)


@pytest.mark.parametrize(("command", "option"), _OPTIONS)
def test_every_option_stands_in_the_row_of_its_command(command: str, option: str) -> None:
    """An option is documented where its command is."""
    assert re.search(rf"`[^`]*{option}\b", _rows_of(command))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_pages_name_only_commands_that_exist(page: Path) -> None:
    """No page promises a sub-command that cannot be run."""
    known = {" ".join(path) for path in _TREE}
    said = {match[1].split() for line in [] for match in _COMMAND.finditer(line)} or [
        match[1].split() for line in _code(page.read_text(encoding="utf-8")) for match in _COMMAND.finditer(line)
    ]
    unknown = [words for words in said if words[0] not in known and words != ["serve"]]
    in_groups = [words for words in said if len(words) > 1 and (words[0],) in _TREE and (words[0],) not in _RUNNABLE]
    assert unknown == []
    assert [words for words in in_groups if " ".join(words[:2]) not in known] == []


def test_the_contract_names_only_options_that_exist() -> None:
    """No option is promised that no command has."""
    said = {option for code in _code(_read("docs/contract.md")) for option in re.findall(r"--[a-z][a-z-]*", code)}
    assert said - {option for _, option in _OPTIONS} == {"--help"}
