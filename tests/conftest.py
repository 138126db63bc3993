"""What every test has: no network but this machine, a library compiled once, the day, and the command.

The tests drive the real thing (real files, real processes); this module only gives it a place of its own.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from knowledge.library import Library
from store.db import Database
from tests import suite_log
from tests.databases import Postgres, Server, Sqlite

ROOT = Path(__file__).resolve().parent.parent
TODAY = date(2026, 11, 21)
"""The day the tests live on; content in force then is what they ask about."""

Command = Callable[..., "subprocess.CompletedProcess[str]"]

_SLOW = [HealthCheck.too_slow]
settings.register_profile("ci", max_examples=30, deadline=None, derandomize=True, suppress_health_check=_SLOW)
settings.register_profile("default", max_examples=150, deadline=None, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def _is_worker(config: pytest.Config) -> bool:
    """Whether this is one of several processes that share the tests."""
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Record all that is logged from now on."""
    if not _is_worker(config):
        suite_log.empty()
    suite_log.begin()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the whole run where a secret was logged."""
    found = [] if _is_worker(session.config) else suite_log.leaks()
    if found:
        print(f"\na secret was logged, {len(found)} line(s) of {suite_log.PATH}:", *found[:10], sep="\n")
        session.exitstatus = 1


@pytest.fixture(scope="session", autouse=True)
def _runtime_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Chromium and others look for XDG_RUNTIME_DIR, which a container does not have."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("runtime")
        folder.chmod(0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        yield


class NetworkForbidden(Exception):
    """A test wanted to speak with something outside this machine."""


def stays_here(address: Any) -> bool:
    """Whether a socket address is this machine's own: a Unix path, or a loopback host."""
    if isinstance(address, str | bytes):
        return True
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Refuse every other address, and fail the test at its end even where the program swallowed the refusal.

    Yields:
        The addresses that were refused; empty at the end, or the test fails.
    """
    refused: list[Any] = []

    def guard(owner: Any, name: str, at: int) -> None:
        """Check the address, the argument `at` (from the end where it is negative), before the real call."""
        real = getattr(owner, name)

        def checked(*args: Any, **kwargs: Any) -> Any:
            address = args[at]
            if not stays_here(address):
                refused.append(address)
                raise NetworkForbidden(f"{name} {address!r}")
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, checked)

    for name, at in {"connect": 1, "connect_ex": 1, "sendto": -1}.items():
        guard(socket.socket, name, at)
    resolve = socket.getaddrinfo

    def resolve_here(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not stays_here((name,)):
            refused.append(name)
            raise NetworkForbidden(f"getaddrinfo {name!r}")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)
    yield refused
    assert refused == [], "a test may not leave this machine"


@pytest.fixture
def today() -> date:
    """The day the tests live on."""
    return TODAY


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The bundled content, compiled once for the whole run."""
    return Library.open(tmp_path_factory.mktemp("index"))


@pytest.fixture(scope="session")
def _postgres(_runtime_dir: None) -> Iterator[Postgres]:
    """Not below pytest's folder: another run of pytest closes that to every other user, and root's server is one."""
    with tempfile.TemporaryDirectory(prefix="zhifa-postgresql-") as folder:
        server = Postgres(Path(folder) / "data")
        yield server
        server.close()


@pytest.fixture
def postgres(_postgres: Postgres) -> Iterator[Postgres]:
    """A real PostgreSQL, one for the whole run; where it cannot be started, the tests that need it fail."""
    yield _postgres
    _postgres.drop_all()


@pytest.fixture
def _sqlite(tmp_path: Path) -> Sqlite:
    return Sqlite(tmp_path)


@pytest.fixture(params=["_sqlite", "postgres"], ids=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    """Where a test makes its databases: it runs once on SQLite and once on PostgreSQL."""
    made: Server = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A database at the newest schema, on SQLite and on PostgreSQL."""
    made = Database(server.current())
    yield made
    made.close()


def clean_environment(data_dir: Path, **more: str) -> dict[str, str]:
    """An environment for a subprocess: nothing of the caller's `ZHIFA_…` settings, a data folder of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "VIRTUAL_ENV", "SYSTEMROOT"}
    }
    return {
        **kept,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "ZHIFA_DATA_DIR": str(data_dir),
        "ZHIFA_WEB_LISTEN": "off",
        "ZHIFA_LOG": "debug",
        **more,
    }


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The data folder of the commands of one test."""
    return tmp_path / "data"


_ASKING = {"ask", "chat", "serve", "unit"}


def _lay_index(library: Library, data_dir: Path, command: str | Path) -> None:
    """Put the compiled bundled content where the command would compile it again, which takes seconds each time."""
    index = data_dir / "index" / library.index.path.name
    if command in _ASKING and not index.exists():
        index.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library.index.path, index)


@pytest.fixture
def run(data_dir: Path, tmp_path: Path, library: Library) -> Command:
    """Run `python -m bot …` to its end, away from the checkout: `run("ask", "…", ZHIFA_LOG="error")`.

    `stdin` is text for standard input; other keywords are environment variables. The exit code is the
    caller's to check; `stderr` comes without the lines of the log.
    """

    def command(*args: str | Path, stdin: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
        _lay_index(library, data_dir, args[0])
        done = subprocess.run(
            [sys.executable, "-m", "bot", *map(str, args)],
            cwd=tmp_path,
            env=clean_environment(data_dir, **env),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        suite_log.record(done.stdout, done.stderr)
        done.stderr = suite_log.without_log(done.stderr)
        return done

    return command


@pytest.fixture
def start(data_dir: Path, tmp_path: Path, library: Library) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start `python -m bot …` and leave it running; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def command(*args: str | Path, **env: str) -> "subprocess.Popen[str]":
        _lay_index(library, data_dir, args[0])
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", *map(str, args)],
            cwd=tmp_path,
            env=clean_environment(data_dir, **env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        running.append(process)
        return process

    yield command
    for process in running:
        process.kill()
        suite_log.record(*process.communicate())
