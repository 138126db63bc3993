"""`zhifa kb`: checking, compiling and counting the content."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The knowledge base: check, compile, count.", no_args_is_help=True)


@app.command("lint")
def lint_command(
    statutes: Annotated[
        Path | None, typer.Option(help="Folder of official statute texts to hold the content against.")
    ] = None,
) -> None:
    """Validate all content; print `file:line: message` and exit 1 on any error."""
    from knowledge.catalogue.lint import lint
    from knowledge.catalogue.load import load
    from knowledge.catalogue.statutes import read_statutes

    content = load()
    findings = lint(content, date.today(), read_statutes(statutes) if statutes else None)
    for finding in findings:
        typer.echo(finding)
    if findings:
        raise typer.Exit(1)
    typer.echo(f"ok: {len(content.items)} entries")
