"""A bureau's own list: from a table filled in Excel to answers, and nothing of it while a row is wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from actions.cards.verdict import reply
from actions.lists import Draft, check_list, do_import_list, write_template
from actions.message import plain
from actions.sheets import Row, read_book
from knowledge.catalogue.load import BUNDLED, Content, load
from knowledge.library import Library
from knowledge.search.build import build
from knowledge.search.index import Index
from tests.conftest import TODAY, Command
from tests.content import write_base

Fill = Callable[..., Path]
_XINGTAI, _TIELING = "河北省/邢台市", "辽宁省/铁岭市"
_ABOUT = {
    "清单名称": "邢台市城市管理领域轻微违法行为包容免罚清单",
    "发布机关": "邢台市城市管理综合行政执法局",
    "适用地区": "邢台",
    "施行日期": "2026-03-01",
}
_LITTER = ("抛撒试验用纸屑", "乱扔试验纸片；纸屑满地", "城管", "首违不罚", "首次被发现；当场清理", "屡教不改")


@pytest.fixture(name="content", scope="module")
def _content() -> Content:
    """The bundled content, to check tables against."""
    return load([BUNDLED])


@pytest.fixture(name="fill")
def _fill(content: Content, tmp_path: Path) -> Fill:
    """Fill the template: the sheet about the list, and rows of items by column."""

    def fill(*rows: tuple[str, ...], **about: str) -> Path:
        path = tmp_path / f"清单{len(list(tmp_path.glob('清单*.xlsx')))}.xlsx"
        write_template(path, content.registers)
        book = load_workbook(path)
        for cell in book["清单"]["A"][1:]:
            book["清单"].cell(cell.row, 2).value = {**_ABOUT, **about}.get(str(cell.value), "")
        for row in rows:
            book["事项"].append(row)
        book.save(path)
        return path

    return fill


@dataclass(frozen=True)
class Bureau:
    """A small content with an overlay folder over it."""

    base: Path
    overlay: Path
    index: Path

    def take(self, table: Path) -> Draft:
        """Import a table; the draft it became."""
        folders = [self.base, *([self.overlay] if self.overlay.is_dir() else [])]
        draft = check_list(table, load(folders), TODAY)
        assert draft.errors == []
        do_import_list(draft, self.overlay, [self.base], TODAY)
        return draft

    def ask(self, place: str, text: str = "有人乱扔试验纸片怎么处理") -> str:
        """What an officer of a place reads."""
        library = Library(Index(build([self.base, self.overlay], self.index)))
        return "\n".join(plain(one) for one in reply(library.ask(text, place, TODAY), library))


@pytest.fixture(name="bureau")
def _bureau(tmp_path: Path) -> Bureau:
    return Bureau(write_base(tmp_path / "base"), tmp_path / "overlay", tmp_path / "index")


def _overlay(data_dir: Path) -> list[str]:
    return sorted(str(path) for path in data_dir.rglob("overlay/**/*.yaml"))


def test_a_table_becomes_answers(run: Command, fill: Fill, data_dir: Path) -> None:
    """Imported items answer in their place under every lay name, with conditions, exclusions and the list as basis."""
    path = fill((*_LITTER, "城市市容和环境卫生管理条例第36条", "责令改正"))
    done = run("kb", "import-list", str(path), "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(_overlay(data_dir)) == 2
    answer = run("ask", "有人乱扔试验纸片怎么处理", "--jurisdiction", "河北省/邢台市").stdout
    assert "邢台市清单列为「首次违法，可以不予处罚」" in answer
    assert all(part in answer for part in ("首次被发现", "当场清理", "不适用", "屡教不改"))
    assert "依据：《邢台市城市管理领域轻微违法行为包容免罚清单》" in answer
    assert "处罚依据：城市市容和环境卫生管理条例第36条" in answer
    assert run("kb", "lint").returncode == 0


def test_the_same_conduct_on_lists_of_two_places_answers_in_both(bureau: Bureau, fill: Fill) -> None:
    """What one city called an offence first does not hide the list of another."""
    tieling = {"清单名称": "铁岭市试验清单", "适用地区": "铁岭"}
    bureau.take(fill(_LITTER))
    bureau.take(fill(_LITTER, **tieling))
    for place, list_ in ((_XINGTAI, _ABOUT["清单名称"]), (_TIELING, "铁岭市试验清单")):
        answer = bureau.ask(place)
        assert "清单列为「首次违法，可以不予处罚」" in answer
        assert f"依据：《{list_}》" in answer


def test_one_conduct_on_two_lists_in_two_fields_is_one_offence(bureau: Bureau, fill: Fill) -> None:
    """Whatever the fields of its rows, an offence is written once."""
    other = (_LITTER[0], "", "市场监管", "轻微不罚")
    draft = bureau.take(fill(_LITTER, other))
    assert (draft.items, draft.known, draft.offences) == (2, 0, 1)


def test_a_long_list_is_taken(bureau: Bureau, fill: Fill) -> None:
    """Hundreds of items of one field go into as many files as it takes."""
    rows = [(f"抛撒试验用{n}号纸屑", f"乱扔{n}号试验纸片", *_LITTER[2:]) for n in range(800)]
    assert bureau.take(fill(*rows)).items == 800


def test_cells_as_people_fill_them(bureau: Bureau, fill: Fill) -> None:
    """Broken lines, invisible characters, title marks and other ways of a date are no faults."""
    row = ("抛撒试验\n用纸屑", "乱扔试验\u200b纸片", *_LITTER[2:6], "《食品安全法》第一百二十四条第一款")
    about = {"清单名称": "《邢台市\n试验清单》", "施行日期": "2026年3月1日"}
    bureau.take(fill(row, **about))
    answer = bureau.ask(_XINGTAI)
    assert "「抛撒试验用纸屑」" in answer
    assert "处罚依据：食品安全法第一百二十四条第一款\n依据：《邢台市试验清单》；《行政处罚法》第33条第1款" in answer


def test_a_list_of_the_future_is_named_with_its_first_day(bureau: Bureau, fill: Fill) -> None:
    """Before its first day the offence is known, and the list no basis yet."""
    bureau.take(fill(_LITTER, 施行日期="2099-03-01"))
    answer = bureau.ask(_XINGTAI)
    assert "现行清单里没有这一项" in answer
    assert "从2099年3月1日起才施行，不能作为依据" in answer


def test_the_template_never_overwrites(run: Command, fill: Fill) -> None:
    """A filled table is not lost to a second --template."""
    path = fill(_LITTER)
    before = path.read_bytes()
    done = run("kb", "import-list", str(path), "--template")
    assert (done.returncode, path.read_bytes()) == (2, before)
    assert "已经存在" in done.stderr


def test_a_row_is_told_by_the_number_excel_shows(tmp_path: Path) -> None:
    """Empty rows and columns before the headings do not shift what is told."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet["B3"], sheet["B4"], sheet["B6"] = "违法行为", "甲", "乙"
    book.save(tmp_path / "a.xlsx")
    assert read_book(tmp_path / "a.xlsx") == {
        "Sheet": [Row(4, {"违法行为": "甲"}), Row(6, {"违法行为": "乙"})],
    }


