"""The web chat under test: a real `python -m bot serve`, and somebody who speaks with it over HTTP."""

import json
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.conftest import clean_environment

Line = dict[str, Any]
_TOKEN = re.compile(r'name="zhifa-token" content="([0-9a-f]+)"')
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_PATIENCE = 30.0


class Served:
    """One server process with a data folder of its own; may be killed and started again on its port.

    Args:
        folder: where it lives; its log is kept here too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "serve.log"
        self.port = 0
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[str]":
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve"],
                cwd=self._folder,
                env=clean_environment(self._folder / "data", ZHIFA_WEB_LISTEN=f"127.0.0.1:{self.port}"),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        assert process.stdout is not None
        greeting = process.stdout.readline()
        found = _ADDRESS.search(greeting)
        assert found, f"no address in {greeting!r}: {self._log.read_text(encoding='utf-8')[-2000:]}"
        self.port = int(found[1])
        return process

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """`kill -9`, in the middle of whatever it does."""
        self._process.kill()
        self._process.communicate()

    def start_again(self) -> None:
        """Start on the same data and the same port."""
        self._process = self._start()

    def stop(self) -> int:
        """Ask it to end, as a service manager does; gives its exit code, within 5 seconds or not at all."""
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=5)
        return self._process.returncode

    def complaints(self) -> list[str]:
        """What it logged as a warning or worse."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if '"level": "info"' not in line and '"level": "debug"' not in line]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()


class Visitor:
    """One session: what a page does, without the page. A nudge is waited for, never a moment.

    Args:
        url: of a server.
    """

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=_PATIENCE, trust_env=False)
        found = _TOKEN.search(self.http.get("/").text)
        assert found
        self.token = found[1]
        self.seen = "0.0"
        self._open = ExitStack()
        self._nudges: Iterator[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()
        self.http.close()

    def listen(self) -> None:
        """Open the stream of nudges; the first one says that it is open."""
        stream = self._open.enter_context(self.http.stream("GET", "/events"))
        self._nudges = (line for line in stream.iter_lines() if line == "event: nudge")
        next(self._nudges)

    def nudged(self) -> None:
        """Wait for the next nudge."""
        assert self._nudges is not None
        next(self._nudges)

    def post(self, body: Any, **headers: str) -> httpx.Response:
        """`POST /send` with the right token, unless a header says otherwise."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"x-zhifa-token": self.token, **headers}
        return self.http.post("/send", content=content, headers={k.encode(): v.encode() for k, v in named.items()})

    def lines(self, after: str = "0.0") -> list[Line]:
        """Lines after what was seen; all of them by default."""
        return list(self.http.get("/messages", params={"after": after}).json()["lines"])

    def new(self) -> list[Line]:
        """Lines since the last time."""
        found = self.http.get("/messages", params={"after": self.seen}).json()
        self.seen = found["seen"]
        return list(found["lines"])

    def send(self, text: str, **more: Any) -> list[Line]:
        """Say something and wait for what the bot says to it."""
        if self._nudges is None:
            self.listen()
        answer = self.post({"kind": "text", "text": text, "id": uuid.uuid4().hex, **more})
        assert answer.status_code == 202, answer.text
        said: list[Line] = []
        while not said:
            self.nudged()
            said = [line for line in self.new() if not line["me"]]
        return said

    def press(self, data: str, message: object = None) -> list[Line]:
        """Press a button of a message."""
        return self.send(data, kind="press", message=message)


def said(line: Line) -> str:
    """All text of a line of the bot."""
    return "\n".join(text for block in line["blocks"] for text in (block["text"], *block["items"]) if text)


def button(line: Line, label: str) -> str:
    """What a button carries."""
    return next(str(b["data"]) for row in line["rows"] for b in row if b["label"] == label)
