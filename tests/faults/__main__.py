"""`python -m tests.faults`: all scenarios in full, as a table; exit code 1 where a line does not hold."""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from knowledge.library import Library
from tests.databases import Postgres
from tests.faults import scenarios
from tests.faults.report import Report
from tests.faults.stage import Stage

_QUIET = {"ZHIFA_LOG": "info"}
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
PLAN: list[tuple[str, str, Callable[[Stage], Report]]] = [
    ("A", SQLITE, partial(scenarios.receive_under_kills, updates=1_000, kills=50)),
    ("A", POSTGRESQL, partial(scenarios.receive_under_kills, updates=1_000, kills=50)),
    ("B", SQLITE, partial(scenarios.storm, updates=150, kills=8)),
    ("B", POSTGRESQL, partial(scenarios.storm, updates=150, kills=8)),
    ("C", SQLITE, partial(scenarios.outage, updates=300, kills=8, seconds=30)),
    ("C", POSTGRESQL, partial(scenarios.outage, updates=300, kills=8, seconds=30)),
    ("D", SQLITE, partial(scenarios.lost_confirmations, updates=300, kills=8)),
    ("D", POSTGRESQL, partial(scenarios.lost_confirmations, updates=300, kills=8)),
    ("E", SQLITE, partial(scenarios.webhook, updates=400, kills=20)),
    ("E", POSTGRESQL, partial(scenarios.webhook, updates=400, kills=20)),
    ("F", POSTGRESQL, partial(scenarios.two_processes, updates=300, seconds=60)),
    ("G", SQLITE, partial(scenarios.clean_stop, updates=400, stops=20)),
    ("G", POSTGRESQL, partial(scenarios.clean_stop, updates=400, stops=20)),
]


def main() -> int:
    """Run what was asked for; 0 where every line holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of all scenarios")
    parser.add_argument("--only", default="ABCDEFG", help="letters of the scenarios to run, like AF")
    parser.add_argument("--database", choices=(SQLITE, POSTGRESQL), help="run on this one only")
    asked = parser.parse_args()
    base, begun, reports = Path(tempfile.mkdtemp(prefix="zhifa-faults-")), time.monotonic(), []
    Library.open(base / "index")
    with closing(Postgres(base / "postgres")) as server:
        for letter, database, scenario in PLAN:
            if letter in asked.only and asked.database in {None, database}:
                reports.append(_play(base, f"{letter}-{database}", server, database, scenario, asked.seed))
                print(reports[-1].table, end="\n\n", flush=True)
    failed = [report for report in reports if report.failed]
    print(f"{len(reports)} scenarios, {len(failed)} with a line that does not hold, {time.monotonic() - begun:.0f} s")
    if not failed:
        shutil.rmtree(base)
    return 1 if failed else 0


def _play(
    base: Path, name: str, server: Postgres, database: str, scenario: Callable[[Stage], Report], seed: int
) -> Report:
    begun = time.monotonic()
    with Stage(base / name, base / "index", server if database == POSTGRESQL else None, seed, _QUIET) as stage:
        report = scenario(stage)
    report.seconds = time.monotonic() - begun
    if report.failed:
        report.kept = str(stage.folder)
    else:
        shutil.rmtree(stage.folder)
    return report


if __name__ == "__main__":
    sys.exit(main())
