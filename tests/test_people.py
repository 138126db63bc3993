"""Units, invitations, and what redeeming a code makes of somebody."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from actions.conversation import State
from actions.message import Incoming, plain
from actions.people import (
    Invitation,
    NotRedeemed,
    Redeemed,
    do_add_unit,
    do_first_admin_code,
    do_invite,
    do_redeem,
    do_touch,
    find_person,
    list_channels,
    list_units,
)
from actions.permissions import ROLES, Actor, Machine, Person, Role, find_break
from bot.links import invitation_link
from bot.settings import Settings
from handlers import people as handlers
from handlers.context import Context, Outcome
from knowledge.library import Library
from store.db import Database, Tx, sqlite_url
from store.schema import audit, code_failures, codes, persons
from store.upgrade import upgrade
from tests.botapi.api import TOKEN, BotApi
from tests.conftest import Command
from zhifa_errors import Forbidden, UsageError

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
CITY = "辽宁省/铁岭市"
BUREAU = "市场监管局"
OFFICE = "市场监管局/城关所"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A database with a bureau and one office of it."""
    made = Database(sqlite_url(tmp_path / "zhifa.db"))
    upgrade(made, tmp_path)
    with made.write() as tx:
        for path in (BUREAU, OFFICE):
            do_add_unit(tx, Machine(), path, CITY, NOW)
    return made


@pytest.fixture
def tx(database: Database) -> Iterator[Tx]:
    """An open transaction on it."""
    with database.write() as opened:
        yield opened


def invite(tx: Tx, actor: Actor = Machine(), **more: Any) -> Invitation:  # noqa: B008  (frozen)
    """A code; for one officer of no unit, good for three days, unless said otherwise."""
    usual: dict[str, Any] = {"role": "officer", "unit": None, "person": None, "uses": 1, "days": 3, "now": NOW}
    return do_invite(tx, actor, **{**usual, **more})


def redeem(tx: Tx, code: str, sender: str = "a", name: str = "王某", now: datetime = NOW) -> Redeemed | NotRedeemed:
    """Send `/start CODE` on the page."""
    return do_redeem(tx, "web", sender, name, code, now)


def enrolled(tx: Tx, sender: str = "a", **more: Any) -> Person:
    """Somebody who just redeemed a code."""
    outcome = redeem(tx, invite(tx, **more).code, sender)
    assert isinstance(outcome, Redeemed)
    return outcome.person


# ---- units


def test_units_are_a_tree_each_with_its_place(tx: Tx) -> None:
    """Listed in the order of the tree, whatever the order they came in; written in any width."""
    do_add_unit(tx, Machine(), "市场监管局 二分局", "全国", NOW)
    do_add_unit(tx, Machine(), " 市场监管局／Ａ所 ", CITY, NOW)
    found = [(unit.path, unit.place) for unit in list_units(tx)]
    assert found == [(BUREAU, CITY), (BUREAU + "/A所", CITY), (OFFICE, CITY), ("市场监管局 二分局", "全国")]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "1 至 6 级"),
        ("/", "1 至 6 级"),
        (BUREAU + "/", "1 至 6 级"),
        (BUREAU + "//所", "1 至 6 级"),
        (BUREAU + "/ 　", "1 至 6 级"),
        (BUREAU + "/\u200b", "1 至 6 级"),
        ("局" * 41, "40 个字"),
        ("a/b/c/d/e/f/g", "1 至 6 级"),
        ("城管局/直属队/一组", "「城管局/直属队」"),
    ],
)
def test_a_wrong_path_is_refused_in_one_sentence(tx: Tx, path: str, says: str) -> None:
    """Empty names, too long, too deep, or under a unit that is not there, which is named."""
    with pytest.raises(UsageError, match=re.escape(says)):
        do_add_unit(tx, Machine(), path, CITY, NOW)
    assert len(list_units(tx)) == 2


def test_adding_a_unit_again_changes_nothing(tx: Tx) -> None:
    """With the same place it is a no-op that leaves no trace, with another one it is refused."""
    before = tx.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one()
    do_add_unit(tx, Machine(), OFFICE, CITY, NOW)
    with pytest.raises(UsageError, match=CITY):
        do_add_unit(tx, Machine(), OFFICE, "全国", NOW)
    assert tx.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one() == before == 2


