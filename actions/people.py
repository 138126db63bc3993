"""Enrolment: units, invitations, and the codes that make somebody who chats a person with a role."""

import hashlib
import secrets
import unicodedata
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from actions.permissions import Actor, Machine, Person, Role, check, do_audit, name_of
from actions.transaction import Tx
from store import codes, people
from store.people import Unit
from zhifa_errors import Forbidden, UsageError

MOST_FAILURES = 5
"""Wrong codes within an hour from one account; after them no code is looked at."""

Reason = Literal["code_unknown", "code_expired", "code_used", "too_many_attempts", "person_inactive"]

_WINDOW = timedelta(hours=1)
_FIRST_ADMIN = timedelta(hours=1)
_MADE_AT_START = "start"
_RANK: dict[Role, int] = {"officer": 0, "supervisor": 1, "curator": 1, "admin": 2}
_MOST_SEGMENTS = 6
_MOST_CHARACTERS = 40
_MOST_USES = 10_000
_MOST_DAYS = 365


@dataclass(frozen=True)
class Invitation:
    """A code as it was made; nobody can read it again later."""

    code: str = field(repr=False)
    expires: datetime
    id: int


@dataclass(frozen=True)
class Redeemed:
    """The account is this person's now; `changed` is False where it was already and no use was burnt."""

    person: Person
    changed: bool = True


@dataclass(frozen=True)
class NotRedeemed:
    """Nothing changed but the count of failures."""

    reason: Reason


def find_person(tx: Tx, channel: str, sender: str) -> Person | None:
    """Who speaks through an account; None where nobody is enrolled through it or the person left."""
    person = people.by_account(tx, channel, sender)
    return person if person and person.active else None


def list_units(tx: Tx) -> list[Unit]:
    """All units in the order of the tree."""
    return people.all_units(tx)


def list_channels(tx: Tx, person: Person) -> list[str]:
    """Channels through which a person speaks, the one last used first."""
    return people.channels_of(tx, person.id)


def do_touch(tx: Tx, channel: str, sender: str, now: datetime) -> None:
    """Note that a person spoke through an account, so that notices go where they were last."""
    people.touch(tx, channel, sender, now)


def do_add_unit(tx: Tx, actor: Actor, path: str, place: str, now: datetime) -> Unit:
    """Add a unit under one that is there, or at the top; adding it again changes nothing.

    Args:
        path: one to six names of at most 40 characters, separated by `/`.
        place: path of the place whose rules it works under, one the registers hold.

    Raises:
        Forbidden: the actor may not.
        UsageError: the path is wrong, its parent is missing, or it stands with another place.
    """
    check(actor, "add_unit")
    unit = Unit(_checked_path(path), place)
    parent = unit.path.rpartition("/")[0]
    if parent and people.get_unit(tx, parent) is None:
        raise UsageError(f"还没有上级单位「{parent}」，没有添加；请先添加它。")
    if people.add_unit(tx, unit.path, place, now):
        do_audit(tx, actor, "add_unit", f"unit:{unit.path}", None, asdict(unit), now)
    elif (standing := people.get_unit(tx, unit.path)) != unit:
        where = standing.place if standing else ""
        raise UsageError(f"单位「{unit.path}」已经有了，地区是「{where}」；没有改动。")
    return unit


def _checked_path(path: str) -> str:
    names = [_clean(name) for name in unicodedata.normalize("NFKC", path).split("/")]
    if len(names) > _MOST_SEGMENTS or not all(0 < len(name) <= _MOST_CHARACTERS for name in names):
        raise UsageError(
            f"单位写成「市场监管局/城关所」的样子：1 至 {_MOST_SEGMENTS} 级，用 / 分开，"
            f"每级不能为空，最多 {_MOST_CHARACTERS} 个字；没有添加。"
        )
    return "/".join(names)


def _clean(text: str) -> str:
    """A name on one line, without what cannot be seen."""
    spaced = " ".join(unicodedata.normalize("NFKC", text).split())
    return "".join(c for c in spaced if c.isprintable()).strip()


def do_invite(
    tx: Tx,
    actor: Actor,
    *,
    role: Role,
    unit: str | None,
    person: str | None,
    uses: int,
    days: float,
    now: datetime,
) -> Invitation:
    """Make an enrolment code.

    Args:
        unit: path of the unit whoever redeems it belongs to then.
        person: staff number of the only person it may link to; made an officer if not known yet.
        uses: how many may redeem it; more than one for officers only.
        days: how long it is good, at most 365.

    Raises:
        Forbidden: the actor may not; roles other than officer are for the command line.
        UsageError: the unit is not there, or the numbers do not go with the role.
    """
    check(actor, "invite_officer" if role == "officer" else "invite_privileged")
    if uses > 1 and (role != "officer" or person):
        raise UsageError("能用多次的邀请码只能给执法人员，而且不能指定工号；没有生成，请把次数改为 1。")
    if not 1 <= uses <= _MOST_USES or not 0 < days <= _MOST_DAYS:
        raise UsageError(f"邀请码可用 1 至 {_MOST_USES} 次，有效期最长 {_MOST_DAYS} 天；没有生成。")
    if unit is not None:
        unit = _checked_path(unit)
        if people.get_unit(tx, unit) is None:
            raise UsageError(f"还没有单位「{unit}」，没有生成邀请码；请先添加它。")
    bound = None if person is None else _of_staff_no(tx, person, unit, role, now)
    return _make(tx, actor, role, unit, bound, uses, now + timedelta(days=days), now)


