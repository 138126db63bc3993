"""Who may do what, and the trail of what was done."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from actions.permissions import (
    PERMISSIONS,
    ROLES,
    Actor,
    Machine,
    Person,
    Role,
    check,
    do_audit,
    find_break,
    may,
    may_ask,
)
from store.audit import find_last
from store.db import Database, Tx, sqlite_url
from store.schema import audit
from store.upgrade import upgrade
from zhifa_errors import Forbidden

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def person(role: Role = "officer", *, active: bool = True) -> Person:
    """Somebody with a role."""
    return Person(3, "王某", "10012", role, "市场监管局", "辽宁省/铁岭市", active)


ACTORS: dict[str, Actor] = {
    "nobody": None,
    "left": person("admin", active=False),
    **{role: person(role) for role in ROLES},
    "machine": Machine(),
}
MATRIX = {
    "ask": {"officer", "supervisor", "curator", "admin", "machine"},
    "redeem_code": {"nobody", "left", "officer", "supervisor", "curator", "admin", "machine"},
    "see_me": {"nobody", "left", "officer", "supervisor", "curator", "admin", "machine"},
    "add_unit": {"admin", "machine"},
    "invite_officer": {"supervisor", "admin", "machine"},
    "invite_privileged": {"machine"},
    "no_such_action": set(),
    "": set(),
}
"""Every action and all who may do it, written down a second time."""


@pytest.mark.parametrize("action", MATRIX)
@pytest.mark.parametrize("actor", ACTORS)
def test_each_may_do_just_what_the_table_says(actor: str, action: str) -> None:
    """Role by action, with those who are not enrolled, those who left, and what no table names."""
    assert may(ACTORS[actor], action) is (actor in MATRIX[action])


def test_the_matrix_is_whole() -> None:
    """No action is left out above, and the table names nobody who does not exist."""
    assert MATRIX.keys() - PERMISSIONS.keys() == {"no_such_action", ""}
    assert PERMISSIONS.keys() <= MATRIX.keys()
    assert frozenset().union(*PERMISSIONS.values()) <= {*ROLES, "anyone", "machine"}


@pytest.mark.parametrize(
    ("actor", "open_qa", "allowed"),
    [("nobody", True, True), ("nobody", False, False), ("left", False, False), ("officer", False, True)],
)
def test_asking_is_for_everybody_or_for_the_enrolled(actor: str, open_qa: bool, allowed: bool) -> None:
    """ZHIFA_OPEN_QA decides for those who are not enrolled, and for nobody else."""
    assert may_ask(ACTORS[actor], open_qa) is allowed


@pytest.mark.parametrize("action", ["ask", "add_unit", "invite_officer", "invite_privileged", "no_such_action"])
def test_a_refusal_is_one_polite_sentence(action: str) -> None:
    """It says what to do instead, and shouts at nobody."""
    with pytest.raises(Forbidden) as refusal:
        check(None, action)
    assert refusal.value.code == "forbidden"
    assert refusal.value.message.endswith("。")
    assert refusal.value.message.count("。") == 1
    assert "！" not in refusal.value.message


def test_what_is_allowed_passes() -> None:
    """A check that refuses everything would pass the tests above."""
    check(Machine(), "invite_privileged")
    check(person("supervisor"), "invite_officer")


# ---- the trail


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A database whose trail has five rows."""
    made = Database(sqlite_url(tmp_path / "zhifa.db"))
    upgrade(made, tmp_path)
    with made.write() as tx:
        for number in range(5):
            at = NOW + timedelta(seconds=number)
            do_audit(tx, Machine(), "add_unit", f"unit:{number}", None, {"path": "乙", "n": number}, at)
    return made


def test_an_untouched_trail_holds(database: Database) -> None:
    """Also one without a row, and one that goes on with another actor."""
    with database.write() as tx:
        do_audit(tx, person(), "redeem_code", "code:1", {"name": "王某"}, {"name": "王某"}, NOW)
        assert find_break(tx) is None
        tx.execute(sa.delete(audit))
        assert find_break(tx) is None


def _set(column: str, value: object) -> Callable[[Tx], object]:
    return lambda tx: tx.execute(sa.update(audit).where(audit.c.id == 3).values({column: value}))


def _copy(tx: Tx) -> None:
    """Put a row between the third and the fourth that claims to follow the third."""
    tx.execute(sa.update(audit).where(audit.c.id == 5).values(id=6))
    tx.execute(sa.update(audit).where(audit.c.id == 4).values(id=5))
    third = tx.execute(sa.select(audit).where(audit.c.id == 3)).one()
    row = {**third._mapping, "id": 4, "previous": third.hash, "hash": "f" * 64}
    tx.execute(sa.insert(audit).values(row))


def _swap(tx: Tx) -> None:
    for old, new in ((3, 9), (4, 3), (9, 4)):
        tx.execute(sa.update(audit).where(audit.c.id == old).values(id=new))


@pytest.mark.parametrize(
    ("harm", "row"),
    [
        pytest.param(_set("at", NOW), 3, id="at"),
        pytest.param(_set("actor", "person:1"), 3, id="actor"),
        pytest.param(_set("action", "ask"), 3, id="action"),
        pytest.param(_set("object", "unit:9"), 3, id="object"),
        pytest.param(_set("before", "0" * 64), 3, id="before"),
        pytest.param(_set("after", None), 3, id="after"),
        pytest.param(_set("previous", "0" * 64), 3, id="previous"),
        pytest.param(_set("hash", "0" * 64), 3, id="hash"),
        pytest.param(lambda tx: tx.execute(sa.delete(audit).where(audit.c.id == 3)), 4, id="removed"),
        pytest.param(lambda tx: tx.execute(sa.delete(audit).where(audit.c.id == 1)), 2, id="first removed"),
        pytest.param(_copy, 4, id="inserted"),
        pytest.param(_swap, 3, id="swapped"),
    ],
)
def test_the_first_row_that_was_tampered_with_is_found(
    database: Database, harm: Callable[[Tx], object], row: int
) -> None:
    """Changed in any column, removed, put in between or in another order."""
    with database.write() as tx:
        harm(tx)
        assert find_break(tx) == row


def test_rows_cut_off_at_the_end_change_the_last_hash(database: Database) -> None:
    """The chain alone cannot show it: what `zhifa audit verify` prints is to be noted elsewhere."""
    with database.write() as tx:
        noted = find_last(tx)
        tx.execute(sa.delete(audit).where(audit.c.id == 5))
        assert find_break(tx) is None
        assert find_last(tx) != noted


def test_the_trail_holds_no_personal_data(database: Database, tmp_path: Path) -> None:
    """Names and staff numbers go in as hashes only."""
    secret = {"name": "欧阳某某", "staff_no": "LN-2100417"}
    with database.write() as tx:
        do_audit(tx, person(), "redeem_code", "code:1", secret, secret, NOW)
    with database.read() as tx:
        kept = json.dumps([list(map(str, row)) for row in tx.execute(sa.select(audit))], ensure_ascii=False)
    assert "person:3" in kept
    assert not [word for word in ("欧阳", "2100417", "王某") if word in kept]
