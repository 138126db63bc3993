"""What a careful reader would strike out: each rule of the lint has an entry that breaks it, and one that does not."""

from pathlib import Path

import pytest

from knowledge.catalogue.lint import lint
from knowledge.catalogue.load import BUNDLED, load
from knowledge.catalogue.statutes import StatuteText, read_statutes
from tests.conftest import TODAY, Command
from tests.content import RULE, changed, write, write_base

_NATION = "national/general.test.yaml"
_TIELING = "liaoning/tieling/general.test.yaml"
_RECENT = changed("2021-07-15", "2024-01-01")
_LOCAL_CITE = changed("行政处罚法第33条第1款", "辽政办发〔2023〕18号第8项", _RECENT)
_MUST = changed("force: may", "force: must")
_STATUTE = """\
# 中华人民共和国行政处罚法

## 第四章

**第三十三条** 违法行为轻微并及时改正，没有造成危害后果的，不予行政处罚。

**第五十一条** 对公民处以二百元以下、对法人处以三千元以下罚款的，可以当场作出行政处罚决定。

**第六十三条** 处二万元以上罚款的，应当告知听证。

**第七十二条** 到期不缴纳罚款的，每日按罚款数额的百分之三加处罚款。
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return write_base(tmp_path / "content")


@pytest.fixture(name="statutes")
def _statutes(tmp_path: Path) -> dict[str, StatuteText]:
    write(tmp_path, "texts/行政处罚法.md", _STATUTE)
    return read_statutes(tmp_path / "texts")


def _findings(folder: Path, statutes: dict[str, StatuteText] | None = None) -> list[str]:
    return lint(load([folder]), TODAY, statutes)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        pytest.param(_NATION, _MUST, "`force: must`", id="must that says 可以不予"),
        pytest.param(_NATION, changed("可以不予", "不予"), "`force: may`", id="may that says 不予"),
        pytest.param(_TIELING, RULE, "must name the place", id="local entry that hides its place"),
        pytest.param(_NATION, _LOCAL_CITE, "sources of 辽宁省 alone", id="national entry on one province's document"),
        pytest.param(_NATION, changed("from: 2021", "from: 2020"), "before the cited version", id="older than its law"),
        pytest.param(_NATION, changed("首违要什么条件", "第一次违法罚不罚"), "stands twice", id="phrasing twice"),
        pytest.param(
            _NATION, changed("首违要什么条件", "第一次违法，罚不罚？"), "stands twice", id="but for its marks"
        ),
        pytest.param(
            _NATION, changed("首违要什么条件", "听证几天内能申请"), "too like", id="phrasing of another entry"
        ),
    ],
)
def test_a_breach_is_found_on_the_line_of_its_entry(folder: Path, file: str, text: str, says: str) -> None:
    """Each rule finds exactly its own breach."""
    path = write(folder, file, "# the entry is on line 2\n" + text)
    findings = _findings(folder)
    assert len(findings) == 1
    assert says in findings[0]
    assert "test.rule" in findings[0]
    assert f"{path}:2: " in findings[0] or "good.apply-by" in findings[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param(_NATION, RULE, id="may that says 可以"),
        pytest.param(_NATION, changed("可以不予", "不予", _MUST), id="must that says 不予"),
        pytest.param(_NATION, changed("可以不予", "应当不予", _MUST), id="must that says 应当"),
        pytest.param(_NATION, changed("  force: may\n", ""), id="no force said"),
        pytest.param(_TIELING, changed("answer: ", "answer: 铁岭市规定，"), id="local entry that names its place"),
        pytest.param(_TIELING, changed("answer: ", "points: [铁岭另有清单。]\n  answer: "), id="place in a point"),
        pytest.param(
            _NATION, changed("]\n  in_force", ", 国办发〔2022〕27号]\n  in_force", _LOCAL_CITE), id="mixed sources"
        ),
        pytest.param(
            _NATION, changed("首违要什么条件", "听证 7 天内能申请吗"), id="other figures are another question"
        ),
        pytest.param(_NATION, changed("null", "2020-01-01", changed("2021-07-15", "1999-01-01")), id="long lapsed"),
    ],
)
def test_what_is_right_is_left_alone(folder: Path, file: str, text: str) -> None:
    """A rule that cries at good entries would soon be switched off."""
    write(folder, file, text)
    assert _findings(folder) == []


def test_a_cited_version_that_has_ended_is_found(folder: Path) -> None:
    """An entry that still holds may not rest on what has lapsed."""
    sources = folder / "sources.yaml"
    text = sources.read_text(encoding="utf-8")
    lapsed = "".join(
        f"- id: {block}".replace("until: null", "until: 2025-12-31") * block.startswith("xzcf\n")
        for block in text.removeprefix("- id: ").split("\n- id: ")
    )
    write(folder.parent, "own/sources.yaml", lapsed + "\n")
    write(folder, _NATION, RULE)
    findings = lint(load([folder, folder.parent / "own"]), TODAY)
    assert [finding.split(": ")[-1] for finding in findings if "test.rule" in finding] == [
        "cites 《行政处罚法》第33条第1款, which is not in force on 2026-11-21"
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            changed("行政处罚法第33条第1款", "行政处罚法第34条"),
            "《行政处罚法》第34条 is not in the text of the statute",
        ),
        (changed("不予行政处罚", "处 50 元罚款"), "the figure «50» stands in none"),
        (changed("不予行政处罚", "处 5 万元罚款"), "the figure «5万» stands in none"),
        (
            changed("]\n  in", ", 行政处罚法第72条]\n  in", changed("不予", "按日加处 5%，不予")),
            "the figure «5%» stands in none",
        ),
    ],
)
def test_an_answer_is_held_against_the_text_it_cites(
    folder: Path, statutes: dict[str, StatuteText], text: str, says: str
) -> None:
    """With the official text at hand, a missing article and an invented figure are found."""
    write(folder, _NATION, text)
    findings = [finding for finding in _findings(folder, statutes) if "test.rule" in finding]
    assert len(findings) == 1
    assert says in findings[0]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(RULE, id="no figure"),
        pytest.param(
            changed("第33条第1款", "第51条", changed("不予行政处罚", "当场处 200 元以下罚款")), id="figure in Chinese"
        ),
        pytest.param(
            changed("第33条第1款", "第63条", changed("不予行政处罚", "处 2 万元以下罚款")),
            id="ten thousands in Chinese",
        ),
        pytest.param(
            changed("第33条第1款", "第72条", changed("不予行政处罚", "按日加处 3%")), id="percentage in Chinese"
        ),
        pytest.param(
            changed("不予行政处罚", "按第 50 条、2021年1月22日的规定不予行政处罚").replace("第 50 条", "第50条"),
            id="no claim",
        ),
        pytest.param(
            changed("行政处罚法第33条第1款", "国办发〔2022〕27号", changed("不予", "处 50 元以下或不予", _RECENT)),
            id="text not at hand",
        ),
    ],
)
def test_a_figure_that_can_be_accounted_for_is_left_alone(
    folder: Path, statutes: dict[str, StatuteText], text: str
) -> None:
    """Chinese numerals count as figures; article numbers and dates are no claim; what is not at hand is not judged."""
    write(folder, _NATION, text)
    assert [finding for finding in _findings(folder, statutes) if "test.rule" in finding] == []


@pytest.mark.parametrize(("penalty", "found"), [("处 2 万元以下罚款", 0), ("处 3 万元以下罚款", 1)])
def test_what_an_offence_is_punished_with_is_held_against_its_basis(
    folder: Path, statutes: dict[str, StatuteText], penalty: str, found: int
) -> None:
    """An amount nobody can find in the basis of the penalty is no amount of this offence."""
    offence = f"""\