# ---- invitations


@pytest.mark.parametrize("role", ROLES)
def test_the_machine_may_make_anybody_anything(tx: Tx, role: Role) -> None:
    """A code of 128 random bits, and whoever redeems it has just that role."""
    made = invite(tx, role=role, unit=OFFICE)
    assert re.fullmatch(r"[\w-]{22}", made.code)
    assert made.expires == NOW + timedelta(days=3)
    assert made.code not in repr(made)
    outcome = redeem(tx, made.code)
    assert isinstance(outcome, Redeemed)
    assert outcome.person == Person(outcome.person.id, "王某", None, role, OFFICE, CITY, active=True)
    assert find_person(tx, "web", "a") == outcome.person


@pytest.mark.parametrize("role", ["supervisor", "curator", "admin"])
def test_no_person_may_make_more_than_officers(tx: Tx, role: Role) -> None:
    """Not even an administrator, who is told where it can be done."""
    admin = enrolled(tx, role="admin")
    assert redeem(tx, invite(tx, admin).code, "b") == Redeemed(find_person(tx, "web", "b") or admin)
    with pytest.raises(Forbidden, match="命令行 zhifa invite"):
        invite(tx, admin, role=role)


@pytest.mark.parametrize("role", ["officer", "curator", None])
def test_others_invite_nobody(tx: Tx, role: Role | None) -> None:
    """Officers, curators, and those who are not enrolled."""
    actor = role and Person(1, "", None, role, None, None, active=True)
    with pytest.raises(Forbidden, match="法制监督和管理员"):
        invite(tx, actor)


@pytest.mark.parametrize(
    "wrong",
    [
        {"uses": 0},
        {"uses": 10_001},
        {"days": 0},
        {"days": -1},
        {"days": 366},
        {"days": float("nan")},
        {"role": "admin", "uses": 2},
        {"person": "0012", "uses": 2},
        {"person": " "},
        {"person": "1" * 41},
        {"unit": "没有的单位"},
    ],
    ids=str,
)
def test_a_wrong_invitation_is_refused(tx: Tx, wrong: dict[str, Any]) -> None:
    """Numbers out of range, many uses for what is one person's, a unit that is not there."""
    with pytest.raises(UsageError):
        invite(tx, **wrong)
    assert tx.execute(sa.select(sa.func.count()).select_from(codes)).scalar_one() == 0


def test_a_code_is_never_kept_as_it_is(database: Database, tmp_path: Path) -> None:
    """Neither the database nor its journal holds it, before or after it is used; they hold its hash."""
    with database.write() as tx:
        unused, used = invite(tx), invite(tx, person="0012")
        assert isinstance(redeem(tx, used.code), Redeemed)
        hashes = tx.execute(sa.select(codes.c.hash)).scalars().all()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("zhifa.db*"))
    assert [hash_.encode() in kept for hash_ in hashes] == [True, True]
    assert unused.code.encode() not in kept
    assert used.code.encode() not in kept


# ---- redeeming


def test_a_code_is_good_until_the_second_it_ends(tx: Tx) -> None:
    """One microsecond before its end it works, at its end it does not."""
    early, late = invite(tx, days=1), invite(tx, days=1)
    moment = timedelta(microseconds=1)
    assert redeem(tx, late.code, "a", now=NOW + timedelta(days=1)) == NotRedeemed("code_expired")
    assert isinstance(redeem(tx, early.code, "b", now=NOW + timedelta(days=1) - moment), Redeemed)


def test_a_code_works_as_often_as_it_says(tx: Tx) -> None:
    """Three uses are for three people; the fourth is told that it was used."""
    code = invite(tx, uses=3, unit=OFFICE).code
    outcomes = [redeem(tx, code, sender) for sender in "abcd"]
    assert [isinstance(outcome, Redeemed) for outcome in outcomes] == [True, True, True, False]
    assert outcomes[3] == NotRedeemed("code_used")
    assert len({find_person(tx, "web", sender) for sender in "abc"}) == 3