def _of_staff_no(tx: Tx, staff_no: str, unit: str | None, role: Role, now: datetime) -> Person:
    """The person of a staff number, added as an officer where there is none: only redeeming raises somebody."""
    cleaned = _clean(staff_no)
    if not 0 < len(cleaned) <= _MOST_CHARACTERS:
        raise UsageError(f"工号不能为空，最多 {_MOST_CHARACTERS} 个字；没有生成邀请码。")
    found = people.by_staff_no(tx, cleaned)
    if found is None:
        added = people.add_person(tx, name="", staff_no=cleaned, role="officer", unit=unit, now=now)
        return _get(tx, added)
    if not found.active:
        raise UsageError("这个工号的人员已停用，没有生成邀请码。")
    if _RANK[found.role] > _RANK[role]:
        raise Forbidden("这个工号的人员角色更高，没有生成邀请码；请按其现有角色邀请。")
    return found


def _make(
    tx: Tx,
    actor: Actor,
    role: Role,
    unit: str | None,
    person: Person | None,
    uses: int,
    expires: datetime,
    now: datetime,
    made_by: str | None = None,
) -> Invitation:
    code = secrets.token_urlsafe(16)
    bound = person.id if person else None
    row = codes.add(
        tx,
        hash_=_hash(code),
        role=role,
        unit=unit,
        person=bound,
        uses=uses,
        expires_at=expires,
        made_by=made_by or name_of(actor),
        now=now,
    )
    action = "invite_officer" if role == "officer" else "invite_privileged"
    made = {"role": role, "unit": unit, "person": bound, "uses": uses, "expires": expires.isoformat()}
    do_audit(tx, actor, action, f"code:{row}", None, made, now)
    return Invitation(code, expires, row)


def do_first_admin_code(tx: Tx, now: datetime) -> Invitation | None:
    """A code for the first administrator, good for one hour; None where an administrator can speak already.

    Codes made so before are void.
    """
    if people.has_active(tx, "admin"):
        return None
    codes.void(tx, _MADE_AT_START, now)
    return _make(tx, Machine(), "admin", None, None, 1, now + _FIRST_ADMIN, now, made_by=_MADE_AT_START)


def do_redeem(tx: Tx, channel: str, sender: str, name: str, code: str, now: datetime) -> Redeemed | NotRedeemed:
    """Make an account the person's that a code says, with its role and unit.

    What goes wrong is a result, not an error: the failure must be kept, so that nobody may go on guessing.
    A role is never lowered; of two that are equal, the code's counts.

    Args:
        name: of the person as the chat gives it; may be empty.
    """
    since = now - _WINDOW
    if codes.count_failures(tx, channel, sender, since) >= MOST_FAILURES:
        return NotRedeemed("too_many_attempts")
    outcome = _redeem(tx, channel, sender, name, code, now)
    if isinstance(outcome, NotRedeemed):
        codes.add_failure(tx, channel, sender, now, since)
    return outcome


def _redeem(tx: Tx, channel: str, sender: str, name: str, code: str, now: datetime) -> Redeemed | NotRedeemed:
    found = codes.find(tx, _hash(code))
    if found is None:
        return NotRedeemed("code_unknown")
    mine = people.by_account(tx, channel, sender)
    target = mine if found.person is None else _get(tx, found.person)
    if any(person and not person.active for person in (mine, target)):
        return NotRedeemed("person_inactive")
    if mine and mine == target and (_role(mine, found), _unit(mine, found)) == (mine.role, mine.unit):
        return Redeemed(mine, changed=False)
    if found.expires_at <= now or _outgrown(target, found):
        return NotRedeemed("code_expired")
    if not codes.take(tx, found.id):
        return NotRedeemed("code_used")
    person = _enrol(tx, target, found, _clean(name)[:_MOST_CHARACTERS], now)
    people.link(tx, channel, sender, person.id, now)
    before = {"account": None if mine is None else mine.id, "person": None if target is None else asdict(target)}
    after = {"account": person.id, "person": asdict(person)}
    do_audit(tx, person, "redeem_code", f"code:{found.id}", before, after, now)
    return Redeemed(person)


def _outgrown(target: Person | None, code: codes.Code) -> bool:
    """Whether a code bound to a person would hand a role to an account that its maker could not give away."""
    return target is not None and code.person is not None and _RANK[target.role] > _RANK[code.role]


def _enrol(tx: Tx, target: Person | None, code: codes.Code, name: str, now: datetime) -> Person:
    if target is None:
        return _get(tx, people.add_person(tx, name=name, staff_no=None, role=code.role, unit=code.unit, now=now))
    people.change(tx, target.id, name=target.name or name, role=_role(target, code), unit=_unit(target, code))
    return _get(tx, target.id)


def _role(person: Person, code: codes.Code) -> Role:
    return code.role if _RANK[code.role] >= _RANK[person.role] else person.role


def _unit(person: Person, code: codes.Code) -> str | None:
    return code.unit or person.unit


def _get(tx: Tx, person: int) -> Person:
    found = people.get(tx, person)
    if found is None:
        raise LookupError(f"person {person}")  # a foreign key points there
    return found


def _hash(code: str) -> str:
    return hashlib.sha256(code.strip().encode("utf-8", "replace")).hexdigest()