- id: test.offence
  kind: offence
  title: 试验违法
  penalty_basis: [行政处罚法第63条]
  penalty: {penalty}
  cites: [行政处罚法第63条]
  in_force: {{from: 2021-07-15, until: null}}
  checked: 2026-11-21
"""
    write(folder, _NATION, offence)
    assert len([line for line in _findings(folder, statutes) if "test.offence" in line]) == found


def test_the_bundled_content_passes() -> None:
    """What is shipped breaks none of the rules."""
    assert lint(load([BUNDLED]), TODAY) == []


def test_lint_with_statutes_prints_the_finding_and_exits_1(run: Command, tmp_path: Path) -> None:
    """`zhifa kb lint --statutes DIR` holds answers against the texts of the folder."""
    path = write(tmp_path / "own", _NATION, changed("不予行政处罚", "处 47 元罚款"))
    write(tmp_path, "texts/行政处罚法.md", _STATUTE)
    done = run("kb", "lint", "--statutes", tmp_path / "texts", ZHIFA_KNOWLEDGE_DIRS=str(tmp_path / "own"))
    assert (done.returncode, done.stderr) == (1, "")
    assert f"{path}:1: «test.rule»: the figure «47» stands in none of the cited articles\n" in done.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["--statutes", "no-such-folder"]], ids=["alone", "with a folder that is none"]
)
def test_lint_exit_codes(run: Command, arguments: list[str]) -> None:
    """0 where nothing is wrong, 2 where the command is."""
    done = run("kb", "lint", *arguments)
    assert done.returncode == 2 * bool(arguments)
    assert done.stdout.startswith("ok: ") != bool(arguments)
