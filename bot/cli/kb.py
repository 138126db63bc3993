"""`zhifa kb`: checking, compiling and counting the content."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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
    from knowledge.search.build import build

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


@app.command("coverage")
def coverage_command(
    tables: Annotated[list[Path] | None, typer.Argument(help="Tables of facts (YAML), or folders of them.")] = None,
    left_out: Annotated[
        Path | None, typer.Option(help="Markdown rows `| id | reason |` of what is not carried.")
    ] = None,
) -> None:
    """Facts per entry; with tables, prove that every fact is carried or left out with a reason."""
    from knowledge.catalogue.coverage import coverage, facts_per_entry, unknown_facts

    content, _ = _content()
    typer.echo("facts per entry (0, 1, 2, 3, more)")
    for kind, counted in facts_per_entry(content).items():
        more = sum(count for facts, count in counted.items() if facts > 3)
        typer.echo(f"{kind:12}" + "".join(f"{counted[facts]:6}" for facts in range(4)) + f"{more:6}")
    if not tables:
        return
    found = coverage(content, tables, left_out)
    for table in found:
        counts = f"{len(table.carried):5} carried {len(table.left_out):4} left out {len(table.missing):4} missing"
        typer.echo(f"{table.name:24}{counts}")
    faults = [f"{table.name}: «{fact}» is neither carried nor left out" for table in found for fact in table.missing]
    faults += unknown_facts(content, tables)
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise typer.Exit(1)


@app.command("schema")
def schema_command(
    form: Annotated[str, typer.Argument(help="entries, sources, places or domains")] = "entries",
) -> None:
    """Print the JSON Schema of a form of content file, for editors."""
    import json

    from knowledge.catalogue.schema import FORMS, schema
    from zhifa_errors import UsageError

    if form not in FORMS:
        raise UsageError(f"«{form}» is none of {', '.join(FORMS)}")
    typer.echo(json.dumps(schema(form), ensure_ascii=False, indent=1))


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Let one import work at a time; a second one waits."""
    import fcntl

    from zhifa_errors import UsageError

    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = (data_dir / "overlay.lock").open("w")
    except OSError as error:
        raise UsageError(f"ZHIFA_DATA_DIR: {data_dir}: {error.strerror}") from None
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@app.command("import-list")
def import_list_command(
    file: Annotated[Path, typer.Argument(help="The table (.xlsx); with --template, where to write the empty one.")],
    template: Annotated[bool, typer.Option("--template", help="Write the empty table.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write the entries; without it only a preview.")] = False,
) -> None:
    """Take a bureau's own list into the overlay folder; nothing is written while a row is wrong."""
    from actions.lists import check_list, do_import_list, preview, try_list, write_template
    from bot.settings import read_settings
    from knowledge.catalogue.load import BUNDLED, load
    from zhifa_errors import ContentError

    settings = read_settings()
    today = datetime.now(settings.zone).date()
    overlay = settings.data_dir / "overlay"
    below = [BUNDLED, *(folder for folder in settings.folders if folder != overlay)]
    with _alone(settings.data_dir):
        try:
            content = load([BUNDLED, *settings.folders])
        except ContentError:
            content = load(below)  # what is wrong in the overlay may be what this import puts right
        if template:
            write_template(file, content.registers)
            typer.echo(f"空表已写到 {file}，填好后运行 zhifa kb import-list {file}")
            return
        draft = check_list(file, content, today)
        for line in preview(draft):
            typer.echo(line)
        if draft.errors:
            typer.echo("有错误，没有导入任何内容；改好表格后再试。")
            raise typer.Exit(1)
        for finding in try_list(draft, overlay, below, today):
            typer.echo(f"提示  {finding}")
        if not yes:
            typer.echo("以上是预览，还没有导入；确认无误后加 --yes。")
            return
        for path in do_import_list(draft, overlay, below, today):
            typer.echo(f"已写入 {path}")
    typer.echo("正在运行的 zhifa serve 会自动换用新内容。")


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
