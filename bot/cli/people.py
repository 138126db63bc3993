"""`zhifa unit`, `zhifa invite` and `zhifa audit`: enrolment from the machine itself."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bot.settings import Settings
    from store.db import Database

unit_app = typer.Typer(help="Units as a tree, each bound to a place.", no_args_is_help=True)
audit_app = typer.Typer(help="The trail of what was done.", no_args_is_help=True)


@contextmanager
def _opened() -> "Iterator[tuple[Settings, Database]]":
    """Settings, and the database at the newest schema."""
    from bot.logs import configure
    from bot.settings import read_settings
    from store.db import Database
    from store.upgrade import upgrade
    from zhifa_errors import UsageError

    settings = read_settings()
    configure("warning" if settings.log == "info" else settings.log, settings.secrets())
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"ZHIFA_DATA_DIR: {settings.data_dir}: {error.strerror}") from None
    database = Database(settings.database())
    try:
        upgrade(database, settings.data_dir)
        yield settings, database
    finally:
        database.close()


@unit_app.command("add")
def unit_add(
    path: Annotated[str, typer.Argument(help="市场监管局/城关所; its parent must be there.")],
    place: Annotated[str, typer.Option(help="Place whose rules it works under, e.g. 辽宁省/铁岭市.")],
) -> None:
    """Add a unit."""
    from actions.people import do_add_unit
    from actions.permissions import Machine
    from bot.cli.ask import open_library

    with _opened() as (settings, database):
        held, outside = open_library(settings).place(place)
        with database.write() as tx:
            unit = do_add_unit(tx, Machine(), path, held, datetime.now(settings.zone))
    if outside:
        typer.echo(f"{outside} is not in the content; its officers are answered for {held}", err=True)
    typer.echo(f"{unit.path}\t{unit.place}")


@unit_app.command("list")
def unit_list() -> None:
    """List all units with their places, each after its parent."""
    from actions.people import list_units

    with _opened() as (_, database), database.read() as tx:
        for unit in list_units(tx):
            typer.echo(f"{unit.path}\t{unit.place}")


def invite(
    role: Annotated[str, typer.Option(help="officer, supervisor, curator or admin.")],
    unit: Annotated[str | None, typer.Option(help="Path of their unit.")] = None,
    person: Annotated[str | None, typer.Option(help="Staff number of the only person it is for.")] = None,
    uses: Annotated[int, typer.Option(help="How many may redeem it; more than one for officers only.")] = 1,
    days: Annotated[float, typer.Option(help="How long it is good.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Make an enrolment code and its link."""
    from actions.people import do_invite
    from actions.permissions import ROLES, Machine
    from bot.links import invitation_link
    from zhifa_errors import UsageError

    given = next((known for known in ROLES if known == role), None)
    if given is None:
        raise UsageError(f"--role: one of {', '.join(ROLES)}")
    with _opened() as (settings, database):
        with database.write() as tx:
            now = datetime.now(settings.zone)
            made = do_invite(tx, Machine(), role=given, unit=unit, person=person, uses=uses, days=days, now=now)
        link = asyncio.run(invitation_link(settings, made.code))
    shown = {"code": made.code, "link": link, "expires": made.expires.isoformat(timespec="seconds")}
    if as_json:
        typer.echo(json.dumps(shown))
        return
    for name, value in shown.items():
        if value:
            typer.echo(f"{name:8} {value}")


@audit_app.command("verify")
def audit_verify() -> None:
    """Check the chain of the trail; exit 1 and name the row where it is broken."""
    from store.audit import count, find_break, find_last

    with _opened() as (_, database), database.read() as tx:
        broken, rows, last = find_break(tx), count(tx), find_last(tx)
    if broken is not None:
        typer.echo(f"the audit chain is broken at row {broken}", err=True)
        raise typer.Exit(1)
    typer.echo(f"ok: {rows} rows, last {last}")
