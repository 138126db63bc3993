"""Content that is wrong is refused as a whole, with `file:line` for each fault, and changes nothing.

Each case writes one bad file into a folder of `ZHIFA_KNOWLEDGE_DIRS` beside content that is in use.
"""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.app import Shelf
from bot.settings import Settings
from knowledge.catalogue.strict_yaml import MAX_BYTES, MAX_NODES
from knowledge.search.build import build
from knowledge.search.verdict import Verdict
from tests.conftest import TODAY, Command
from tests.content import RULE, changed, write, write_base
from zhifa_errors import ContentError

_QUESTION = "听证几天内申请"
_PROBLEM = re.compile(r".+:\d+: .+\Z")  # `.` takes no line break: each problem is one line
_BOMB = "- &a [x, x, x]\n- &b [*a, *a, *a]\n- [*b, *b, *b]\n"
_PLACE = "{path: 甲省, code: '990000', slug: jia, parent: 全国}"
_SOURCE = """\
- id: mou
  title: 某某办法
  short: 某某办法
  level: rule
  issuer: 某部
  place: 全国
  versions: [{promulgated: 2020-01-01, from: 2020-02-01, until: null, articles: 2, paragraphs: [1, 2]}]
"""
_LIMIT = changed(
    "kind: rule", "kind: time_limit", changed("  force: may\n", "  length: 5\n  unit: day\n  starts: 告知\n")
)
_STEPS = changed("kind: rule", "kind: procedure", changed("force: may", "steps: [{do: 甲}, {do: 乙}]"))
_ITEM = """\
- id: test.item
  kind: list_item
  title: 首次经营超过保质期的食品
  offence: good.offence
  list: no_penalty_first_offence
  lenience_basis: [行政处罚法第33条第1款]
  source: 某清单
  list_status: as_published
  basis_origin: page
  confidence: full
  cites: [行政处罚法第33条第1款]
  in_force: {from: 2021-07-15, until: null}
  checked: 2026-11-21
"""
_BAD = "national/general.bad.yaml"


@dataclass(frozen=True)
class Case:
    """One bad file: what is in it (text, bytes, or what makes it), where it lies, and what is to be said of it."""

    name: str
    content: str | bytes | Callable[[Path], object]
    line: int
    says: str
    file: str = _BAD

    def place(self, folder: Path) -> Path:
        """Make the bad file."""
        path = folder / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(self.content):
            self.content(path)
        else:
            path.write_bytes(self.content.encode() if isinstance(self.content, str) else self.content)
        return path


