"""The house: imports run downwards, modules stay readable, and the wheel holds all the program needs."""

import ast
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, NetworkForbidden, clean_environment

ROOMS: dict[str, set[str]] = {
    "knowledge": set(),
    "store": set(),
    "actions": {"knowledge", "store"},
    "handlers": {"actions", "knowledge"},
    "jobs": {"actions", "knowledge"},
    "bot": {"handlers", "jobs", "actions", "knowledge", "store"},
}
"""Each room and the rooms it may import; all may import `zhifa_errors`, which imports none."""

_LONGEST = 400
_REASON = "longer than most"


def _files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


PROGRAM = [*_files(*ROOMS), ROOT / "zhifa_errors.py"]


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_module(path) for path in PROGRAM}


def _imports(path: Path) -> Iterator[str]:
    """Every module a file imports, wherever in the file: at its head, inside functions, for types only."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_relative(path)}:{node.lineno}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def test_the_rules_below_see_the_whole_program() -> None:
    """A check of nothing would pass; the rooms are those of the wheel."""
    assert len(PROGRAM) > 50
    assert all(any(path.is_relative_to(ROOT / room) for path in PROGRAM) for room in ROOMS)
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"} == ROOMS.keys()


@pytest.mark.parametrize("path", PROGRAM, ids=_relative)
def test_imports_run_downwards(path: Path) -> None:
    """Nothing lower imports anything higher, and nothing of the program imports tests or benchmarks."""
    room = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in _imports(path)} & {*ROOMS, "tests", "benchmarks", "zhifa_errors"}
    allowed = {room, "zhifa_errors"} | ROOMS[room] if room in ROOMS else set()
    assert ours <= allowed


def test_no_file_imports_itself_by_way_of_others() -> None:
    """There are no circles between files: they have an order in which each needs only those before it."""
    graph = {_module(path): {name for name in _imports(path) if name in MODULES} for path in PROGRAM}
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) == MODULES


@pytest.mark.parametrize("path", [*PROGRAM, *_files("benchmarks")], ids=_relative)
def test_a_module_says_what_it_is_for_and_is_not_too_long(path: Path) -> None:
    """Each has a docstring; one over 400 lines says in it why it is longer than most."""
    docstring = ast.get_docstring(_tree(path)) or ""
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert docstring or length == 0
    assert length <= _LONGEST or _REASON in " ".join(docstring.split())


def _public(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Classes and functions of a module, and methods of its classes, whose names do not begin with `_`."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    bodies = [_tree(path).body]
    for body in bodies:
        for node in body:
            if isinstance(node, kinds) and not node.name.startswith("_"):
                yield node
                if isinstance(node, ast.ClassDef):
                    bodies.append(node.body)


@pytest.mark.parametrize("path", [*PROGRAM, *_files("benchmarks")], ids=_relative)
def test_everything_public_has_a_docstring(path: Path) -> None:
    """Whoever calls a function or uses a class need not read its body first."""
    assert [
        f"{_relative(path)}:{node.lineno}: {node.name}" for node in _public(path) if not ast.get_docstring(node)
    ] == []


_OUTSIDE = ("192.0.2.1", 9)  # an address of RFC 5737 that belongs to nobody


def _with_socket(kind: socket.SocketKind, method: str, *arguments: object) -> object:
    with socket.socket(type=kind) as opened:
        return getattr(opened, method)(*arguments)


@pytest.mark.parametrize(
    "reach",
    [
        pytest.param(lambda: socket.create_connection(_OUTSIDE), id="an address"),
        pytest.param(lambda: socket.create_connection(("2001:db8::1", 443)), id="an IPv6 address"),
        pytest.param(lambda: socket.create_connection(("example.org", 443)), id="a name"),
        pytest.param(lambda: socket.getaddrinfo(b"example.org", 443), id="only looking up"),
        pytest.param(lambda: _with_socket(socket.SOCK_STREAM, "connect_ex", _OUTSIDE), id="without an exception"),
        pytest.param(lambda: _with_socket(socket.SOCK_DGRAM, "sendto", b"", _OUTSIDE), id="a datagram"),
    ],
)
def test_no_test_can_leave_this_machine(loopback_only: list[Any], reach: Callable[[], object]) -> None:
    """The suite passes on a machine without a network because it never asks for one."""
    with pytest.raises(NetworkForbidden):
        reach()
    assert len(loopback_only) == 1
    loopback_only.clear()  # or the fixture would fail this test, as it does any other


def test_tests_may_speak_with_this_machine(tmp_path: Path) -> None:
    """Loopback and Unix sockets are the real thing the tests drive."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as here, socket.socket(socket.AF_UNIX) as there:
        here.bind(path)
        here.listen()
        there.connect(path)
        assert there.getpeername() == path


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as a packager makes it, with the build backend of pyproject.toml and no network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(name="unpacked", scope="module")
def _unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def _data_files() -> set[str]:
    """Every file of the rooms that is no Python and no leftover of running them."""
    return {
        _relative(path)
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and not path.name.startswith(".")
    }


def test_the_wheel_holds_every_file_of_the_rooms(wheel: Path) -> None:
    """Code and data: content, lexicon, fitted parameters, the page with what it loads, the migrations."""
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    needed = {_relative(path) for path in PROGRAM} | _data_files()
    assert needed - held == set()
    for example in (
        "knowledge/content/national/general.hearing.yaml",
        "knowledge/content/sources.yaml",
        "knowledge/search/lexicon.yaml",
        "knowledge/search/parameters.json",
        "bot/channels/web/page.html",
        "bot/channels/web/static/chat.js",
        "store/migrations/versions/0001_first.py",
        "zhifa_errors.py",
    ):
        assert example in held


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    """No tests, benchmarks, local data or settings are shipped."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        names = [name for name in archive.namelist() if name.endswith((".pyc", ".db", ".env"))]
    assert {top for top in tops if not top.endswith(".dist-info")} == {*ROOMS, "zhifa_errors.py"}
    assert names == []


def _from(unpacked: Path, tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in another folder, with the unpacked wheel in front of any checkout."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=clean_environment(tmp_path / "data", PYTHONPATH=str(unpacked)),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def test_the_program_answers_from_an_unpacked_wheel(unpacked: Path, tmp_path: Path) -> None:
    """Installed anywhere, without the checkout, it answers with its bundled content."""
    where = _from(unpacked, tmp_path, "-c", "import bot, knowledge; print(bot.__file__); print(knowledge.__file__)")
    assert [Path(line).is_relative_to(unpacked) for line in where.stdout.splitlines()] == [True, True]

    done = _from(unpacked, tmp_path, "-m", "bot", "ask", "听证几天内申请")
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 个工作日" in done.stdout
    assert "行政处罚法" in done.stdout


def test_the_database_is_made_from_an_unpacked_wheel(unpacked: Path, tmp_path: Path) -> None:
    """The migrations travel with the program."""
    done = _from(unpacked, tmp_path, "-m", "bot", "db", "upgrade")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "data" / "zhifa.db").stat().st_size > 0


def test_the_command_of_the_package_is_the_module(unpacked: Path) -> None:
    """`zhifa` and `python -m bot` start the same function."""
    (entry_points,) = unpacked.glob("*.dist-info/entry_points.txt")
    assert "zhifa = bot.cli.main:main" in entry_points.read_text(encoding="utf-8")
    assert "from bot.cli.main import main" in (unpacked / "bot/__main__.py").read_text(encoding="utf-8")
