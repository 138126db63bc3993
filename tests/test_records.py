"""Records: what an offence, a list item, a measure and a case say, and to whom."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from actions.cards.entry import full, short
from actions.message import Reply, plain
from knowledge.library import Library
from knowledge.search.build import build as compile_index
from knowledge.search.index import Index
from tests.conftest import TODAY
from tests.content import write, write_base

_TIELING, _XINGTAI = "辽宁省/铁岭市", "河北省/邢台市"
_ITEM = """\
- id: {id}
  kind: list_item
  {place}title: 首次经营过期食品
  offence: good.offence
  list: {list}
  conditions: [货值 {id} 元以下]
  exclusions: [婴幼儿食品]
  lenience_basis: [行政处罚法第33条第1款]
  source: {id} 号清单
  list_status: {status}
  basis_origin: page
  confidence: full
  cites: [行政处罚法第33条第1款]
  in_force: {{from: {since}, until: {until}}}
  checked: 2026-11-21
"""
_CASE = """\
- id: case.one
  kind: case
  place: 天津市河东区
  title: 超市过期面包免罚案
  ask: [过期面包免罚的案例]
  offence: good.offence
  facts: [首次被查, 货值 12 元]
  list: no_penalty_first_offence
  outcome: 不予处罚
  source: 某报 2025-03-19
  cites: [行政处罚法第33条第1款]
  in_force: {from: null, until: null}
  checked: 2026-11-21
"""
_TASK = """\
- id: task.one
  kind: task
  title: 案卷评查专项
  ask: [案卷评查要做什么, 评查台账]
  plan: 辽政办发〔2023〕18号
  number: 16
  obligations: [组织评查]
  units: [省司法厅]
  deadlines:
    - {type: due, what: 完成评查, day: 2024-12-31}
    - {type: recurring, what: 集中评查, every: 每年, amount: 不少于 1 次}
    - {type: unspecified, what: 总结}
  cites: [辽政办发〔2023〕18号第16项]
  in_force: {from: 2023-12-10, until: null}
  checked: 2026-11-21
"""


def _item(
    name: str,
    place: str | None = None,
    listed: str = "no_penalty_first_offence",
    status: str = "as_published",
    since: str = "2025-01-27",
    until: str = "null",
) -> str:
    where = f"place: {place}\n  " if place else ""
    return _ITEM.format(id=name, place=where, list=listed, status=status, since=since, until=until)


Build = Callable[..., Library]


@pytest.fixture(name="build")
def _build(tmp_path: Path) -> Build:
    """A library of the small content and further files (name: text)."""

    def build(**files: str) -> Library:
        folder = write_base(tmp_path / "content")
        for name, text in files.items():
            write(folder, {"nation": "national", "xingtai": "hebei/xingtai"}.get(name, name) + "/food.yaml", text)
        return Library(Index(compile_index([folder], tmp_path / "index")))

    return build


def _short(library: Library, entry: str, place: str, day: date = TODAY) -> str:
    return plain(Reply(short(library.item(entry), library, place, day)))


def _full(library: Library, entry: str, place: str, day: date = TODAY) -> str:
    return plain(Reply(full(library.item(entry), library, place, day)))


def test_an_offence_shows_the_lists_of_its_places_the_nearest_first(build: Build) -> None:
    """The officer's own list stands before the nation's, each with its conditions; another place's is a reference."""
    library = build(nation=_item("n1"), xingtai=_item("x1", listed="no_penalty_minor"))
    text = _short(library, "good.offence", _XINGTAI)
    own, nation = text.index("邢台市清单列为「轻微违法，应当不予处罚」"), text.index("全国清单列为「首次违法，可以")
    assert own < nation
    assert text.index("货值 x1 元以下") < text.index("货值 n1 元以下")
    assert "婴幼儿食品" in text
    elsewhere = _short(library, "good.offence", _TIELING)
    assert "外地参考，不能作为本地依据：河北省邢台市" in elsewhere
    assert "货值 x1 元以下" not in elsewhere


