"""What the program says while it is tested, at its most talkative, in one file that is searched at the end.

Started programs run at `ZHIFA_LOG=debug`; whoever starts one hands its output to `record`. What the
program logs inside the tests' own process is recorded too. No secret may be in it.
"""

import logging
import threading
from pathlib import Path

from tests.botapi import TOKEN

PATH = Path(__file__).resolve().parent.parent / ".pytest_cache" / "suite.log"
SECRETS = (TOKEN, TOKEN.partition(":")[2])
"""The token every started program gets, whole and without the bot's number."""

_OF_THE_TESTS = frozenset({"telegram", "httpx", "httpcore"})
"""Libraries that tests use themselves in this process, with the same token and no redaction; what they log in
the program is in the output of started programs."""

_lock = threading.Lock()


def empty() -> None:
    """Begin with an empty file."""
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text("", encoding="utf-8")


def begin() -> None:
    """Record what is logged in this process."""
    handler = logging.FileHandler(PATH, encoding="utf-8", delay=True)
    handler.setLevel(logging.DEBUG)
    handler.addFilter(lambda entry: entry.name.partition(".")[0] not in _OF_THE_TESTS)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)


def record(*outputs: str | None) -> None:
    """Add what a program wrote."""
    with _lock, PATH.open("a", encoding="utf-8") as log:
        for output in outputs:
            log.write(output or "")


def without_log(stderr: str) -> str:
    """What a person at the terminal is told: standard error without the JSON lines of the log."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not line.startswith('{"'))


def leaks(path: Path = PATH) -> list[str]:
    """Lines with a secret in them, as `line number: beginning`."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [f"{n}: {line[:200]}" for n, line in enumerate(lines, 1) if any(secret in line for secret in SECRETS)]
