"""Holding the content against tables of facts, and the schema editors check it by."""

import json
from pathlib import Path

import pytest

from knowledge.catalogue.coverage import coverage, facts_per_entry, unknown_facts
from knowledge.catalogue.load import BUNDLED, load
from knowledge.catalogue.schema import FORMS, schema
from tests.conftest import Command
from tests.content import changed, write, write_base
from zhifa_errors import UsageError

_SCHEMAS = BUNDLED.parent / "schemas"
_TABLE = "facts:\n- {id: f-1, rule: one}\n- {id: f-2, nested: [{id: f-3}]}\n- {id: f-4}\n"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    folder = write_base(tmp_path / "content")
    write(
        folder, "national/general.more.yaml", changed("checked: 2026-11-21", "checked: 2026-11-21\n  from: [f-1, f-3]")
    )
    return folder


def test_every_fact_is_carried_left_out_or_missing(folder: Path, tmp_path: Path) -> None:
    """However deep a fact lies in its table, it is in exactly one of the three."""
    table = write(tmp_path, "tables/facts.yaml", _TABLE)
    left = write(tmp_path, "left-out.md", "# Left out\n\n| id | reason |\n| --- | --- |\n| `f-2` | a lead only |\n")
    (found,) = coverage(load([folder]), [table.parent], left)
    assert (found.name, found.carried, found.left_out, found.missing) == (
        "facts.yaml",
        ("f-1", "f-3"),
        ("f-2",),
        ("f-4",),
    )


def test_an_id_no_table_holds_is_told(folder: Path, tmp_path: Path) -> None:
    """An entry cannot claim to rest on a fact that does not exist."""
    table = write(tmp_path, "facts.yaml", "- {id: f-1}\n")
    assert ["no table holds «f-3»" in line for line in unknown_facts(load([folder]), [table])] == [True]


def test_facts_per_entry_shows_a_table_copied_row_by_row(folder: Path) -> None:
    """Entries are counted by kind and by how many facts they rest on."""
    counted = facts_per_entry(load([folder]))
    assert counted["rule"] == {2: 1}
    assert counted["offence"] == {0: 1}


def test_a_table_that_cannot_be_read_is_told(folder: Path, tmp_path: Path) -> None:
    """A missing table is no empty one."""
    with pytest.raises(UsageError):
        coverage(load([folder]), [tmp_path / "none.yaml"], None)
    left = tmp_path / "left-out.md"
    left.write_bytes(b"| f-2 | \xff |\n")
    with pytest.raises(UsageError):
        coverage(load([folder]), [], left)


def test_the_command_fails_while_a_fact_is_missing(run: Command, tmp_path: Path) -> None:
    """`kb coverage` exits 1 and names the fact, until it is left out with a reason."""
    table = write(tmp_path, "facts.yaml", "- {id: cf-033b}\n- {id: never-carried}\n")
    done = run("kb", "coverage", str(table))
    assert done.returncode == 1
    assert "«never-carried» is neither carried nor left out" in done.stdout
    assert "«cf-033b»" not in done.stdout
    left = write(tmp_path, "left-out.md", "| never-carried | a lead |\n")
    excused = run("kb", "coverage", str(table), "--left-out", str(left)).stdout
    assert "«never-carried»" not in excused
    assert "1 carried    1 left out    0 missing" in excused


@pytest.mark.parametrize("form", FORMS)
def test_the_tracked_schema_is_that_of_the_model(form: str) -> None:
    """`zhifa kb schema` and the file editors read say the same."""
    assert json.loads((_SCHEMAS / f"{form}.schema.json").read_text(encoding="utf-8")) == schema(form)


def test_the_schema_knows_every_kind() -> None:
    """An editor offers each kind of entry with its own fields."""
    kinds = schema("entries")["items"]["discriminator"]["mapping"]
    assert set(kinds) == {
        "rule", "procedure", "time_limit", "requirement", "term", "offence", "list_item", "task", "case",
    }  # fmt: skip
