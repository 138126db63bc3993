"""No secret reaches a log, at any level, in any field."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.logs import Redactor, configure, logger
from tests import suite_log

CANARY = "123456789:AAHcanarycanarycanarycanarycanary12"
PASSWORD = "a-database-password-of-some-length"  # noqa: S105


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Logging as `serve` sets it up, at DEBUG, into a string."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure("debug", [CANARY, PASSWORD])
    yield written
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_secrets_are_taken_out_of_every_field(log: io.StringIO) -> None:
    """Message, fields, nested values, arguments and exception text: nothing of the canary is left."""
    own, foreign = logger("own"), logging.getLogger("some.library")
    own.info(f"url https://api.telegram.org/bot{CANARY}/getMe", extra={"deep": [PASSWORD, {"x": CANARY}]})
    foreign.debug("connecting to %s with %s", f"postgresql://u:{PASSWORD}@host/db", {"token": CANARY})
    try:
        raise ValueError(f"failed for bot{CANARY}")  # noqa: TRY301
    except ValueError:
        own.exception("event_failed")
        foreign.exception("boom")
    text = log.getvalue()
    assert CANARY not in text
    assert PASSWORD not in text
    assert text.count("***") >= 5


def test_lines_are_json_and_httpx_stays_quiet(log: io.StringIO) -> None:
    """Away from a terminal each line is one JSON object; httpx does not log its URLs."""
    logger("own").warning("听证", n=1)
    logging.getLogger("httpx").info("HTTP Request: GET https://example.org/secret")
    (line,) = log.getvalue().splitlines()
    record = json.loads(line)
    assert (record["event"], record["n"], record["level"], record["logger"]) == ("听证", 1, "warning", "own")


def test_a_token_is_recognised_without_being_known() -> None:
    """Whatever looks like a bot token is rewritten, even one the program was not told of."""
    assert Redactor([]).text(f"bot{CANARY}/x") == "***/x"


def test_a_secret_in_what_the_suite_logged_would_be_found(tmp_path: Path) -> None:
    """The last step of every run finds the token, whole or without the bot's number, and nothing else."""
    log = tmp_path / "suite.log"
    secret = suite_log.SECRETS[1]
    log.write_text(f"POST /bot{suite_log.SECRETS[0]}/getMe\nnothing\nhalf of it: {secret}\n***\n", encoding="utf-8")
    assert [line.partition(":")[0] for line in suite_log.leaks(log)] == ["1", "3"]
