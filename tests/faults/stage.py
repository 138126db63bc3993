"""Where a scenario plays: folders, a database, the played Telegram, and the end of every scenario."""

import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from store.db import Database, sqlite_url
from tests.botapi import BotApi, Limits
from tests.databases import Postgres
from tests.faults import audit
from tests.faults.crowd import Crowd
from tests.faults.program import NO_JSON, Program
from tests.faults.report import Report

_SETTLED_WITHIN = 150.0
_UNLIMITED = 10**6


@dataclass
class Stage:
    """Where a scenario plays; as a context it leaves no process behind.

    Attributes:
        folder: of this scenario alone.
        index: a compiled index to start from, which a start would else take seconds to make.
        postgres: the server, or None for SQLite.
        env: settings of every program.
    """

    folder: Path
    index: Path
    postgres: Postgres | None
    seed: int
    env: Mapping[str, str] = field(default_factory=dict)
    _programs: list[Program] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self._url = self.postgres.empty() if self.postgres else sqlite_url(self.folder / "data" / "zhifa.db")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for program in self._programs:
            program.close()

    def report(self, scenario: str) -> Report:
        """An empty report."""
        return Report(scenario, "PostgreSQL" if self.postgres else "SQLite", self.seed)

    def program(self, api: BotApi, name: str = "", **env: str) -> Program:
        """A program that is not started yet; several on one stage share a PostgreSQL database.

        Args:
            env: settings beside the usual ones.
        """
        folder = self.folder / name
        shutil.copytree(self.index, folder / "data" / "index")
        settings = {
            "ZHIFA_TELEGRAM_TOKEN": api.token,
            "ZHIFA_TELEGRAM_BASE_URL": api.base_url,
            "ZHIFA_TELEGRAM_RATE": "1000",
            **({"ZHIFA_DATABASE_URL": self._url} if self.postgres else {}),
            **self.env,
            **env,
        }
        program = Program(folder, settings)
        self._programs.append(program)
        return program

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The program's database, once the program made it."""
        opened = Database(self._url)
        try:
            yield opened
        finally:
            opened.close()

    def finish(self, report: Report, api: BotApi, crowd: Crowd, *, most_extra: int) -> None:
        """Wait for the end, then add the lines that hold after every fault.

        Args:
            most_extra: how many messages people may have got more than once.
        """
        with self.database() as database:
            seconds, still_open = _settle(api, database)
            report.tell("seconds until all was settled", seconds)
            report.exactly("updates not fetched, rows not settled", still_open, 0)
            audit.check(report, api, crowd, audit.read(database), most_extra=most_extra)
        report.tell("updates delivered again", crowd.redelivered)
        entries = [entry for program in self._programs for entry in program.entries]
        report.tell("messages whose call a fault interrupted", _total(entries, "calls_abandoned", "rows"))
        odd = Counter(entry["event"] for entry in entries if entry["level"] in {"error", "critical", NO_JSON})
        odd["event_failed"] = 0  # of malformed updates; proper ones have no failed attempt
        report.exactly("errors in the log", sum(odd.values()), 0)
        for event, count in (+odd).most_common(5):
            report.tell(f"  {event}", count)

    @property
    def logs(self) -> list[Path]:
        """What the programs wrote."""
        return [program.log for program in self._programs]


def _total(entries: list[dict[str, Any]], event: str, name: str) -> int:
    return sum(entry[name] for entry in entries if entry["event"] == event)


def _settle(api: BotApi, database: Database) -> tuple[float, int]:
    """Wait until every update was handled and every message is settled: the seconds, and what is open all the same."""
    begun = time.monotonic()
    while still_open := api.pending + audit.count_open(database):
        if time.monotonic() - begun > _SETTLED_WITHIN:
            break
        with api.changed:
            api.changed.wait(0.2)
    return time.monotonic() - begun, still_open


@contextmanager
def telegram(limits: Limits | None = None) -> Iterator[BotApi]:
    """The played Telegram; it takes any number of messages unless limits are given."""
    with BotApi(limits=limits or Limits(overall=_UNLIMITED, per_chat=_UNLIMITED, burst=_UNLIMITED)) as api:
        yield api


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
