"""The whole program as people meet it: started from nothing, asked over HTTP, stopped.

Everything here runs the real `zhifa` in a process of its own with a fresh data folder. Typed messages
are limited to ten at once a chat; nothing is switched off for the measurement: «one chat» asks one
question at a time and changes to a new session every ten, «twenty chats» send ten each at the same time.
The client does as the page does: it holds the stream of nudges open and fetches when nudged.
"""

import asyncio
import contextlib
import os
import re
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil  # type: ignore[import-untyped]

from benchmarks.golden import rows
from benchmarks.tables import Table

ROOT = Path(__file__).resolve().parent.parent
_RUNS = 5
_EMPTY_RUNS = 3
_ASK = ("ask", "听证几天内申请")
_BURST = 10
"""What one chat may send at once."""
_CHATS = 20
_COLD_SECONDS = 1.2
_SERVE_MB = 200.0
_STOP_SECONDS = 5.0
_PATIENCE = 30.0
_TOKEN = re.compile(r'name="zhifa-token" content="([^"]+)"')


def measure_processes(folder: Path) -> None:
    """Print what starting, answering and stopping take."""
    print("\n== whole process ==")
    table = Table("figure", "median", "all runs", "aim")
    warm = folder / "warm"
    _ask(warm)
    cold = [_ask(warm) for _ in range(_RUNS)]
    table.add("zhifa ask, cold start, s", f"{statistics.median(cold):.2f}", _list(cold), _aim(cold, _COLD_SECONDS))
    empty = [_ask(folder / f"empty-{n}") for n in range(_EMPTY_RUNS)]
    table.add("zhifa ask, no index yet, s", f"{statistics.median(empty):.2f}", _list(empty), "")
    print(table)
    with _serve(folder / "serve") as (process, address, ready):
        asyncio.run(_memory(psutil.Process(process.pid), address, f"ready in {ready:.2f} s, no index yet"))
    with _serve(folder / "serve") as (process, address, ready):
        asyncio.run(_memory(psutil.Process(process.pid), address, f"ready in {ready:.2f} s, index there"))
        asyncio.run(_over_http(psutil.Process(process.pid), address))
        stopping = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        code = process.wait(_PATIENCE)
        took = time.perf_counter() - stopping
    print(f"clean stop: {took:.2f} s, exit code {code} (aim < {_STOP_SECONDS:g} s and 0)")