def test_it_never_answers_for_another_place(bureau: Bureau, fill: Fill) -> None:
    """A list of 邢台 says nothing to an officer of 铁岭."""
    bureau.take(fill(_LITTER))
    assert "试验" not in bureau.ask(_TIELING)
    assert "试验" in bureau.ask(_XINGTAI)


def test_a_preview_changes_nothing(run: Command, fill: Fill, data_dir: Path) -> None:
    """Without --yes it only says what would be written."""
    done = run("kb", "import-list", str(fill(_LITTER)))
    assert done.returncode == 0
    assert "事项 1 项" in done.stdout
    assert "还没有导入" in done.stdout
    assert _overlay(data_dir) == []


@pytest.mark.parametrize(
    ("row", "says"),
    [
        pytest.param(("", "", "城管", "首违不罚"), "「违法行为」没有填", id="no offence"),
        pytest.param(("试验违法", "", "火星", "首违不罚"), "领域「火星」不认识", id="unknown field"),
        pytest.param(("试验违法", "", "城管", "免费"), "清单类型「免费」不认识", id="unknown list"),
        pytest.param(("试验违法", "", "城管", "从轻", "", "", "食品安全法第999条"), "没有这一条", id="no such article"),
        pytest.param(("试验违法", *_LITTER[1:6], "", "", "offence.none"), "没有编号为", id="no such offence"),
        pytest.param(("试验违法", "", "城管", "从轻", "", "", "按规定处罚"), "按规定处罚」要写明", id="no basis"),
        pytest.param(("试验违法", "", "城管", "从轻", "条" * 601), "「适用条件」有一项超过 600 字", id="too long"),
        pytest.param(_LITTER, "与第 2 行重复", id="twice"),
    ],
)
def test_a_wrong_row_is_told_with_its_number(content: Content, fill: Fill, row: tuple[str, ...], says: str) -> None:
    """Each fault is one line that names the row."""
    (fault,) = check_list(fill(_LITTER, row), content, TODAY).errors
    assert fault.startswith("事项第 3 行：")
    assert says in fault