@pytest.mark.parametrize(
    ("item", "says"),
    [
        pytest.param(_item("n1", since="null"), "没有核实", id="unknown time"),
        pytest.param(_item("n1", until="2025-12-31"), "有效期从2025年1月27日到2025年12月31日", id="lapsed"),
        pytest.param(_item("n1", since="2027-01-01"), "从2027年1月1日起才施行", id="not yet"),
        pytest.param(_item("n1", status="draft"), "征求意见稿", id="draft"),
        pytest.param(_item("n1", status="expired"), "已失效", id="abolished"),
    ],
)
def test_a_list_that_cannot_be_relied_on_is_never_a_rule(build: Build, item: str, says: str) -> None:
    """Unknown, lapsed, draft: the offence is then on no list in force, and the answer says why."""
    library = build(nation=item)
    text = _short(library, "good.offence", _TIELING)
    assert "现行清单里没有这一项" in text
    assert says in text
    assert "不能作为依据" in text
    assert library.citations("good.offence", _TIELING, TODAY)[0].source == "spaq"


def test_a_list_holds_on_its_days_only(build: Build) -> None:
    """As of a day on which the list held, it answers; a day before or after it does not."""
    library = build(nation=_item("n1", since="2025-03-01", until="2025-12-31"))
    held = "清单列为「首次违法，可以不予处罚」"
    assert [held in _short(library, "good.offence", _TIELING, date(*day)) for day in (
        (2025, 2, 28), (2025, 3, 1), (2025, 12, 31), (2026, 1, 1)
    )] == [False, True, True, False]  # fmt: skip


def test_an_item_of_another_place_opened_by_itself_says_so_first(build: Build) -> None:
    """What is only a reference says so before anything else."""
    library = build(reference=_item("r1", place="浙江省杭州市"))
    assert _short(library, "r1", _TIELING).startswith("⚠️ 外地参考")


def test_no_list_is_a_ceiling(build: Build) -> None:
    """An offence on no list is still judged by the statute, and the answer says so."""
    text = _short(build(), "good.offence", _TIELING)
    assert "清单不是上限" in text
    assert "处罚依据：食品安全法第124条第1款第5项" in text


def test_what_is_asked_about_any_offence_does_not_hide_which(build: Build) -> None:
    """The question is understood by the conduct it names, however it asks what becomes of it."""
    library = build(nation=_item("n1"))
    for tail in ("", "能不能免罚", "首违不罚吗", "第一次怎么罚", "可以从轻吗"):
        found = library.ask(f"卖过期食品{tail}", _TIELING, TODAY)
        assert (found.match or found.choices[0]).entry == "good.offence"


def test_a_case_answers_only_who_asks_for_cases(build: Build) -> None:
    """A published decision is found by «案例», whatever the place, and never in place of the rule."""
    library = build(reference=_CASE)
    found = library.ask("过期面包免罚的案例", _TIELING, TODAY)
    assert found.match is not None
    assert found.match.entry == "case.one"
    other = library.ask("卖过期食品怎么罚", _TIELING, TODAY)
    assert "case.one" not in {match.entry for match in (*other.choices, *([other.match] if other.match else []))}
    text = _short(library, "case.one", _TIELING)
    assert "案例参考，天津市河东区" in text
    assert "超市过期面包免罚案（天津市河东区）：不予处罚" in _full(library, "good.offence", _TIELING)


def test_a_measure_marks_what_is_over_and_keeps_what_recurs(build: Build) -> None:
    """A day that is past is «已届满», a yearly duty stays yearly, a missing date is told."""
    library = build(liaoning=_TASK)
    text = _short(library, "task.one", "辽宁省")
    assert "完成评查：2024年12月31日前（已届满）" in text
    assert "集中评查：每年，不少于 1 次" in text
    assert "总结：没有规定日期" in text
    assert "已届满" not in _short(library, "task.one", "辽宁省", date(2024, 12, 31))


def test_a_numbered_measure_is_found_by_its_number(build: Build) -> None:
    """«辽政办发〔2023〕18号第16项» is the measure itself."""
    found = build(liaoning=_TASK).ask("辽政办发〔2023〕18号第16项", "辽宁省", TODAY)
    assert found.match is not None
    assert found.match.entry == "task.one"
