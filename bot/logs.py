"""Logging: structlog over the standard library, JSON lines when not at a terminal, secrets taken out.

httpx logs every URL with the bot token in it at INFO, so it is set to WARNING, and every record passes
a processor that rewrites tokens and every known secret in message, arguments and exception text.
"""

import logging
import re
import sys
from collections.abc import Sequence
from typing import Any

import structlog

_TOKEN = re.compile(r"\b(?:bot)?\d{6,12}:[A-Za-z0-9_-]{30,}")
_DETAIL = re.compile(r"DETAIL: .*?(?=\n\[SQL: |\Z)", re.DOTALL)
"""What PostgreSQL adds to an error: the row that was refused, with all that was typed."""

_HIDDEN = "***"


class Redactor:
    """Rewrites secrets in log records.

    Args:
        secrets: values that must never appear.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret for secret in secrets if len(secret) >= 6]

    def text(self, value: str) -> str:
        """A text without secrets, and without what a database says was written."""
        value = _DETAIL.sub(f"DETAIL: {_HIDDEN}", _TOKEN.sub(_HIDDEN, value))
        for secret in self._secrets:
            value = value.replace(secret, _HIDDEN)
        return value

    def __call__(self, _logger: Any, _method: str, event: Any) -> Any:
        """A structlog processor."""
        return self._clean(event)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self._clean(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._clean(inner) for inner in value)
        if isinstance(value, bool | int | float | None):
            return value
        return self.text(str(value))


def configure(level: str, secrets: Sequence[str]) -> None:
    """Set up logging to stderr once, for `serve` and the commands that log."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    redactor = Redactor(secrets)
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=False)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redactor, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if level.upper() == "INFO":
        for noisy in ("alembic", "apscheduler"):
            logging.getLogger(noisy).setLevel(logging.WARNING)


def logger(name: str) -> Any:
    """A logger of one part of the program."""
    return structlog.stdlib.get_logger(name)
