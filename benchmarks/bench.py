"""`make bench` (`python -m benchmarks.bench`): how fast, how large and how right, in plain tables.

One run measures everything, the baselines too, so that figures of one page may be compared. Synthetic
entries and samples are the same on every run; times are not: each is measured twice and shown twice.
"""

import contextlib
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.delivery import measure_delivery
from benchmarks.engines import Answer, Engine, Fuzzy, Ours, PlainFts
from benchmarks.filler import filled
from benchmarks.golden import half_of, right_entry, rows
from benchmarks.golden import judge as outcome_of
from benchmarks.processes import measure_processes
from benchmarks.report import summary
from benchmarks.tables import Table
from bot.app import calm_collector
from knowledge.catalogue.load import Content, load
from knowledge.library import Library
from knowledge.search.build import write
from knowledge.search.index import Index
from knowledge.search.lexicon import Lexicon, read_lexicon
from knowledge.search.verdict import Verdict

SIZES = (0, 2_000, 20_000)
"""0 is the content as it is."""
_P99_MS = {2_000: 15.0, 20_000: 50.0}
_FUZZY_QUESTIONS = {0: 400, 2_000: 120, 20_000: 60}
"""A scan of everything takes so long at the larger sizes that it gets a sample of the questions, half a pass."""
_PASSES = 2


