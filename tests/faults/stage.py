"""Where a scenario plays: folders, a database, the played Telegram, and the end of every scenario."""

import json
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from store.db import Database, sqlite_url
from store.schema import inbox, outbox, questions
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

    def finish(self, report: Report, api: BotApi, crowd: Crowd, *, updates: int, most_extra: int) -> None:
        """Wait for the end, then check what holds after every fault; arguments as of `check`."""
        self.settle(report, api)
        self.check(report, api, crowd, updates=updates, most_extra=most_extra)

    def settle(self, report: Report, api: BotApi) -> None:
        """Wait until every update was fetched and handled and every message is settled."""
        begun = time.monotonic()
        with self.database() as database:
            while still_open := api.pending + audit.count_open(database):
                if time.monotonic() - begun > _SETTLED_WITHIN:
                    break
                with api.changed:
                    api.changed.wait(0.2)
        report.tell("seconds until all was settled", time.monotonic() - begun)
        report.exactly("updates not fetched, rows not settled", still_open, 0)

    def check(self, report: Report, api: BotApi, crowd: Crowd, *, updates: int, most_extra: int) -> None:
        """Add the lines that hold after every fault.

        Args:
            updates: how many were to be made.
            most_extra: how many messages people may have got more than once.
        """
        report.exactly("updates", len(crowd.deeds), updates)
        with self.database() as database:
            audit.check(report, api, crowd, audit.read(database), most_extra=most_extra)
        report.tell("updates delivered again", crowd.redelivered)
        report.tell("messages whose call a fault interrupted", self.total("calls_abandoned", "rows"))
        odd = Counter(entry["event"] for entry in self._entries if entry["level"] in {"error", "critical", NO_JSON})
        odd["event_failed"] = 0  # of malformed updates; proper ones have no failed attempt
        report.exactly("errors in the log", sum(odd.values()), 0)
        for event, count in (+odd).most_common(5):
            report.tell(f"  {event}", count)

    @property
    def _entries(self) -> list[dict[str, Any]]:
        return [entry for program in self._programs for entry in program.entries]

    def total(self, event: str, name: str) -> int:
        """The sum of a number that the programs logged with an event."""
        return sum(entry[name] for entry in self._entries if entry["event"] == event)

    def keep(self) -> str:
        """Keep what is left for somebody to look at, a PostgreSQL database as JSON; where it lies."""
        with self.database() as database, database.read() as tx:
            for table in (inbox, outbox, questions) if self.postgres else ():
                rows = [
                    json.dumps(dict(row._mapping), default=str, ensure_ascii=False)
                    for row in tx.execute(sa.select(table))
                ]
                (self.folder / f"{table.name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
        return str(self.folder)

    @property
    def logs(self) -> list[Path]:
        """What the programs wrote."""
        return [program.log for program in self._programs]


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
