"""What a running program does with its time: its transactions, and the processor time of its functions.

Looks on from outside, by SQLAlchemy's events and Python's profiler; nothing of the program is replaced.
"""

import cProfile
import io
import json
import pstats
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event

from store.db import WRITE

ROOT = Path(__file__).resolve().parent.parent
_PASSED_OVER = ("/sqlalchemy/", "/contextlib.py", "/store/db.py", "/benchmarks/meter.py")
_CHANGES = ("INSERT", "UPDATE", "DELETE")
_OPEN = "open span"


class Span(NamedTuple):
    """One transaction; times are `time.monotonic` seconds, which processes of one machine share.

    Attributes:
        caller: the function that opened it.
        writes: whether it was opened for writing; `changes` whether it then did change anything.
        asked: when it was asked for; `began` when it had the lock for writing, where there is one.
        commits: when the commit began, which was over at `ended`.
        cpu: processor seconds of its thread.
    """

    caller: str
    writes: bool
    changes: bool
    asked: float
    began: float
    commits: float
    ended: float
    cpu: float


class Transactions:
    """Notes every transaction of the process from now on."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        event.listen(sa.Engine, "begin", self._begin)
        event.listen(sa.Engine, "after_cursor_execute", self._executed)
        event.listen(sa.Engine, "commit", self._commit)
        event.listen(sa.Pool, "checkin", self._checkin)

    def save(self, path: Path) -> None:
        """Write down what was noted; `read_spans` reads it."""
        path.write_text(json.dumps(self.spans), encoding="utf-8")

    def _begin(self, connection: sa.Connection) -> None:
        now = time.monotonic()
        writes = connection.get_execution_options().get(WRITE, True)
        connection.info[_OPEN] = Span(
            _caller(sys._getframe()), writes, False, now, now, commits=0, ended=0, cpu=-time.thread_time()
        )

    def _executed(self, connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        span = connection.info.get(_OPEN)
        if span is None:
            return
        if statement == "BEGIN IMMEDIATE":
            connection.info[_OPEN] = span._replace(began=time.monotonic())
        elif statement.startswith(_CHANGES):
            connection.info[_OPEN] = span._replace(changes=True)

    def _commit(self, connection: sa.Connection) -> None:
        if _OPEN in connection.info:
            connection.info[_OPEN] = connection.info[_OPEN]._replace(commits=time.monotonic())

    def _checkin(self, _connection: Any, record: Any) -> None:
        span = record.info.pop(_OPEN, None)
        if span is not None:
            now = time.monotonic()
            cpu = span.cpu + time.thread_time()
            self.spans.append(span._replace(commits=span.commits or now, ended=now, cpu=cpu))


def read_spans(path: Path) -> list[Span]:
    """What `Transactions.save` wrote."""
    return [Span(*fields) for fields in json.loads(path.read_text(encoding="utf-8"))]


def never_sync() -> None:
    """Let SQLite commit without waiting for the disk, in this process, from now on."""

    def unsynced(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(sa.Pool, "checkout", unsynced)


def _caller(frame: FrameType | None) -> str:
    while frame is not None and any(part in frame.f_code.co_filename for part in _PASSED_OVER):
        frame = frame.f_back
    return frame.f_code.co_qualname.replace(".<locals>", "") if frame else ""


class Profile:
    """Counts the processor time of every function, in this thread and in those started from now on.

    By each thread's own clock, so that waiting for a lock, the disk or the interpreter is not counted.
    """

    def __init__(self) -> None:
        self._of_threads: list[cProfile.Profile] = []
        threading.setprofile(self._watch_thread)
        self._watch_thread()

    def save(self, path: Path, most: int = 45) -> None:
        """Write down the costliest functions: with what they call, and alone. The threads have ended."""
        threading.setprofile(None)
        out = io.StringIO()
        stats = pstats.Stats(*self._of_threads, stream=out)
        for order in ("cumulative", "tottime"):
            stats.sort_stats(order).print_stats(most)
        path.write_text(out.getvalue().replace(f"{ROOT}/", ""), encoding="utf-8")

    def _watch_thread(self, *_: Any) -> None:
        """Called by a new thread at its first event; `enable` then takes the place of this function there."""
        profile = cProfile.Profile(time.thread_time)
        self._of_threads.append(profile)
        profile.enable()