def test_pressing_the_link_twice_burns_one_use(tx: Tx) -> None:
    """Whoever is already what the code says is told so, also once it is used up or over."""
    code = invite(tx, uses=2, unit=OFFICE).code
    first = redeem(tx, code)
    assert isinstance(first, Redeemed)
    assert redeem(tx, code) == Redeemed(first.person, changed=False)
    assert isinstance(redeem(tx, code, "b"), Redeemed)
    assert redeem(tx, code, now=NOW + timedelta(days=9)) == Redeemed(first.person, changed=False)
    assert tx.execute(sa.select(sa.func.count()).select_from(code_failures)).scalar_one() == 0


def test_after_five_failures_no_code_is_looked_at_for_an_hour(tx: Tx) -> None:
    """Not even the right one; the count is of one account, and ends with the hour."""
    code = invite(tx, uses=3).code
    tries = [redeem(tx, "wrong", now=NOW + timedelta(minutes=minute)) for minute in range(5)]
    assert tries == [NotRedeemed("code_unknown")] * 5
    assert redeem(tx, code, now=NOW + timedelta(minutes=5)) == NotRedeemed("too_many_attempts")
    assert isinstance(redeem(tx, code, "b", now=NOW + timedelta(minutes=5)), Redeemed)
    assert isinstance(do_redeem(tx, "telegram", "a", "", code, NOW + timedelta(minutes=5)), Redeemed)
    assert redeem(tx, code, now=NOW + timedelta(minutes=60) - timedelta(seconds=1)) == NotRedeemed("too_many_attempts")
    assert isinstance(redeem(tx, code, now=NOW + timedelta(minutes=60)), Redeemed)


def test_failures_older_than_an_hour_are_forgotten(tx: Tx) -> None:
    """They are kept no longer than they count."""
    redeem(tx, "wrong", "a")
    redeem(tx, "wrong", "b", now=NOW + timedelta(hours=1))
    assert tx.execute(sa.select(code_failures.c.sender)).scalars().all() == ["b"]


def test_of_eight_at_once_one_wins(database: Database) -> None:
    """A single use is a single use, also for eight connections at the same moment."""
    with database.write() as tx:
        code = invite(tx).code
    ready = threading.Barrier(8)

    def one(number: int) -> Redeemed | NotRedeemed:
        own = Database(database.url)
        ready.wait()
        with own.write() as tx:
            outcome = redeem(tx, code, f"sender-{number}")
        own.close()
        return outcome

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one, range(8)))
    assert sorted(isinstance(outcome, Redeemed) for outcome in outcomes) == [False] * 7 + [True]
    assert outcomes.count(NotRedeemed("code_used")) == 7
    with database.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(persons)).scalar_one() == 1
        assert find_break(tx) is None


RAISED = [
    ("officer", "supervisor", "supervisor"),
    ("officer", "admin", "admin"),
    ("supervisor", "curator", "curator"),
    ("supervisor", "officer", "supervisor"),
    ("admin", "officer", "admin"),
    ("admin", "curator", "admin"),
]


@pytest.mark.parametrize(("before", "code", "after"), RAISED)
def test_a_second_code_raises_and_never_lowers(tx: Tx, before: Role, code: Role, after: Role) -> None:
    """The person stays the same, moves to the code's unit, and keeps the name."""
    first = enrolled(tx, role=before, unit=BUREAU)
    second = enrolled(tx, role=code, unit=OFFICE)
    assert second == replace(first, role=after, unit=OFFICE)


def test_a_code_for_a_staff_number_links_every_account_to_that_person(tx: Tx) -> None:
    """Whoever it was before; two codes link two channels, and the one last used comes first."""
    before = enrolled(tx)
    made = [invite(tx, person=" ００12", unit=OFFICE) for _ in range(2)]
    page = redeem(tx, made[0].code)
    phone = do_redeem(tx, "telegram", "7", "别名", made[1].code, NOW + timedelta(minutes=1))
    assert isinstance(page, Redeemed)
    assert isinstance(phone, Redeemed)
    assert page.person == phone.person == Person(page.person.id, "王某", "0012", "officer", OFFICE, CITY, active=True)
    assert page.person.id != before.id
    assert list_channels(tx, page.person) == ["telegram", "web"]
    do_touch(tx, "web", "a", NOW + timedelta(minutes=2))
    assert list_channels(tx, page.person) == ["web", "telegram"]