CASES = [
    # what the YAML may not be
    Case("alias bomb", _BOMB, 1, "anchors"),
    Case("alias alone", "- a\n- *a\n", 2, "aliases"),
    Case("100,000 brackets", "- a\n" + "[" * 100_000, 2, "not valid"),
    Case("deep nest", "[" * 100_000, 1, "deeper"),
    Case("duplicate key", RULE + "  title: 另一个\n", 10, "«title» stands twice"),
    Case("tag", "- !!python/object/apply:os.system [ls]\n", 1, "tags"),
    Case("two documents", RULE + "---\n" + RULE, 10, "more than one document"),
    Case("too many values", "- x\n" * (MAX_NODES + 1), MAX_NODES, "values"),
    Case("over-size file", RULE + "#" * MAX_BYTES, 1, "larger"),
    Case("GBK", RULE.encode("gbk"), 3, "not UTF-8"),
    Case("byte order mark", b"\xef\xbb\xbf" + RULE.encode(), 1, "U+FEFF"),
    Case("zero-width space", changed("初次违法轻罚", "初次\u200b违法轻罚"), 3, "U+200B"),
    Case("control character", changed("初次违法轻罚", "初次\x07违法轻罚"), 3, "U+0007"),
    Case("tab", changed("  kind: rule", "\tkind: rule"), 2, "not valid"),
    Case("open quote", changed("title: 初", "title: '初"), 10, "not valid"),
    Case("empty file", "", 1, "empty"),
    Case("only a comment", "# to be written\n", 1, "empty"),
    Case("null", "null\n", 1, "empty"),
    Case("mapping", "\nid: test.rule\nkind: rule\n", 2, "a list of entries"),
    Case("one word", "rule\n", 1, "a list of entries"),
    # what an entry must be
    Case("entry is text", RULE + "- 首违不罚\n", 10, "dict"),
    Case("unknown field", RULE + "  colour: red\n", 10, "colour"),
    Case("missing citations", changed("  cites: [行政处罚法第33条第1款]\n", ""), 1, "cites"),
    Case("missing day of check", changed("  checked: 2026-11-21\n", ""), 1, "checked"),
    Case("unknown kind", changed("kind: rule", "kind: rulle"), 2, "kind"),
    Case("missing kind", changed("  kind: rule\n", ""), 1, "discriminator"),
    Case("number for text", changed("title: 初次违法轻罚", "title: 33"), 3, "title"),
    Case("text for list", re.sub("ask: .*", "ask: 第一次违法罚不罚", RULE), 4, "ask"),
    Case("too few ways of asking", changed(", 首违要什么条件", ""), 4, "ask"),
    Case("a way of asking too long", changed("首违要什么条件", "问" * 61), 4, "ask"),
    Case("empty way of asking", changed("首违要什么条件", "''"), 4, "ask"),
    Case("answer too long", changed("可以不予行政处罚。", "可以不罚。" * 25), 5, "answer"),
    Case("answer empty", re.sub("answer: .*", "answer: ''", RULE), 5, "answer"),
    Case("six points", RULE + "  points: [一, 二, 三, 四, 五, 六]\n", 10, "points"),
    Case("unknown force", changed("force: may", "force: should"), 6, "force"),
    Case("identifier in capitals", changed("test.rule", "Test.Rule"), 1, "id"),
    Case("identifier too long", changed("test.rule", "t" * 49), 1, "id"),
    Case("identifier in Chinese", changed("test.rule", "首违不罚"), 1, "id"),
    Case("no such day", changed("checked: 2026-11-21", "checked: 2026-02-30"), 9, "2026-02-30"),
    Case("day as number", changed("checked: 2026-11-21", "checked: 20261121"), 9, "a date like"),
    Case("day as digits", changed("checked: 2026-11-21", "checked: '20261121'"), 9, "not a date like"),
    Case("day as week", changed("checked: 2026-11-21", "checked: 2026-W47-6"), 9, "not a date like"),
    Case("day over two lines", changed("checked: 2026-11-21", 'checked: "2026\\n11"'), 9, "not a date like"),
    Case("until before from", changed("until: null", "until: 2020-01-01"), 8, "`until` lies before `from`"),
    Case("no end said", changed(", until: null", ""), 8, "until"),
    Case("NO for a day", changed("from: 2021-07-15", "from: NO"), 8, "not a date like"),
    Case("no length at all", changed("length: 5", "length: 0", _LIMIT), 6, "length"),
    Case("length as text", changed("length: 5", "length: '5'", _LIMIT), 6, "length"),
    Case("length as truth", changed("length: 5", "length: true", _LIMIT), 6, "length"),
    Case("unknown unit", changed("unit: day", "unit: week", _LIMIT), 7, "unit"),
    Case("one step", changed(", {do: 乙}", "", _STEPS), 6, "steps"),
    Case("unknown field of a step", changed("{do: 乙}", "\n    {did: 乙}", _STEPS), 7, "did"),
    Case(
        "time limit of a step malformed",
        changed("{do: 乙}", "\n    {do: 乙,\n     time_limit: 7}", _STEPS),
        8,
        "time_limit",
    ),
    Case("unknown list", changed("no_penalty_first_offence", "no_penalty", _ITEM), 5, "list"),
    Case("offence malformed", changed("offence: good.offence", "offence: [good.offence]", _ITEM), 4, "offence"),
    # citations
    Case("unknown statute", changed("行政处罚法第33", "行政处分法第33"), 7, "names no source"),
    Case("no such article", changed("33条", "87条"), 7, "86 articles"),
    Case("article nought", changed("33条", "0条"), 7, "no article 0"),
    Case("no such paragraph", changed("第1款", "第4款"), 7, "3 paragraph(s)"),
    Case("paragraph nought", changed("第1款", "第0款"), 7, "count from 1"),
    Case("no such item", changed("第33条第1款", "第57条第1款第5项"), 7, "4 item(s)"),
    Case("paragraph of no article", changed("第33条", ""), 7, "which article"),
    Case("article of a document", changed("行政处罚法", "国办发〔2022〕27号"), 7, "no numbered articles"),
    Case("other brackets", changed("行政处罚法第33条第1款", "'国办发[2022]27号'"), 7, "names no source"),
    Case("two articles in one", changed("33条第1款", "33条、第34条"), 7, "names no source"),
    Case("number for a citation", changed("行政处罚法第33条第1款", "33"), 7, "cites.0"),
    Case("second citation wrong", changed("第1款]", "第1款,\n    行政处罚法第99条]"), 8, "99"),
    Case(
        "penalty basis wrong",
        changed("kind: rule", "kind: offence", re.sub("  (answer|force).*\n", "", RULE))
        + "  penalty_basis: [食品安全法第999条]\n",
        8,
        "999",
    ),
    Case(
        "lenience basis wrong",
        changed("lenience_basis: [行政处罚法第33条第1款]", "lenience_basis: [良心]", _ITEM),
        6,
        "良心",
    ),
    # references to other entries
    Case("unknown related entry", RULE + "  related: [good.nothing]\n", 1, "no entry «good.nothing»"),
    Case("related to itself", RULE + "  related: [test.rule]\n", 1, "refers to itself"),
    Case(
        "step with unknown time limit",
        changed("{do: 乙}", "{do: 乙, time_limit: good.no}", _STEPS),
        1,
        "no entry «good.no»",
    ),
    Case(
        "step whose time limit is none",
        changed("{do: 乙}", "{do: 乙, time_limit: good.steps}", _STEPS),
        1,
        "is no time_limit",
    ),
    Case(
        "step that is its own time limit",
        changed("{do: 乙}", "{do: 乙, time_limit: test.rule}", _STEPS),
        1,
        "is no time_limit",
    ),
    Case("list item of unknown offence", changed("good.offence", "good.no", _ITEM), 1, "no entry «good.no»"),
    Case("list item whose offence is none", changed("good.offence", "good.steps", _ITEM), 1, "is no offence"),
    Case("same id in one file", RULE + RULE, 10, "already used"),
    Case("same id in another file", changed("test.rule", "good.folder"), 1, "already used", "national/general.zz.yaml"),
    # where a file lies
    Case("unknown place folder", RULE, 1, "no place of places.yaml", "atlantis/general.yaml"),
    Case("folder below a place", RULE, 1, "no place of places.yaml", "national/drafts/general.yaml"),
    Case("unknown field of enforcement", RULE, 1, "no field of domains.yaml", "national/gneral.yaml"),
    Case("beside the registers", RULE, 1, "no register", "general.yaml"),
    Case("place inside a place's folder", RULE + "  place: 辽宁省\n", 1, "given by the folder"),
    Case("no place in reference", RULE, 1, "must say its `place`", "reference/general.yaml"),
    # registers
    Case(
        "cycle of places",
        f"places:\n  - {changed('全国', '乙省', _PLACE)}\n  - {{path: 乙省, code: '980000', slug: yi, parent: 甲省}}\n",
        2,
        "cycle",
        "places.yaml",
    ),
    Case("unknown parent", f"places:\n  - {changed('全国', '丙省', _PLACE)}\n", 2, "«丙省»", "places.yaml"),
    Case(
        "folder of another place",
        f"places:\n  - {changed('jia', 'liaoning', _PLACE)}\n",
        2,
        "«liaoning»",
        "places.yaml",
    ),
    Case("code of five digits", f"places:\n  - {changed('990000', '99000', _PLACE)}\n", 2, "code", "places.yaml"),
    Case("places as a list", f"- {_PLACE}\n", 1, "PlacesFile", "places.yaml"),
    Case("places empty", "", 1, "empty", "places.yaml"),
    Case("places not YAML", "places: [\n", 2, "not valid", "places.yaml"),
    Case("field twice", "- {id: zoo, name: 动物园}\n- {id: zoo, name: 植物园}\n", 2, "«zoo»", "domains.yaml"),
    Case("name of another field", "- {id: zoo, name: 动物园, aliases: [食品]}\n", 1, "«食品»", "domains.yaml"),
    Case("field with capitals", "- {id: Zoo, name: 动物园}\n", 1, "id", "domains.yaml"),
    Case("fields as a mapping", "zoo: 动物园\n", 1, "a list", "domains.yaml"),
    Case(
        "name of another source",
        changed("short: 某某办法", "short: 行政处罚法", _SOURCE),
        1,
        "«行政处罚法»",
        "sources.yaml",
    ),
    Case("source twice", _SOURCE + _SOURCE, 8, "«mou»", "sources.yaml"),
    Case(
        "two sources of one name", _SOURCE + changed("id: mou", "id: mou-two", _SOURCE), 8, "«某某办法»", "sources.yaml"
    ),
    Case("unknown level", changed("level: rule", "level: custom", _SOURCE), 4, "level", "sources.yaml"),
    Case(
        "source of an unknown place",
        changed("place: 全国", "place: 亚特兰蒂斯", _SOURCE),
        1,
        "亚特兰蒂斯",
        "sources.yaml",
    ),
    Case("source without a version", re.sub(r"\[\{.*\}\]", "[]", _SOURCE), 7, "versions", "sources.yaml"),
    Case("paragraphs of too few articles", changed("[1, 2]", "[1]", _SOURCE), 7, "paragraphs", "sources.yaml"),
    Case(
        "version before its promulgation",
        changed("2020-02-01", "2019-02-01", _SOURCE),
        7,
        "promulgated",
        "sources.yaml",
    ),
    Case("sources empty", "# none\n", 1, "empty", "sources.yaml"),
    # what is no file
    Case("link to itself", lambda path: path.symlink_to(path.name), 1, "cannot be read"),
    Case("broken link", lambda path: path.symlink_to("nowhere.yaml"), 1, "cannot be read"),
    Case("pipe", os.mkfifo, 1, "not a regular file"),
]