@dataclass(frozen=True)
class Timed:
    """One pass over the questions: seconds for each, on the clock and on the processor."""

    wall: list[float]
    cpu: list[float]

    @property
    def per_second(self) -> float:
        """Questions a second."""
        return len(self.wall) / sum(self.wall)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _timed(task: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = task()
    return result, time.perf_counter() - start


def _pass(engine: Engine[Answer], questions: Sequence[tuple[str, str]]) -> tuple[Timed, list[Answer]]:
    wall, cpu, answers = [], [], []
    for text, place in questions:
        started, worked = time.perf_counter(), time.thread_time()
        answers.append(engine.answer(text, place))
        wall.append(time.perf_counter() - started)
        cpu.append(time.thread_time() - worked)
    return Timed(wall, cpu), answers


def _build(content: Content, lexicon: Lexicon, size: int, path: Path) -> tuple[float, float]:
    """Seconds to make the synthetic entries and to build the index; nothing of it stays in memory."""
    whole, filling = _timed(lambda: filled(content, lexicon, size))
    _, building = _timed(lambda: write(whole, lexicon, path))
    return filling, building


def measure_search(content: Content, lexicon: Lexicon, size: int, folder: Path) -> None:
    """Fill up, build, ask everything, and print two tables."""
    path = folder / f"search-{size}.db"
    filling, building = _build(content, lexicon, size, path)
    library = Library(Index(path))
    plain_path = folder / f"plain-{size}.db"
    plain, plain_building = _timed(lambda: PlainFts(library, plain_path))
    real = f"{len(content.items):,} entries, all real" if not size else f"{size:,} entries, filled up"
    print(f"\n== search: {real} ==")
    if size:
        print(f"synthetic entries made in {filling:.1f} s")
    print(f"index built in {building:.1f} s, {path.stat().st_size / 1e6:.1f} MB", end="")
    print(f" (FTS5 bigrams: {plain_building:.1f} s, {plain_path.stat().st_size / 1e6:.1f} MB)\n")
    golden = rows("questions")
    judge = _Judge(library)
    times = Table(
        "engine", "pass", "questions", "per second", "p50 ms", "p99 ms", "p99 cpu ms", "× FTS5", "× WRatio", "aim p99"
    )
    hits = Table("engine", "half", "questions", "hit@1 ranked", "hit@3 ranked")
    fast = [(row["q"], library.place(row["jurisdiction"])[0]) for row in golden]
    step = -(-len(golden) // _FUZZY_QUESTIONS[size])
    ours, fuzzy = Ours(library), Fuzzy(library)
    sample = range(0, len(golden), step)
    scan_answers: dict[int, list[str]] = {}
    calm_collector()  # as `serve` does; what this program holds beside the search is no work of the search's
    with one_core():
        cold, _ = _pass(ours, fast)
        _pass(plain, fast)
        for number in range(1, _PASSES + 1):
            part = sample[number - 1 :: _PASSES]
            mine, verdicts = _pass(ours, fast)
            fts, fts_answers = _pass(plain, fast)
            scan, found = _pass(fuzzy, [fast[n] for n in part])
            scan_answers |= dict(zip(part, found, strict=True))
            if number == 1:
                _row(times, ours.name, "first", cold, "", "")
            _row(times, ours.name, number, mine, f"{mine.per_second / fts.per_second:.2f}",
                 f"{mine.per_second / scan.per_second:.1f}", _P99_MS.get(size))  # fmt: skip
            _row(times, plain.name, number, fts, "1", "")
            _row(times, fuzzy.name, number, scan, "", "1")
    print(times)
    judge.hits(hits, ours, golden, verdicts)
    judge.hits(hits, plain, golden, fts_answers)
    if step > 1:
        judge.hits(hits, ours, golden[::step], verdicts[::step], "same sample")
    judge.hits(hits, fuzzy, golden[::step], [scan_answers[n] for n in sample])
    print(hits)
    print(_answered(library, golden, verdicts))


def _row(table: Table, name: str, number: object, timed: Timed, fts: str, scan: str, aim: float | None = None) -> None:
    p99 = percentile(timed.wall, 0.99) * 1000
    verdict = "" if aim is None else f"< {aim:g}: {'met' if p99 < aim else 'MISSED'}"
    table.add(
        name, number, len(timed.wall), f"{timed.per_second:.1f}", f"{percentile(timed.wall, 0.5) * 1000:.1f}",
        f"{p99:.1f}", f"{percentile(timed.cpu, 0.99) * 1000:.1f}", fts, scan, verdict,
    )  # fmt: skip


class _Judge:
    """Counts right entries, each pair of question and entry judged once."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._known: dict[tuple[str, str], bool] = {}

    def _right(self, entry: str, row: Mapping[str, Any]) -> bool:
        pair = entry, row["id"]
        if pair not in self._known:
            self._known[pair] = right_entry(entry, row, self._library)
        return self._known[pair]

    def hits(
        self,
        table: Table,
        engine: Engine[Answer],
        golden: Sequence[Mapping[str, Any]],
        answers: Sequence[Answer],
        note: str = "",
    ) -> None:
        """Add a line for each half."""
        for half in ("dev", "test"):
            first = third = total = 0
            for row, answer in zip(golden, answers, strict=True):
                if half_of(row["group"]) != half:
                    continue
                top = engine.ranked(row["q"], self._library.place(row["jurisdiction"])[0], answer)
                right = [self._right(entry, row) for entry in top]
                first, third, total = first + any(right[:1]), third + any(right), total + 1
            name = f"{engine.name} ({note})" if note else engine.name
            table.add(name, half, total, f"{first / max(1, total):.3f}", f"{third / max(1, total):.3f}")


def _answered(library: Library, golden: Sequence[Mapping[str, Any]], verdicts: Sequence[Verdict]) -> Table:
    """What the whole of `Library.ask`, gate included, makes of the questions."""
    table = Table("zhifa, after the gate", "questions", "answered right", "answered wrong", "right or offered")
    for half in ("dev", "test"):
        outcomes = [
            outcome_of(verdict, row, library)
            for row, verdict in zip(golden, verdicts, strict=True)
            if half_of(row["group"]) == half
        ]
        counted = (("right",), ("wrong",), ("right", "choices_right"))
        shares = [sum(outcome in group for outcome in outcomes) / max(1, len(outcomes)) for group in counted]
        table.add(half, len(outcomes), *(f"{share:.3f}" for share in shares))
    return table


def main() -> None:
    """Measure everything; `search`, `process`, `delivery` or `golden` as words measure only that.

    `--profile` adds the costliest functions to `delivery`.
    """
    parts = [word for word in sys.argv[1:] if word != "--profile"] or ["search", "process", "delivery", "golden"]
    load_now = f", load average {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores{load_now}")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "search" in parts:
            content, lexicon = load(), read_lexicon()
            for size in SIZES:
                measure_search(content, lexicon, size, folder)
            print(f"\nsearch measured in {time.perf_counter() - started:.0f} s")
        if "process" in parts:
            measure_processes(folder)
        if "delivery" in parts:
            measure_delivery(folder / "delivery", profile="--profile" in sys.argv)
        if "golden" in parts:
            library = Library.open(folder)
            print("\n== golden set, content as it is ==")
            print(summary(library, "dev"))
            print(summary(library, "test"))
    print(f"\nall in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