def test_nobody_becomes_a_colleague_of_higher_rank_by_a_staff_number(tx: Tx) -> None:
    """A supervisor can neither make a code for an administrator, nor use one made before the colleague rose."""
    boss = enrolled(tx, "boss", person="1", role="officer")
    supervisor = enrolled(tx, "s", role="supervisor")
    made = invite(tx, supervisor, person="1")
    risen = enrolled(tx, "boss", person="1", role="admin")
    assert (risen.id, risen.role) == (boss.id, "admin")
    with pytest.raises(Forbidden, match="角色更高"):
        invite(tx, supervisor, person="1")
    assert redeem(tx, made.code, "s") == NotRedeemed("code_expired")
    assert find_person(tx, "web", "s") == supervisor


def test_who_left_has_no_rights_and_gets_none_back(tx: Tx) -> None:
    """Their account is nobody's; neither an open code of the unit nor one of their own lets them in."""
    own = invite(tx, person="0012")
    person = enrolled(tx, person="0012")
    tx.execute(sa.update(persons).where(persons.c.id == person.id).values(active=False))
    assert find_person(tx, "web", "a") is None
    assert redeem(tx, invite(tx, uses=9).code) == NotRedeemed("person_inactive")
    assert redeem(tx, own.code, "b") == NotRedeemed("person_inactive")
    with pytest.raises(UsageError, match="停用"):
        invite(tx, person="0012")


def test_the_first_administrator_has_one_good_code_for_an_hour(tx: Tx) -> None:
    """Each start voids the code before; once an administrator is enrolled there is none any more."""
    first, second = do_first_admin_code(tx, NOW), do_first_admin_code(tx, NOW)
    assert first is not None
    assert second is not None
    assert second.expires == NOW + timedelta(hours=1)
    assert redeem(tx, first.code) == NotRedeemed("code_expired")
    invite(tx, role="admin", person="1")
    assert do_first_admin_code(tx, NOW + timedelta(hours=2)) is not None
    third = do_first_admin_code(tx, NOW)
    assert third is not None
    outcome = redeem(tx, third.code)
    assert isinstance(outcome, Redeemed)
    assert outcome.person.role == "admin"
    assert do_first_admin_code(tx, NOW) is None


