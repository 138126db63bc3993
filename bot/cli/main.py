"""The command `zhifa`: one line for each sub-command, each importing what it needs when it runs."""

import sys
from typing import Annotated

import typer

from bot.cli import kb, people
from zhifa_errors import UsageError, ZhifaError

app = typer.Typer(
    name="zhifa",
    help="执法助手: cited answers for administrative law-enforcement officers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(kb.app, name="kb")
app.add_typer(people.unit_app, name="unit")
app.add_typer(people.audit_app, name="audit")
app.command()(people.invite)
db_app = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(db_app, name="db")


@app.command()
def serve() -> None:
    """Run every configured channel until SIGTERM or SIGINT."""
    from bot.cli.serve import serve as run

    run()


@app.command()
def chat() -> None:
    """The same conversation in the terminal."""
    import asyncio

    from bot.app import open_app
    from bot.channels.console.chat import ConsoleChat
    from bot.logs import configure
    from bot.settings import read_settings

    settings = read_settings()
    configure("warning" if settings.log == "info" else settings.log, settings.secrets())
    built = open_app(settings)
    try:
        asyncio.run(ConsoleChat(built).run())
    except KeyboardInterrupt:
        typer.echo()
    finally:
        built.database.close()


@app.command()
def ask(
    text: Annotated[str | None, typer.Argument(help="The question.")] = None,
    jurisdiction: Annotated[str | None, typer.Option(help="Place, e.g. 辽宁省/铁岭市.")] = None,
    as_of: Annotated[str | None, typer.Option(help="The day whose law is asked for, e.g. 2026-11-21.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    batch: Annotated[str | None, typer.Option(help="JSONL file of questions, - for standard input.")] = None,
) -> None:
    """Answer one question, or a batch; records nothing."""
    from bot.cli import ask as module
    from bot.settings import read_settings

    settings = read_settings()
    if (text is None) == (batch is None):
        raise UsageError("give either a question or --batch FILE")
    if batch is not None:
        module.batch(batch, jurisdiction, as_of, settings)
    else:
        module.ask(text or "", jurisdiction, as_of, as_json_line=json, settings=settings)


@app.command()
def doctor() -> None:
    """Check settings, database, content, clock and channels; one line each."""
    from bot.cli.doctor import doctor as run
    from bot.settings import read_settings

    if not run(read_settings()):
        raise typer.Exit(1)


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the database to the newest schema, after a backup."""
    from bot.settings import read_settings
    from store.db import Database
    from store.upgrade import HEAD, upgrade

    settings = read_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database())
    try:
        changed = upgrade(database, settings.data_dir)
    finally:
        database.close()
    typer.echo(f"schema {HEAD}" + ("" if changed else ", nothing to do"))


def main() -> None:
    """Run the command; an error is one line on stderr and exit 1 (wrong usage 2), never a traceback."""
    try:
        app()
    except ZhifaError as error:
        sys.stderr.write(error.message + "\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
