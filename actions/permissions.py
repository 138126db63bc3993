"""Who may do what, as one table, and the trail of what was done. What the table does not name is denied."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from actions.transaction import Tx
from store import audit
from store.audit import digest, find_break
from store.people import Person, Role
from zhifa_errors import Forbidden

__all__ = [
    "PERMISSIONS",
    "ROLES",
    "Actor",
    "Machine",
    "Person",
    "Role",
    "check",
    "do_audit",
    "find_break",
    "may",
    "may_ask",
]

ROLES: tuple[Role, ...] = get_args(Role)

ANYONE = "anyone"
"""Stands for everybody, enrolled or not."""

MACHINE = "machine"
"""Stands for the command line on the machine itself."""

_ENROLLED = frozenset(ROLES)

PERMISSIONS: Mapping[str, frozenset[str]] = {
    "ask": _ENROLLED | {MACHINE},
    "redeem_code": frozenset({ANYONE}),
    "see_me": frozenset({ANYONE}),
    "add_unit": frozenset({"admin", MACHINE}),
    "invite_officer": frozenset({"supervisor", "admin", MACHINE}),
    "invite_privileged": frozenset({MACHINE}),
}
"""Action → who may: roles, `machine`, `anyone`."""

_NO = "您的权限不能做这项操作，没有改动任何内容；需要时请联系本单位法制科。"
_WHY: Mapping[str, str] = {
    "ask": "请先登记再提问：向本单位法制科要邀请码，然后发送 /start 邀请码。",
    "add_unit": "只有管理员能添加单位，没有改动任何内容；需要时请联系管理员。",
    "invite_officer": "只有法制监督和管理员能发邀请码，没有改动任何内容；需要时请联系本单位法制科。",
    "invite_privileged": "执法人员以外角色的邀请码只能在服务器上用命令行 zhifa invite 生成；没有改动任何内容。",
}


@dataclass(frozen=True)
class Machine:
    """The command line on the machine itself: whoever reaches it may read the database anyway."""


Actor = Person | Machine | None
"""Who wants something; None is somebody who is not enrolled."""


def may(actor: Actor, action: str) -> bool:
    """Whether an actor may do something; a person who left is nobody in particular."""
    allowed = PERMISSIONS.get(action, frozenset())
    return ANYONE in allowed or _who(actor) in allowed


def _who(actor: Actor) -> str:
    match actor:
        case Machine():
            return MACHINE
        case Person(active=True, role=role):
            return role
        case _:
            return ANYONE


def may_ask(actor: Actor, open_qa: bool) -> bool:
    """Whether somebody may ask questions.

    Args:
        open_qa: whether those who are not enrolled may, too (ZHIFA_OPEN_QA).
    """
    return open_qa or may(actor, "ask")


def check(actor: Actor, action: str) -> None:
    """Refuse what an actor may not do.

    Raises:
        Forbidden: with one sentence that says what to do instead.
    """
    if not may(actor, action):
        raise Forbidden(_WHY.get(action, _NO))


def do_audit(
    tx: Tx, actor: Actor, action: str, object_: str, before: object | None, after: object | None, now: datetime
) -> None:
    """Add what was done to the audit trail.

    Args:
        object_: what it was done to, by a name that says nothing about a person: `code:5`.
        before, after: its state as plain data, kept as a hash only; None where there was none.
    """
    states = [None if state is None else digest(state) for state in (before, after)]
    audit.append(tx, audit.Record(now, name_of(actor), action, object_, *states))


def name_of(actor: Actor) -> str:
    """What the audit trail calls an actor: `person:3`, `machine`, `anyone`."""
    match actor:
        case Machine():
            return MACHINE
        case Person(id=row):
            return f"person:{row}"
        case None:
            return ANYONE
