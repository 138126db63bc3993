"""`zhifa kb`: checking, compiling and counting the content."""

from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from knowledge.catalogue.load import Content

app = typer.Typer(help="The knowledge base: check, compile, count.", no_args_is_help=True)
_STALE = timedelta(days=365)


def _content() -> "tuple[Content, date]":
    from bot.settings import read_settings
    from knowledge.catalogue.load import BUNDLED, load

    settings = read_settings()
    return load([BUNDLED, *settings.folders]), datetime.now(settings.zone).date()


@app.command("lint")
def lint_command(
    statutes: Annotated[
        Path | None, typer.Option(help="Folder of official statute texts to hold the content against.")
    ] = None,
) -> None:
    """Validate all content; print `file:line: message` and exit 1 on any error."""
    from knowledge.catalogue.lint import lint
    from knowledge.catalogue.statutes import read_statutes
    from zhifa_errors import ContentError, UsageError

    if statutes is not None and not statutes.is_dir():
        raise UsageError(f"{statutes}: no such folder")
    try:
        content, today = _content()
        findings = lint(content, today, read_statutes(statutes) if statutes else None)
    except ContentError as error:
        findings = error.problems
    for finding in findings:
        typer.echo(finding)
    if findings:
        raise typer.Exit(1)
    typer.echo(f"ok: {len(content.items)} entries")


@app.command("build")
def build_command() -> None:
    """Compile the search index, unless that of just this content is there already."""
    from bot.settings import read_settings
    from knowledge.catalogue.load import BUNDLED
    from knowledge.search.index import build

    settings = read_settings()
    typer.echo(build([BUNDLED, *settings.folders], settings.index_dir))


@app.command("stats")
def stats_command() -> None:
    """Count entries by kind, place and field."""
    content, _ = _content()
    items = list(content.items.values())
    typer.echo(f"{len(items)} entries, {len(content.registers.sources.by_id)} sources")
    for name, counted in (
        ("kind", Counter(item.entry.kind for item in items)),
        ("place", Counter(item.place for item in items)),
        ("field", Counter(content.registers.domains.by_id[item.domain].name for item in items)),
    ):
        for value, count in counted.most_common():
            typer.echo(f"{name:6} {count:5}  {value}")
    asks = sum(len(item.entry.ask) for item in items)
    typer.echo(f"ask    {asks:5}  phrasings")


@app.command("stale")
def stale_command() -> None:
    """List entries not checked for a year, or resting on a version that has ended."""
    content, today = _content()
    sources = content.registers.sources
    for item in content.items.values():
        reasons = [f"checked {item.entry.checked}"] if today - item.entry.checked > _STALE else []
        if item.entry.in_force.covers(today):
            ended = [sources.show(c) for c in item.cites if sources.version(c.source, today) is None]
            reasons += [f"no longer in force: {'、'.join(ended)}"] if ended else []
        if reasons:
            typer.echo(f"{item.where}: «{item.entry.id}»: {'; '.join(reasons)}")
