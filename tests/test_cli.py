"""The command line as outsiders rely on it: names, exit codes, one JSON object a line."""

import json
from pathlib import Path

import pytest

from tests.conftest import Command


def test_ask_answers_as_text_and_as_json(run: Command) -> None:
    """The same answer for people and for programs; the citation that carries it comes first."""
    text = run("ask", "首违不罚要什么条件")
    assert (text.returncode, text.stderr) == (0, "")
    assert "可以不予行政处罚" in text.stdout
    answer = json.loads(run("ask", "首违不罚要什么条件", "--json").stdout)
    assert set(answer) == {"id", "status", "text", "entry", "score", "citations", "choices", "facts", "parts"}
    assert answer["status"] == "answered"
    assert answer["text"] == text.stdout.rstrip("\n")
    lead = answer["citations"][0]
    assert (lead["source"], lead["article"], lead["paragraph"], lead["version"]) == ("行政处罚法", 33, 1, "2021-01-22")


def test_unknown_is_a_success_without_entry_and_citation(run: Command) -> None:
    """«不确定» exits 0 and claims nothing."""
    done = run("ask", "行政处罚法第99条", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert (answer["status"], answer["entry"], answer["citations"]) == ("unknown", None, [])
    assert "86" in answer["text"]


def test_ask_records_nothing(run: Command, data_dir: Path) -> None:
    """Only the compiled index lies in the data folder afterwards."""
    run("ask", "听证几天内申请")
    assert {path.name for path in data_dir.iterdir()} == {"index"}


def test_batch_keeps_order_and_sessions(run: Command, tmp_path: Path) -> None:
    """JSONL in, JSONL out in the same order; lines of one session lean on each other, others do not."""
    rows = [
        {"id": 1, "q": "查封最长能封多久", "session": "s"},
        {"id": "b", "q": "能延长吗", "session": "s"},
        {"id": 3, "q": "能延长吗"},
        {"id": 4, "q": "每年培训多少学时", "jurisdiction": "辽宁省/铁岭市"},
        {"id": 5, "q": "首违不罚要什么条件", "as_of": "2020-01-01"},
        {"id": 6, "q": "听证几天内申请？登记保存几天内处理？"},
    ]
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    done = run("ask", "--batch", str(file))
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in found] == [1, "b", 3, 4, 5, 6]
    assert found[1]["entry"] == "seizure.extension"
    assert found[2]["entry"] is None
    assert found[3]["citations"][0]["source"] == "铁政办发〔2024〕2号"
    assert found[4]["status"] == "unknown"
    assert [part["status"] for part in found[5]["parts"]] == ["answered", "answered"]
    piped = run("ask", "--batch", "-", stdin=file.read_text(encoding="utf-8"))
    assert piped.stdout == done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ask",), "question"),
        (("ask", "问", "--as-of", "昨天"), "昨天"),
        (("ask", "问", "--jurisdiction", "火星"), "火星"),
        (("ask", "--batch", "no-such-file.jsonl"), "no-such-file"),
        (("kb", "lint", "--statutes", "no-such-folder"), "no-such-folder"),
    ],
)
def test_wrong_usage_exits_2_with_one_line(run: Command, arguments: tuple[str, ...], says: str) -> None:
    """One line on standard error, nothing on standard output, never a traceback."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_bad_batch_line_is_named(run: Command) -> None:
    """Lines before it are answered; the bad one is named by its number."""
    done = run("ask", "--batch", "-", stdin='{"id": 1, "q": "你好"}\n{"id": 2}\n')
    assert done.returncode == 2
    assert json.loads(done.stdout)["status"] == "smalltalk"
    assert "-:2:" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ZHIFA_TELEGRAM_RATE", "many", "ZHIFA_TELEGRAM_RATE"),
        ("ZHIFA_TIMEZONE", "Mars/Base", "ZHIFA_TIMEZONE"),
        ("ZHIFA_NONSENSE", "1", "ZHIFA_NONSENSE"),
        ("ZHIFA_WEB_LISTEN", "0.0.0.0:8080", "ZHIFA_WEB_SECRET"),
        ("ZHIFA_JURISDICTION", "火星", "火星"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name(run: Command, name: str, value: str, says: str) -> None:
    """One line naming the variable; exit 2."""
    done = run("ask", "听证几天内申请", **{name: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_place_outside_the_content_gets_the_nations_rule_and_is_told(run: Command) -> None:
    """Somebody in 成都 is answered from national law, and told that local rules are not held."""
    done = run("ask", "听证几天内申请", "--jurisdiction", "四川省/成都市")
    assert "本库没有四川省成都市的规定" in done.stdout
    assert "5 个工作日" in done.stdout


def test_doctor_stats_build_and_upgrade_work_on_an_empty_folder(run: Command, data_dir: Path) -> None:
    """Every upkeep command works before the first start, and repeats without harm."""
    assert run("doctor").returncode == 0
    assert "entries" in run("kb", "stats").stdout
    built = run("kb", "build")
    assert Path(built.stdout.strip()).is_file()
    assert run("kb", "stale").returncode == 0
    assert "schema 0002" in run("db", "upgrade").stdout
    assert "nothing to do" in run("db", "upgrade").stdout
    assert (data_dir / "zhifa.db").is_file()
    assert "FAIL" not in run("doctor").stdout


def test_the_console_holds_the_same_conversation(run: Command) -> None:
    """Typing, pressing a button by its number, choosing a place; the next start remembers the place."""
    first = run("chat", stdin="听证几天内申请\n1\n/place 铁岭\n")
    assert first.returncode == 0
    assert "5 个工作日" in first.stdout
    assert "期限：" in first.stdout
    second = run("chat", stdin="每年培训多少学时\n/quit\n")
    assert "铁政办发〔2024〕2号" in second.stdout
    assert "5 个工作日" not in second.stdout