def test_everything_privileged_leaves_a_row(tx: Tx) -> None:
    """Who, what and to what; a failure and a second press leave none."""
    code = invite(tx, role="curator")
    redeem(tx, "wrong")
    person = enrolled(tx, unit=OFFICE)
    redeem(tx, code.code)
    redeem(tx, code.code)
    rows = [tuple(row) for row in tx.execute(sa.select(audit.c.actor, audit.c.action, audit.c.object))]
    me = f"person:{person.id}"
    assert rows == [
        ("machine", "add_unit", f"unit:{BUREAU}"),
        ("machine", "add_unit", f"unit:{OFFICE}"),
        ("machine", "invite_privileged", "code:1"),
        ("machine", "invite_officer", "code:2"),
        (me, "redeem_code", "code:2"),
        (me, "redeem_code", "code:1"),
    ]
    assert find_break(tx) is None


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One database for many sequences; each rolls back."""
    folder = tmp_path_factory.mktemp("shared")
    made = Database(sqlite_url(folder / "zhifa.db"))
    upgrade(made, folder)
    return made


@given(
    uses=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    tries=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 40)), max_size=20),
)
def test_no_code_is_ever_used_more_often_than_it_says(
    shared: Database, uses: list[int], tries: list[tuple[int, int, int]]
) -> None:
    """Whoever tries what, when and how often: uses left and enrolments together are what the code began with."""
    with shared.write() as tx, tx.begin_nested() as attempt:
        made = [invite(tx, uses=n, days=1) for n in uses]
        burnt = dict.fromkeys((one.id for one in made), 0)
        for which, sender, hours in tries:
            one = made[which % len(made)]
            outcome = redeem(tx, one.code, f"s{sender}", now=NOW + timedelta(hours=hours))
            burnt[one.id] += outcome == Redeemed(find_person(tx, "web", f"s{sender}") or _NOBODY)
        left = {row.id: row.uses_left for row in tx.execute(sa.select(codes.c.id, codes.c.uses_left))}
        assert [burnt[one.id] + left[one.id] for one in made] == uses
        assert min(left.values()) >= 0
        assert find_break(tx) is None
        attempt.rollback()


_NOBODY = Person(0, "", None, "officer", None, None, active=False)


# ---- in the chat


Say = Callable[..., Outcome]


@pytest.fixture
def chat(tx: Tx, library: Library) -> Say:
    """Hand a command to its handler, as the account `a` of somebody called 王某."""

    def said(handler: Any, argument: str = "", **state: Any) -> Outcome:
        context = Context(library, NOW, State(**state), "全国", find_person(tx, "web", "a"))
        incoming = Incoming("web", "a", "text", "", sender="a", name="王某")
        outcome = handler(incoming, context, argument)(tx)
        assert isinstance(outcome, Outcome)
        return outcome

    return said


def words(outcome: Outcome) -> str:
    """What the person reads."""
    return "\n".join(map(plain, outcome.replies))


def test_start_with_a_code_enrols_and_sets_the_place(tx: Tx, chat: Say) -> None:
    """Name, unit and role are said back; the chat works in the unit's place, and any dialogue is left."""
    code = invite(tx, unit=OFFICE).code
    outcome = chat(handlers.start, code, dialogue={"name": "place"})
    assert words(outcome).startswith(f"您好，已登记为王某（单位：{OFFICE}，角色：执法人员）。")
    assert outcome.state == State(place=CITY)
    assert "没有变动" in words(chat(handlers.start, code))


def test_start_keeps_a_place_that_was_chosen(tx: Tx, chat: Say) -> None:
    """A person who chose a place knows better than their unit; a place the content lost is not set."""
    assert chat(handlers.start, invite(tx, unit=OFFICE).code, place="全国").state.place == "全国"
    do_add_unit(tx, Machine(), "别处", "某省/某市", NOW)
    assert chat(handlers.start, invite(tx, unit="别处").code).state.place is None


@pytest.mark.parametrize("argument", ["wrong", "", "张" * 5_000, "\ud800"])
def test_a_wrong_code_is_answered_politely(chat: Say, argument: str) -> None:
    """What happened, what was kept, what to do; after five, to wait."""
    texts = [words(chat(handlers.start, argument)) for _ in range(6)]
    assert texts[:5] == ["没有这个邀请码，登记没有变动；请核对后再发，或者向本单位法制科要一个新的。"] * 5
    assert "1 小时后" in texts[5]


def test_me_says_who_one_is(tx: Tx, chat: Say) -> None:
    """Everything that is kept, the staff number but for its end; the place without strokes."""
    enrolled(tx, person="LN-2100412", unit=OFFICE, role="supervisor")
    shown = words(chat(handlers.me)).splitlines()
    assert shown == [
        "您已登记：",
        "• 姓名：王某",
        "• 角色：法制监督",
        f"• 单位：{OFFICE}",
        "• 地区：辽宁省铁岭市",
        "• 工号：尾号 12",
        "• 聊天账号：网页",
    ]


def test_me_tells_others_how_to_enrol(chat: Say) -> None:
    """Where to get a code, and what to send."""
    assert words(chat(handlers.me)) == "您还没有登记。请向本单位法制科要邀请码，然后发送：/start 邀请码"


# ---- links


def _link(**settings: Any) -> str:
    return asyncio.run(invitation_link(Settings(**settings), "CODE"))


def test_the_link_is_the_page_s_where_telegram_is_off() -> None:
    """The public address before the one listened on; the code is in the fragment."""
    assert _link() == "http://127.0.0.1:8080/#start=CODE"
    assert _link(web_listen="[::1]:81") == "http://[::1]:81/#start=CODE"
    assert _link(public_url="https://zhifa.example.gov.cn/") == "https://zhifa.example.gov.cn/#start=CODE"
    assert _link(web_listen="off") == ""


