"""The real program as a process that is started, watched through its log, and done things to."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.conftest import clean_environment

_PATIENCE = 60.0

NO_JSON = "no JSON"
"""The level of a line that the log's own format does not explain: a warning of Python, a traceback."""


class Program:
    """`python -m bot serve` with a data folder of its own; started as often as need be.

    Args:
        folder: where it lives; its log over all starts is `serve.log` in it.
        env: settings beside the usual ones of the tests.

    Attributes:
        started: when each start was, in seconds of `time.monotonic`; `killed` the same of each kill.
        starts: seconds from each of them to `receiving`, where that was waited for.
        entries: the log lines of all starts, decoded; `at` is when they came, in seconds of `time.monotonic`.
    """

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._folder = folder
        self._env = clean_environment(folder / "data", **env)
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._mark = 0
        self.started: list[float] = []
        self.killed: list[float] = []
        self.starts: list[float] = []
        self.entries: list[dict[str, Any]] = []

    @property
    def log(self) -> Path:
        """Everything it wrote on stderr."""
        return self._folder / "serve.log"

    def start(self) -> None:
        """Start it; does not wait."""
        self._mark = len(self.entries)
        self.started.append(time.monotonic())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def start_receiving(self) -> None:
        """Start it and wait until it receives."""
        self.start()
        self.wait_for("receiving")
        self.starts.append(time.monotonic() - self.started[-1])

    def wait_for(self, *events: str) -> dict[str, Any]:
        """Wait until this start logged one of some events; gives the line.

        Raises:
            AssertionError: it did not come in time, or the process ended before.
        """

        def found() -> dict[str, Any] | None:
            return next((entry for entry in self.entries[self._mark :] if entry.get("event") in events), None)

        with self._news:
            self._news.wait_for(lambda: found() or self._ended, _PATIENCE)
            entry = found()
        assert entry is not None, f"no {events} within {_PATIENCE} s, see {self.log}: {self.entries[-3:]}"
        return entry

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does; returns once it is gone."""
        self._signal(signal.SIGKILL)
        self.killed.append(time.monotonic())
        self._wait(10)

    def stop(self) -> tuple[int, float]:
        """SIGTERM; gives the exit code and the seconds it took. -9 where it had to be killed after 20 s."""
        begun = time.monotonic()
        self._signal(signal.SIGTERM)
        try:
            code = self._wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            code = -9
        return code, time.monotonic() - begun

    def freeze(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill it where it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def _ended(self) -> bool:
        return self._reader is None or not self._reader.is_alive()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _wait(self, timeout: float) -> int:
        assert self._process is not None
        assert self._reader is not None
        code = self._process.wait(timeout)
        self._reader.join()
        return code

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        with process.stderr, self.log.open("a", encoding="utf-8") as log:
            for line in process.stderr:
                log.write(line)
                log.flush()
                with self._news:
                    self.entries.append(_decoded(line) | {"at": time.monotonic()})
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()


def _decoded(line: str) -> dict[str, Any]:
    """A log line; one that is no JSON is an event of its own, but for one that a kill cut off."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if isinstance(entry, dict):
        return entry
    cut = line.startswith("{") and not line.endswith("\n")
    return {"event": line.rstrip(), "level": "cut" if cut else NO_JSON}
