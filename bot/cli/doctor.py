"""`zhifa doctor`: is everything in place; one line each, exit 1 where something is wrong."""

import sys
import time
from datetime import UTC, datetime
from urllib.error import URLError
from urllib.request import urlopen

from actions.events import count_outbox, list_parked
from bot.settings import PREFIX, Settings
from store.db import Database
from store.upgrade import HEAD, check
from zhifa_errors import ZhifaError


class _Report:
    def __init__(self) -> None:
        self.wrong = False

    def line(self, ok: bool, name: str, text: str) -> None:
        self.wrong |= not ok
        sys.stdout.write(f"{'ok  ' if ok else 'FAIL'} {name}: {text}\n")


def doctor(settings: Settings) -> bool:
    """Print the report; True where all is well."""
    report = _Report()
    _settings(report, settings)
    _data(report, settings)
    _database(report, settings)
    _index(report, settings)
    _clock(report, settings)
    _channels(report, settings)
    return not report.wrong


def _settings(report: _Report, settings: Settings) -> None:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value != type(settings).model_fields[name].default:
            shown = "(set)" if hasattr(value, "get_secret_value") else value
            report.line(True, "setting", f"{PREFIX}{name.upper()}={shown}")


def _data(report: _Report, settings: Settings) -> None:
    folder = settings.data_dir
    if not folder.is_dir():
        report.line(True, "data", f"{folder} does not exist yet; the first start makes it")
        return
    for name in ("web.secret",):
        path = folder / name
        if path.is_file():
            private = path.stat().st_mode & 0o077 == 0
            report.line(private, "secret", f"{path} {'is private' if private else 'can be read by others: chmod 600'}")


def _database(report: _Report, settings: Settings) -> None:
    path = settings.data_dir / "zhifa.db"
    if settings.database_url is None and not path.is_file():
        report.line(True, "database", f"{path} does not exist yet; the first start makes it")
        return
    database = Database(settings.database())
    try:
        revision = check(database)
        newest = revision == HEAD
        report.line(newest, "database", f"schema {revision}" + ("" if newest else "; run zhifa db upgrade"))
        if newest:
            with database.read() as tx:
                parked, outbox = list_parked(tx), count_outbox(tx)
            report.line(
                not parked,
                "inbox",
                f"{len(parked)} parked event(s)" + "".join(f"\n       {p}" for p in parked),
            )
            unsettled = sum(count for state, count in outbox.items() if state != "sent")
            report.line(True, "outbox", f"{sum(outbox.values())} messages, {unsettled} not settled")
    except ZhifaError as error:
        report.line(False, "database", error.message)
    finally:
        database.close()


def _index(report: _Report, settings: Settings) -> None:
    from bot.cli.ask import open_library

    begun = time.perf_counter()
    try:
        library = open_library(settings)
    except ZhifaError as error:
        report.line(False, "content", error.message.splitlines()[0])
        return
    report.line(True, "content", f"{library.index.size} entries, index opened in {time.perf_counter() - begun:.2f} s")
    try:
        path, _ = library.place(settings.jurisdiction)
        report.line(True, "place", path)
    except ZhifaError as error:
        report.line(False, "place", error.message)


def _clock(report: _Report, settings: Settings) -> None:
    now = datetime.now(UTC)
    sane = now.year >= 2025
    report.line(sane, "clock", f"{now.astimezone(settings.zone):%Y-%m-%d %H:%M:%S %Z} ({settings.timezone})")


def _channels(report: _Report, settings: Settings) -> None:
    if settings.web_listen == "off":
        report.line(True, "web", "off")
        return
    host, port = settings.web_address
    url = f"http://{'[' + host + ']' if ':' in host else host}:{port}/healthz"
    try:
        with urlopen(url, timeout=2) as answer:
            report.line(answer.status == 200, "web", f"{url} answers")
    except (URLError, OSError):
        report.line(True, "web", f"{settings.web_listen}: no serve is running")