@dataclass(frozen=True)
class Bureau:
    """A program in use: its content below, its own folder, its settings and the library it answers from."""

    base: Path
    own: Path
    settings: Settings
    shelf: Shelf

    def files(self) -> dict[str, str]:
        """Every file of the index folder with the hash of its bytes."""
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in self.settings.index_dir.iterdir()}

    def answer(self, shelf: Shelf) -> Verdict:
        """What an officer is told."""
        return shelf.library.ask(_QUESTION, "全国", TODAY)


@pytest.fixture(name="common", scope="module")
def _common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Base content, and a data folder shared by all cases: none of them may change a byte of its index."""
    folder = tmp_path_factory.mktemp("bureau")
    write_base(folder / "base")
    return folder


@pytest.fixture(name="bureau")
def _bureau(common: Path, tmp_path: Path) -> Bureau:
    own = tmp_path / "own"
    write(own, "national/general.yaml", changed("test.rule", "good.folder"))
    settings = Settings(data_dir=common / "data", knowledge_dirs=str(own), _env_file=None)
    return Bureau(common / "base", own, settings, Shelf(settings, bundled=common / "base"))


def test_the_base_of_all_cases_is_good(bureau: Bureau) -> None:
    """Without a bad file there is nothing to refuse, and the question has an answer."""
    assert bureau.answer(bureau.shelf).status == "answered"
    assert {"good.apply-by", "good.folder"} <= set(bureau.shelf.library.index.ids())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_content_is_named_by_line_and_changes_nothing(bureau: Bureau, case: Case) -> None:
    """It is refused with its file and line; what was in use stays in use, now and at the next start."""
    library, before, answer = bureau.shelf.library, bureau.files(), bureau.answer(bureau.shelf)
    path = case.place(bureau.own)

    with pytest.raises(ContentError) as caught:
        build([bureau.base, bureau.own], bureau.settings.index_dir)
    problems = caught.value.problems
    assert [p for p in problems if not _PROBLEM.match(p) or not p.startswith(f"{path}:")] == []
    assert [p for p in problems if p.startswith(f"{path}:{case.line}: ") and case.says in p], problems

    assert bureau.shelf.refresh() is False
    assert bureau.shelf.library is library
    assert bureau.answer(bureau.shelf) == answer

    restarted = Shelf(bureau.settings, bundled=bureau.base)
    assert restarted.library.index.path == library.index.path
    assert bureau.answer(restarted) == answer
    assert bureau.files() == before


def test_every_fault_of_a_folder_is_reported_at_once(bureau: Bureau) -> None:
    """A curator mends a folder in one round: all files and all faults of a file are named."""
    first = write(
        bureau.own, "national/general.a.yaml", changed("force: may", "force: should", changed("33条", "87条"))
    )
    second = write(bureau.own, "national/general.b.yaml", RULE.replace("test.rule", "x.1") + "- 1\n- 2\n")
    with pytest.raises(ContentError) as caught:
        build([bureau.base, bureau.own], bureau.settings.index_dir)
    assert [p.split(": ")[0] for p in caught.value.problems] == [f"{first}:6", f"{second}:10", f"{second}:11"]


def test_a_bad_file_that_is_mended_is_taken_up(bureau: Bureau) -> None:
    """A refusal does not stick: the next look takes up what is right by then."""
    path = write(bureau.own, _BAD, changed("33条", "87条"))
    assert bureau.shelf.refresh() is False
    path.write_text(RULE, encoding="utf-8")
    assert bureau.shelf.refresh() is True
    assert "test.rule" in bureau.shelf.library.index.ids()


def test_bad_content_without_a_last_good_index_stops_the_start(bureau: Bureau, tmp_path: Path) -> None:
    """With nothing to fall back on the program does not start, and says why."""
    write(bureau.own, _BAD, changed("33条", "87条"))
    settings = bureau.settings.model_copy(update={"data_dir": tmp_path / "fresh"})
    with pytest.raises(ContentError):
        Shelf(settings, bundled=bureau.base)


def test_what_is_not_content_is_passed_over(bureau: Bureau) -> None:
    """An editor's hidden files, other suffixes and a folder linked into itself are nobody's fault."""
    write(bureau.own, "national/.general.yaml", "[")
    write(bureau.own, ".git/general.yaml", "[")
    write(bureau.own, "national/notes.txt", "[")
    (bureau.own / "national/.#general.yaml").symlink_to("someone@somewhere")
    (bureau.own / "national/loop").symlink_to(bureau.own)
    assert build([bureau.base, bureau.own], bureau.settings.index_dir) == bureau.shelf.library.index.path


def test_lint_prints_file_and_line_and_exits_1(run: Command, tmp_path: Path) -> None:
    """`zhifa kb lint` says each fault on a line of its own, on standard output."""
    path = write(tmp_path / "own", _BAD, changed("33条", "87条"))
    done = run("kb", "lint", ZHIFA_KNOWLEDGE_DIRS=str(tmp_path / "own"))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == f"{path}:7: «test.rule»: 行政处罚法 has 86 articles, there is no article 87\n"


def test_a_question_on_bad_content_is_one_line_on_stderr(run: Command, tmp_path: Path) -> None:
    """Without a program that runs, bad content is an error in words and never a traceback."""
    path = write(tmp_path / "own", _BAD, "[" * 100_000)
    done = run("ask", _QUESTION, ZHIFA_KNOWLEDGE_DIRS=str(tmp_path / "own"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{path}:1: nested deeper than 12 levels\n"