def test_a_wrong_row_keeps_everything_out(run: Command, fill: Fill, data_dir: Path) -> None:
    """Not even the good rows are written."""
    done = run("kb", "import-list", str(fill(_LITTER, _LITTER)), "--yes")
    assert done.returncode == 1
    assert "错误  事项第 3 行：与第 2 行重复" in done.stdout
    assert _overlay(data_dir) == []


@pytest.mark.parametrize(
    ("about", "says"),
    [
        pytest.param({"清单名称": ""}, "「清单名称」没有填", id="no name"),
        pytest.param({"适用地区": "火星市"}, "不在地区表里", id="unknown place"),
        pytest.param({"施行日期": "三月一号"}, "不是日期", id="no date"),
        pytest.param({"发布日期": "2026-03-02"}, "先后不对", id="in force before it was issued"),
        pytest.param({"截止日期": "2026-02-28"}, "先后不对", id="over before it begins"),
        pytest.param({"文号": "辽政办发〔2023〕18号"}, "已收录「辽政办发〔2023〕18号」", id="number of another"),
    ],
)
def test_a_list_must_say_whose_and_since_when(content: Content, fill: Fill, about: dict[str, str], says: str) -> None:
    """What the sheet about the list gets wrong is told."""
    (fault,) = check_list(fill(_LITTER, **about), content, TODAY).errors
    assert says in fault


def test_a_list_without_a_first_day_is_no_rule_in_force(bureau: Bureau, fill: Fill) -> None:
    """Its items are shown as unsure, never as what holds."""
    bureau.take(fill(_LITTER, 施行日期=""))
    answer = bureau.ask(_XINGTAI)
    assert "现行清单里没有这一项" in answer
    assert "不能作为依据" in answer


def test_importing_again_takes_the_place_of_the_first_time(bureau: Bureau, fill: Fill, tmp_path: Path) -> None:
    """The same list twice is one list; what is no longer on it is gone."""
    bureau.take(fill(_LITTER, ("抛洒试验用粉笔", "", "市场监管", "轻微不罚")))
    assert len(_overlay(tmp_path)) == 3
    bureau.take(fill(_LITTER))
    assert len(_overlay(tmp_path)) == 2
    assert "纸屑" in bureau.ask(_XINGTAI)


def test_an_overlay_that_does_not_load_is_put_right_by_importing_again(
    run: Command, fill: Fill, data_dir: Path
) -> None:
    """What a kill in the middle of an import left behind does not stand in the way of the next one."""
    path = fill(_LITTER)
    assert run("kb", "import-list", str(path), "--yes").returncode == 0
    (source,) = data_dir.rglob("overlay/sources.*.yaml")
    source.unlink()
    assert run("kb", "lint").returncode == 1
    assert run("kb", "import-list", str(path), "--yes").returncode == 0
    assert run("kb", "lint").returncode == 0


def test_a_file_that_is_no_table_is_told_in_one_line(run: Command, tmp_path: Path) -> None:
    """Neither a text with the name of a table nor a workbook of another form is a traceback."""
    path = tmp_path / "a.xlsx"
    path.write_text("not a table", encoding="utf-8")
    done = run("kb", "import-list", str(path))
    assert done.returncode == 2
    assert "不能作为 Excel 表格读取" in done.stderr
    assert len(done.stderr.splitlines()) == 1
