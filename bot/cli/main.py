"""The command `zhifa`: one line for each sub-command, each importing what it needs when it runs."""

import sys

import typer

from bot.cli import kb
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


def main() -> None:
    """Run the command; an error is one line on stderr and exit 1 (wrong usage 2), never a traceback."""
    try:
        app()
    except ZhifaError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        sys.exit(2 if isinstance(error, UsageError) else 1)