def _list(values: Sequence[float]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def _aim(values: Sequence[float], aim: float) -> str:
    return f"< {aim:g}: {'met' if statistics.median(values) < aim else 'MISSED'}"


def environment(data: Path) -> dict[str, str]:
    """Ours without any setting of the program; its own data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("ZHIFA_")}
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"ZHIFA_DATA_DIR": str(data), "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"}


def _ask(data: Path) -> float:
    """Seconds from the start of a process to its end."""
    data.mkdir(exist_ok=True)
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "bot", *_ASK], env=environment(data), cwd=data, check=True, capture_output=True
    )
    return time.perf_counter() - started


@contextlib.contextmanager
def _serve(data: Path) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """A running `zhifa serve`, its address, and the seconds until it said so."""
    data.mkdir(exist_ok=True)
    started = time.perf_counter()
    with (data / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"],
            env=environment(data) | {"ZHIFA_WEB_LISTEN": "127.0.0.1:0", "ZHIFA_LOG": "warning"},
            cwd=data,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
        )
    try:
        assert process.stdout is not None  # noqa: S101  (a pipe was asked for)
        line = process.stdout.readline()
        found = re.search(r"http://[^ \s]+", line)
        if found is None:
            raise RuntimeError((data / "log").read_text(encoding="utf-8") or "serve did not start")
        yield process, found[0], time.perf_counter() - started
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


class _Chat:
    """One session of the page, as a person's browser holds it."""

    def __init__(self, address: str, limits: httpx.Limits) -> None:
        self._client = httpx.AsyncClient(base_url=address, timeout=_PATIENCE, limits=limits, trust_env=False)
        self._nudged = asyncio.Event()
        self._seen = ""
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        page = await self._client.get("/")
        found = _TOKEN.search(page.raise_for_status().text)
        if found is None:
            raise RuntimeError("the page holds no token")
        self._client.headers["x-zhifa-token"] = found[1]
        self._seen = (await self._lines())[0]
        self._listening = asyncio.create_task(self._listen())
        await self._nudge()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await self._client.aclose()

    async def _listen(self) -> None:
        async with self._client.stream("GET", "/events", timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line == "event: nudge":
                    self._nudged.set()

    async def _nudge(self) -> None:
        async with asyncio.timeout(_PATIENCE):
            await self._nudged.wait()
        self._nudged.clear()

    async def _lines(self) -> tuple[str, bool]:
        """What is new: the mark for the next time, and whether a reply is among it."""
        got = (await self._client.get("/messages", params={"after": self._seen})).raise_for_status().json()
        return got["seen"], any(not line["me"] for line in got["lines"])

    async def ask(self, text: str) -> float:
        """Seconds from sending to the reply being readable."""
        started = time.perf_counter()
        sent = await self._client.post("/send", json={"kind": "text", "text": text, "id": secrets.token_hex(8)})
        sent.raise_for_status()
        replied = False
        while not replied:
            await self._nudge()
            self._seen, replied = await self._lines()
        return time.perf_counter() - started


@contextlib.asynccontextmanager
async def _chats(address: str, count: int) -> AsyncIterator[list[_Chat]]:
    async with contextlib.AsyncExitStack() as stack:
        limits = httpx.Limits(max_connections=2)
        yield [await stack.enter_async_context(_Chat(address, limits)) for _ in range(count)]


async def _burst(chat: _Chat, texts: Sequence[str]) -> list[float]:
    return [await chat.ask(text) for text in texts]


def _groups() -> list[list[str]]:
    """Golden questions, as many for each chat as it may send at once."""
    texts = [str(row["q"]) for row in rows("questions")][: _CHATS * _BURST]
    return [texts[n : n + _BURST] for n in range(0, len(texts), _BURST)]


async def _memory(process: psutil.Process, address: str, how: str) -> None:
    async with _chats(address, 5) as chats:
        for chat, group in zip(chats, _groups(), strict=False):
            await _burst(chat, group)
    memory = process.memory_info().rss / 1e6
    verdict = "met" if memory < _SERVE_MB else "MISSED"
    print(f"zhifa serve, {how}: {memory:.0f} MB resident after 50 questions (aim < {_SERVE_MB:g}: {verdict})")


async def _over_http(process: psutil.Process, address: str) -> None:
    groups = _groups()
    print()
    table = Table("over HTTP", "questions", "per second", "p50 ms", "p95 ms")
    for number in (1, 2):
        async with _chats(address, _CHATS // 2) as chats:
            started = time.perf_counter()
            each = [seconds for c, g in zip(chats, groups, strict=False) for seconds in await _burst(c, g)]
            _line(table, f"one chat at a time, run {number}", each, time.perf_counter() - started)
        async with _chats(address, _CHATS) as chats:
            started = time.perf_counter()
            parts = await asyncio.gather(*(_burst(c, g) for c, g in zip(chats, groups, strict=True)))
            each = [seconds for part in parts for seconds in part]
            _line(table, f"{_CHATS} chats at once, run {number}", each, time.perf_counter() - started)
    print(table)
    asked = 5 * _BURST + 2 * (_CHATS // 2 + _CHATS) * _BURST
    print(f"resident memory after {asked} questions: {process.memory_info().rss / 1e6:.0f} MB")


def _line(table: Table, name: str, each: list[float], wall: float) -> None:
    ordered = sorted(each)
    p50, p95 = (ordered[int(share * (len(ordered) - 1))] * 1000 for share in (0.5, 0.95))
    table.add(name, len(each), f"{len(each) / wall:.1f}", f"{p50:.0f}", f"{p95:.0f}")
