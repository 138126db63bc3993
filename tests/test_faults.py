"""The program under faults, in small: killed, stopped, cut off and refused; `make faults` does it in full."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from knowledge.library import Library
from tests import suite_log
from tests.databases import Postgres
from tests.faults import scenarios
from tests.faults.report import Report
from tests.faults.stage import Stage

Play = Callable[[Stage], Report]

_SEED = 20261121
_AT_ONCE = 3
"""Most of the time a scenario waits: for a start, a pause, a lease."""

_RECEIVE = partial(scenarios.receive_under_kills, updates=100, kills=10, shortest=0.2)
_STORM = partial(scenarios.storm, updates=12, kills=1)
_OUTAGE = partial(scenarios.outage, updates=40, kills=0, seconds=2)
_LOST = partial(scenarios.lost_confirmations, updates=60, kills=0)
_WEBHOOK = partial(scenarios.webhook, updates=40, kills=2)
_TWO = partial(scenarios.two_processes, updates=60, seconds=0, patience=30)
_STOP = partial(scenarios.clean_stop, updates=60, stops=3)

PLAYS: dict[str, tuple[Play, bool]] = {
    "two processes-postgresql": (_TWO, True),
    "receive under kills-sqlite": (_RECEIVE, False),
    "receive under kills-postgresql": (_RECEIVE, True),
    "storm of 429-sqlite": (_STORM, False),
    "storm of 429-postgresql": (_STORM, True),
    "outage-sqlite": (_OUTAGE, False),
    "outage-postgresql": (_OUTAGE, True),
    "lost confirmations-sqlite": (_LOST, False),
    "lost confirmations-postgresql": (_LOST, True),
    "webhook under kills-sqlite": (_WEBHOOK, False),
    "clean stop-postgresql": (_STOP, True),
}
"""Each scenario, and whether it plays on PostgreSQL; the longest first."""


def _play(play: Play, stage: Stage) -> Report:
    with stage:
        report = play(stage)
    suite_log.record(*(log.read_text(encoding="utf-8") for log in stage.logs))
    return report


@pytest.fixture(scope="module")
def plays(
    library: Library, _postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, "Future[Report]"]]:
    """All scenarios, playing side by side."""
    folder, index = tmp_path_factory.mktemp("faults"), library.index.path.parent

    def stage(name: str, *, on_postgres: bool) -> Stage:
        return Stage(folder / name.replace(" ", "-"), index, _postgres if on_postgres else None, _SEED)

    with ThreadPoolExecutor(_AT_ONCE) as hands:
        yield {
            name: hands.submit(_play, play, stage(name, on_postgres=on_postgres))
            for name, (play, on_postgres) in PLAYS.items()
        }


@pytest.mark.parametrize("name", PLAYS)
def test_after_a_fault_nothing_is_lost_and_nothing_happened_twice(
    name: str, plays: dict[str, "Future[Report]"]
) -> None:
    """Every update has exactly one effect, everybody has every answer, and what came twice is marked as repeated."""
    report = plays[name].result()
    assert report.lines
    assert report.failed == [], report.table
