"""`zhifa doctor`: is everything in place; one line each, exit 1 where something is wrong."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from urllib.error import URLError
from urllib.request import urlopen

from actions.delivery import count_by_state, list_needing_human
from actions.events import list_parked
from actions.schedule import list_failed
from bot.settings import PREFIX, Settings
from store import channels, leases
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
            _traffic(report, database, settings)
    except ZhifaError as error:
        report.line(False, "database", error.message)
    finally:
        database.close()


def _traffic(report: _Report, database: Database, settings: Settings) -> None:
    """What came in, goes out and is due; whatever needs a human is a failure."""
    with database.read() as tx:
        needing = {"inbox": list_parked(tx), "outbox": list_needing_human(tx), "schedule": list_failed(tx)}
        states, lease, unreachable = count_by_state(tx), leases.get(tx), channels.count_unreachable(tx, "telegram")
    words = {"inbox": "parked event(s)", "outbox": "message(s) need a human", "schedule": "occurrence(s) given up"}
    for name, lines in needing.items():
        report.line(not lines, name, f"{len(lines)} {words[name]}" + "".join(f"\n       {line}" for line in lines))
    report.line(True, "messages", ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none")
    if unreachable:
        report.line(True, "chats", f"{unreachable} cannot be written to (blocked or gone)")
    if lease:
        seen = lease.renewed_at.astimezone(settings.zone)
        report.line(True, "leader", f"{lease.holder}, epoch {lease.epoch}, last seen {seen:%Y-%m-%d %H:%M:%S}")


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
    _telegram(report, settings)
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


def _telegram(report: _Report, settings: Settings) -> None:
    if settings.telegram_token is None:
        report.line(True, "telegram", "off")
        return
    from bot.links import bot_name

    name = asyncio.run(bot_name(settings))
    report.line(name is not None, "telegram", f"@{name} answers" if name else "does not answer, or refuses the token")
