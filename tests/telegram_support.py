"""Telegram under test: a real `python -m bot serve` on the played Bot API, and people who speak with it."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import httpx
import sqlalchemy as sa

from store import outbox
from store.db import Database, Tx, sqlite_url
from store.inbox import Event as Kept
from store.inbox import get
from store.schema import inbox
from tests import suite_log
from tests.botapi import BotApi, Call, Person, Sent
from tests.conftest import clean_environment

T = TypeVar("T")
Record = dict[str, Any]
PATIENCE = 20.0
"""Seconds after which something that should have happened did not."""

_LOOK = 0.02


class Output:
    """What a process writes to a pipe, line by line as it comes.

    Attributes:
        lines: so far.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._readers: list[threading.Thread] = []
        self._open = 0

    def follow(self, pipe: IO[str]) -> None:
        """Read a pipe to its end, beside whatever else goes on."""
        reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._readers.append(reader)
        self._open += 1
        reader.start()

    def _read(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                suite_log.record(line)
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def ended(self) -> None:
        """Wait until all pipes are closed."""
        for reader in self._readers:
            reader.join()

    def wait_for(self, wanted: Callable[[str], bool], since: int = 0) -> str:
        """The first line from a number on that is wanted.

        Raises:
            TimeoutError: none came in time, or before the end; the last lines are in the message.
        """

        def first() -> str | None:
            return next(filter(wanted, self.lines[since:]), None)

        with self._changed:
            self._changed.wait_for(lambda: first() or not self._open, PATIENCE)
            found = first()
            if found is None:
                raise TimeoutError("\n".join(["not said; last lines:", *self.lines[-10:]]))
            return found


class Bot:
    """One program with a data folder of its own; may be stopped or killed, and started again.

    Args:
        folder: where it lives.
        api: what it speaks with.
        index: a compiled index to begin with, which saves compiling it.
        env: further settings.

    Attributes:
        said, logged: everything written to stdout and stderr, over all its starts.
        env: the settings of the next start.
    """

    def __init__(self, folder: Path, api: BotApi, index: Path | None = None, **env: str) -> None:
        self._folder = folder
        self.api = api
        self.data = folder / "data"
        self.said, self.logged = Output(), Output()
        self.env = {
            "ZHIFA_TELEGRAM_TOKEN": api.token,
            "ZHIFA_TELEGRAM_BASE_URL": api.base_url,
            **env,
        }
        if index:
            (self.data / "index").mkdir(parents=True)
            shutil.copy(index, self.data / "index")
        self._process: subprocess.Popen[str] | None = None
        self.database = Database(sqlite_url(self.data / "zhifa.db"))

    def start(self) -> Self:
        """Start it and wait until it says that it runs; Telegram may come up later."""
        before = len(self.said.lines)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"],
            cwd=self._folder,
            env=clean_environment(self.data, **self.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdout
        assert self._process.stderr
        self.said.follow(self._process.stdout)
        self.logged.follow(self._process.stderr)
        try:
            self.said.wait_for(lambda line: line.startswith("执法助手已启动"), before)
        except TimeoutError:
            raise TimeoutError("\n".join(["it did not start", *self.logged.lines[-10:]])) from None
        return self

    def receiving(self, since: int = 0) -> Self:
        """Wait until Telegram is up, after some line of the log."""
        self.event("receiving", since)
        return self

    def event(self, name: str, since: int = 0) -> Record:
        """Wait for a record of the log, after some line of it."""
        return dict(json.loads(self.logged.wait_for(lambda line: f'"event": "{name}"' in line, since)))

    def records(self, name: str) -> list[Record]:
        """All records of an event so far."""
        return [record for record in map(json.loads, self.logged.lines) if record["event"] == name]

    def kill(self) -> None:
        """`kill -9`, in the middle of whatever it does."""
        if self._process:
            self._process.kill()
            self._process.wait()
        self.said.ended()
        self.logged.ended()

    def stop(self) -> int:
        """Ask it to end, as a service manager does; gives its exit code, within 5 seconds or not at all."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(5)
        self.kill()
        return code

    def look(self, what: Callable[[Tx], T]) -> T:
        """Read something from its database."""
        with self.database.read() as tx:
            return what(tx)

    def comes_true(self, what: Callable[[Tx], Any]) -> None:
        """Wait until something is so in its database, which tells nobody of its changes."""
        deadline = time.monotonic() + PATIENCE
        while not self.look(what):
            assert time.monotonic() < deadline, "it never came true in the database"
            time.sleep(_LOOK)

    def row(self, update_id: int) -> Kept:
        """What is kept of an update."""
        name = f"{self.api.bot['id']}:{update_id}"
        number = self.look(lambda tx: tx.execute(sa.select(inbox.c.id).where(inbox.c.event_id == name)).scalar_one())
        kept = self.look(lambda tx: get(tx, number))
        assert kept
        return kept

    def handled(self) -> None:
        """Wait until every update that was kept is done or parked."""
        new = sa.select(sa.func.count()).where(inbox.c.state == "new")
        self.comes_true(lambda tx: tx.execute(new).scalar_one() == 0)

    def quiet(self) -> None:
        """Wait until, besides, every reply has ended."""
        self.handled()
        self.comes_true(lambda tx: not outbox.counts(tx).keys() & {"queued", "sending", "unknown"})

    @contextmanager
    def busy_database(self) -> Iterator[None]:
        """Hold the database's write lock, so that everything that writes takes long."""
        with self.database.write():
            yield

    @contextmanager
    def spoilt(self, table: str, condition: str) -> Iterator[None]:
        """Let every new row of a table that fits be refused, so that whatever writes it fails."""
        with self.database.write() as tx:
            when = f"WHEN {condition} BEGIN SELECT RAISE(ABORT, 'spoilt'); END"
            tx.exec_driver_sql(f"CREATE TRIGGER spoilt BEFORE INSERT ON {table} {when}")
        try:
            yield
        finally:
            with self.database.write() as tx:
                tx.exec_driver_sql("DROP TRIGGER spoilt")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        self.database.close()
        token = self.env["ZHIFA_TELEGRAM_TOKEN"]
        written = [path for path in self.data.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
        assert written == [], "a file holds the token"
        assert [line for line in [*self.said.lines, *self.logged.lines] if token in line] == [], "the token was printed"


@dataclass(frozen=True)
class Talk:
    """Somebody's private chat with the bot."""

    api: BotApi
    person: Person

    @property
    def id(self) -> int:
        """The number of the person and of the chat."""
        return self.person.id

    @property
    def answers(self) -> list[Sent]:
        """All messages of the bot."""
        return self.api.sent_to(self.id)

    def after(self, act: Callable[[], object], count: int = 1) -> list[Sent]:
        """Do something and wait until so many more messages are there; gives these."""
        before = len(self.answers)
        act()
        self.api.wait_until(lambda: len(self.answers) >= before + count, PATIENCE)
        return self.answers[before:]

    def ask(self, text: str) -> Sent:
        """Type something; gives the answer."""
        return self.after(lambda: self.person.types(text))[0]

    def press(self, message: Sent, label: str) -> Sent:
        """Press a button that changes its message in place; gives the message once it is changed."""
        changes = len(message.history)
        self.person.presses(message, label)
        self.api.wait_until(lambda: len(message.history) > changes, PATIENCE)
        return message


def sends(api: BotApi, chat_id: int) -> list[Call]:
    """The calls that sent something to a chat, also those that failed."""
    return [call for call in api.calls_of("sendMessage") if call.chat == chat_id]


def texts(messages: list[Sent]) -> list[str]:
    """What the messages say."""
    return [message.text for message in messages]


def now() -> datetime:
    """This instant."""
    return datetime.now(UTC)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def post(url: str, content: bytes, secret: str | None = None, seconds: float = PATIENCE) -> int:
    """Bring a webhook something; gives the status of the answer.

    Raises:
        httpx.ReadTimeout: there was no answer in time.
    """
    headers = {"x-telegram-bot-api-secret-token": secret} if secret is not None else {}
    return httpx.post(url, content=content, headers=headers, timeout=seconds, trust_env=False).status_code


@contextmanager
def proper(api: BotApi) -> Iterator[None]:
    """See to it that the bot does nothing against the documentation meanwhile, and answers every press.

    Calls before the end of a `retry_after` count as such.
    """
    violations, warnings, early = len(api.violations), len(api.warnings), len(api.too_early)
    earlier = api.unanswered()
    yield
    api.wait_until(lambda: all(query in earlier for query in api.unanswered()), PATIENCE)
    assert api.violations[violations:] == []
    assert api.warnings[warnings:] == []
    assert api.too_early[early:] == []