def test_the_link_is_telegram_s_where_it_answers(capfd: pytest.CaptureFixture[str]) -> None:
    """The bot is asked for its name; where it does not answer, the page's link stands in, and no token is told."""
    with BotApi() as api:
        telegram = {"telegram_token": TOKEN, "telegram_base_url": api.base_url}
        assert _link(**telegram) == "https://t.me/zhifa_test_bot?start=CODE"
        wrong = {**telegram, "telegram_token": TOKEN[:-1] + "1"}
        assert _link(**wrong) == "http://127.0.0.1:8080/#start=CODE"
    assert _link(**telegram) == "http://127.0.0.1:8080/#start=CODE"
    shown = "".join(capfd.readouterr())
    assert shown.count("telegram_unreachable") == 2
    assert TOKEN[:-1] not in shown


# ---- the command line


def test_from_the_command_line_to_the_chat(run: Command, data_dir: Path) -> None:
    """Unit, code, enrolment, and a trail that holds: all with commands that begin on an empty folder."""
    assert run("unit", "add", BUREAU, "--place", "铁岭").stdout == f"{BUREAU}\t{CITY}\n"
    assert run("unit", "list").stdout == f"{BUREAU}\t{CITY}\n"
    made = run("invite", "--role", "officer", "--unit", BUREAU, "--json", ZHIFA_WEB_LISTEN="127.0.0.1:8080")
    assert (made.returncode, made.stderr, made.stdout.count("\n")) == (0, "", 1)
    found = json.loads(made.stdout)
    assert set(found) == {"code", "link", "expires"}
    assert found["link"] == f"http://127.0.0.1:8080/#start={found['code']}"
    ends = datetime.fromisoformat(found["expires"]) - datetime.now(UTC)
    assert timedelta(days=2.9) < ends < timedelta(days=3)
    said = run("chat", stdin=f"/start {found['code']}\n/me\n").stdout
    assert f"您好，已登记（单位：{BUREAU}，角色：执法人员）。" in said
    assert "聊天账号：终端" in said
    verified = run("audit", "verify")
    assert verified.returncode == 0
    assert verified.stdout.startswith("ok: 3 rows, last ")
    with Database(sqlite_url(data_dir / "zhifa.db")).write() as tx:
        tx.execute(sa.update(audit).where(audit.c.id == 2).values(actor="person:9"))
    broken = run("audit", "verify")
    assert (broken.returncode, broken.stdout, broken.stderr) == (1, "", "the audit chain is broken at row 2\n")


def test_an_invitation_for_people_to_read(run: Command) -> None:
    """Code, link and end, one line each; without a page there is no link to show."""
    shown = run("invite", "--role", "admin", ZHIFA_PUBLIC_URL="https://zhifa.example.gov.cn").stdout
    assert [line.split()[0] for line in shown.splitlines()] == ["code", "link", "expires"]
    assert "https://zhifa.example.gov.cn/#start=" in shown
    assert [line.split()[0] for line in run("invite", "--role", "admin").stdout.splitlines()] == ["code", "expires"]


def test_a_unit_of_a_place_that_is_not_held_is_told_so(run: Command) -> None:
    """Its officers are answered from national law."""
    done = run("unit", "add", BUREAU, "--place", "四川省/成都市")
    assert done.stdout == f"{BUREAU}\t全国\n"
    assert "四川省/成都市" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("unit", "add", BUREAU, "--place", "火星"), "火星"),
        (("unit", "add", OFFICE, "--place", "铁岭"), f"「{BUREAU}」"),
        (("invite", "--role", "boss"), "officer, supervisor, curator, admin"),
        (("invite", "--role", "admin", "--uses", "2"), "执法人员"),
        (("invite", "--role", "officer", "--unit", OFFICE), OFFICE),
    ],
)
def test_wrong_usage_is_one_line(run: Command, arguments: tuple[str, ...], says: str) -> None:
    """Exit 2, nothing on standard output."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
