"""`python -m tests.faults`: all scenarios in full, as a table; exit code 1 where a line does not hold."""

import argparse
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from knowledge.library import Library
from tests.databases import Postgres
from tests.faults import scenarios
from tests.faults.report import Report
from tests.faults.stage import Stage

Play = Callable[[Stage], Report]

_A = partial(scenarios.receive_under_kills, updates=1_000, kills=50)
_B = partial(scenarios.storm, updates=120, kills=8)
_C = partial(scenarios.outage, updates=1_000, kills=20, seconds=30)
_D = partial(scenarios.lost_confirmations, updates=1_000, kills=20)
_E = partial(scenarios.webhook, updates=400, kills=20)
_F = partial(scenarios.two_processes, updates=300, seconds=60)
_G = partial(scenarios.clean_stop, updates=400, stops=20)

PLAN: dict[str, dict[str, Play]] = {
    "SQLite": {"A": _A, "B": _B, "C": _C, "D": _D, "E": _E, "G": _G},
    "PostgreSQL": {"A": _A, "B": _B, "C": _C, "D": _D, "E": _E, "G": _G, "F": _F},
}
"""What plays on each database, one after the other; the two databases side by side."""

_QUIET = {"ZHIFA_LOG": "info"}


def main() -> int:
    """Run what was asked for; 0 where every line holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of all scenarios")
    parser.add_argument("--only", default="ABCDEFG", help="letters of the scenarios to run, like AF")
    parser.add_argument("--database", choices=list(PLAN), help="run on this one only")
    asked = parser.parse_args()
    base, begun = Path(tempfile.mkdtemp(prefix="zhifa-faults-")), time.monotonic()
    databases = [name for name in PLAN if asked.database in {None, name}]
    Library.open(base / "index")
    with closing(Postgres(base / "postgresql")) as server, ThreadPoolExecutor(len(databases)) as lanes:
        jobs = [lanes.submit(_play_all, base, name, server, asked.only, asked.seed) for name in databases]
        reports = [report for job in jobs for report in job.result()]
    failed = [report for report in reports if report.failed]
    print(f"{len(reports)} scenarios, {len(failed)} with a line that does not hold, {time.monotonic() - begun:.0f} s")
    if not failed:
        shutil.rmtree(base)
    return 1 if failed else 0


def _play_all(base: Path, database: str, server: Postgres, letters: str, seed: int) -> list[Report]:
    reports = []
    for letter, play in PLAN[database].items():
        if letter in letters:
            postgres = server if database == "PostgreSQL" else None
            stage = Stage(base / f"{letter}-{database}", base / "index", postgres, seed, _QUIET)
            reports.append(_play(stage, play))
            print(reports[-1].table, end="\n\n", flush=True)
    return reports


def _play(stage: Stage, play: Play) -> Report:
    """Play a scenario; one that cannot be played to its end is a report that says so."""
    begun = time.monotonic()
    try:
        with stage:
            report = play(stage)
    except Exception as error:  # the others go on
        (stage.folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        report = stage.report(stage.folder.name)
        report.exactly("played to its end", type(error).__name__, "")
    report.seconds = time.monotonic() - begun
    if report.failed:
        report.kept = stage.keep()
    else:
        shutil.rmtree(stage.folder)
    return report


if __name__ == "__main__":
    sys.exit(main())
