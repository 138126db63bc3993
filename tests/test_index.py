"""The compiled index: made when the bytes of the content change, whole or not at all, and never in a reader's way."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.app import Shelf
from bot.settings import Settings
from knowledge.library import Library
from knowledge.search.build import build, index_name
from knowledge.search.index import Index
from tests.conftest import TODAY, clean_environment
from tests.content import GOOD, RULE, changed, write, write_base
from zhifa_errors import IndexUnavailable

_QUESTION = "听证几天内申请"
_BUILD = """
import sys
from pathlib import Path
from knowledge.search.build import build
folders, into = sys.argv[1].split(":"), Path(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
print(build([Path(folder) for folder in folders], into), flush=True)
"""


@pytest.fixture(name="content", scope="module")
def _content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("content") / "base")


@pytest.fixture(name="folder")
def _folder(content: Path, tmp_path: Path) -> Path:
    """A content folder a test may change."""
    return Path(shutil.copytree(content, tmp_path / "content"))


@pytest.fixture(name="into")
def _into(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture(name="builder")
def _builder(tmp_path: Path) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that build; whatever of them still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []
    yield running
    for process in running:
        process.kill()
        process.communicate()


def _start(running: list["subprocess.Popen[str]"], folder: Path, into: Path) -> "subprocess.Popen[str]":
    """A process that has imported everything and builds as soon as it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", _BUILD, str(folder), str(into)],
        env=clean_environment(into),
        cwd=into.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running.append(process)
    return process


def _names(into: Path) -> set[str]:
    return {path.name for path in into.iterdir()}


def _rows(path: Path) -> list[tuple[str, str]]:
    """What an index says, apart from where its content lay."""
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT id, entry FROM entries ORDER BY n").fetchall()
    db.close()
    return rows


def test_the_same_bytes_are_compiled_once(folder: Path, into: Path) -> None:
    """Building again, touching files or copying the folder elsewhere compiles nothing."""
    path = build([folder], into)
    made = path.stat()
    for file in folder.rglob("*.yaml"):
        os.utime(file, (0, 0))
    copy = Path(shutil.copytree(folder, folder.with_name("copy")))
    assert build([folder], into) == build([copy], into) == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (made.st_mtime_ns, made.st_ino)
    assert _names(into) == {path.name}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("national/general.yaml", GOOD + "# a comment\n", id="a comment"),
        pytest.param("national/general.new.yaml", RULE, id="a file more"),
        pytest.param("national/market.yaml", RULE, id="a field more"),
        pytest.param("calendar/2026.yaml", "[]\n", id="data beside the entries"),
    ],
)
def test_other_bytes_are_compiled_anew(content: Path, folder: Path, into: Path, name: str, text: str) -> None:
    """Any change of content has an index of its own; going back finds the first one again."""
    first = build([folder], into)
    write(folder, name, text)
    second = build([folder], into)
    assert first != second
    assert build([content], into) == first
    assert _names(into) == {first.name, second.name}


def test_the_order_of_folders_matters(folder: Path, tmp_path: Path, into: Path) -> None:
    """The later folder wins by entry id, so two orders are two indexes."""
    other = write_base(tmp_path / "other")
    write(other, "national/general.yaml", changed("5 个工作日", "五个工作日", GOOD))
    one, two = build([folder, other], into), build([other, folder], into)
    assert one != two
    assert "五个工作日" in Index(one).item("good.apply-by").entry.model_dump_json()
    assert "5 个工作日" in Index(two).item("good.apply-by").entry.model_dump_json()


def test_eight_processes_building_at_once_leave_one_good_file(
    folder: Path, into: Path, builder: list["subprocess.Popen[str]"]
) -> None:
    """They need no lock: each writes aside, the last rename wins, and all open the same."""
    processes = [_start(builder, folder, into) for _ in range(8)]
    assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * 8
    for process in processes:
        process.stdin.write("go\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    outcomes = [process.communicate(timeout=120) for process in processes]
    expected = into / index_name([folder])
    assert outcomes == [(f"{expected}\n", "")] * 8
    assert _names(into) == {expected.name}
    assert _rows(expected) == _rows(build([folder], into.with_name("alone")))


def test_a_reader_keeps_answering_while_a_new_index_is_built(
    folder: Path, into: Path, builder: list["subprocess.Popen[str]"]
) -> None:
    """The old library answers before, during and after; the new one knows what is new."""
    old = Library(Index(build([folder], into)))
    answer = old.ask(_QUESTION, "全国", TODAY)
    write(folder, "national/general.new.yaml", RULE)
    process = _start(builder, folder, into)
    process.stdin.write("go\n")  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]
    during = [old.ask(_QUESTION, "全国", TODAY)]
    while process.poll() is None:
        during.append(old.ask(_QUESTION, "全国", TODAY))
    assert answer.status == "answered"
    assert during == [answer] * len(during)
    assert process.returncode == 0
    new = Library(Index(into / index_name([folder])))
    assert set(new.index.ids()) - set(old.index.ids()) == {"test.rule"}


def test_an_index_swept_away_still_answers_whoever_has_it_open(folder: Path, into: Path) -> None:
    """The program forgets old indexes; a reader of one is not disturbed by that."""
    settings = Settings(data_dir=into.parent, knowledge_dirs="", _env_file=None)
    shelf = Shelf(settings, bundled=folder)
    reader = Library(Index(shelf.library.index.path))
    for n in range(4):
        write(folder, "national/general.new.yaml", RULE + f"# {n}\n")
        assert shelf.refresh()
    assert not reader.index.path.exists()
    assert reader.ask(_QUESTION, "全国", TODAY).status == "answered"
    assert shelf.library.index.path.exists()
    assert len(list(into.glob("knowledge-*.db"))) == 4


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("sys.addaudithook(lambda event, _: event == 'sqlite3.connect' and die())", id="before writing"),
        pytest.param(
            "sys.setprofile(lambda _, event, what: event == 'c_call' and what.__name__ == 'executemany' and die())",
            id="while writing",
        ),
        pytest.param("sys.addaudithook(lambda event, _: event == 'os.rename' and die())", id="before the renaming"),
    ],
)
def test_a_build_that_is_killed_leaves_nothing_that_is_opened(folder: Path, into: Path, moment: str) -> None:
    """SIGKILL at any moment: no index by its name, and the next build makes a whole one."""
    script = f"import os, signal\ndie = lambda: os.kill(os.getpid(), signal.SIGKILL)\n{_BUILD}".replace(
        "sys.stdin.readline()", moment
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(into)], env=clean_environment(into), check=False, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    left = _names(into)
    assert left
    assert all(name.startswith(".building-") for name in left)

    path = build([folder], into)
    assert path.name == index_name([folder])
    assert [row[0] for row in _rows(path)] == ["good.apply-by", "good.steps", "good.offence"]


def test_content_saved_while_it_is_being_read_is_filed_under_its_own_name(folder: Path, into: Path) -> None:
    """The name is the hash of what is inside, even where the file changes between the hashing and the reading."""
    write(folder, "saved", changed("5 个工作日", "五个工作日", GOOD))
    hook = f"""
import os, sys
seen = []
def save_on_second_reading(event, args):
    if event == "open" and str(args[0]).endswith("/national/general.yaml"):
        seen.append(args[0])
        len(seen) == 2 and os.replace({str(folder / "saved")!r}, args[0])
sys.addaudithook(save_on_second_reading)
"""
    script = hook + _BUILD
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(into)],
        env=clean_environment(into),
        input="go\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    path = into / index_name([folder])
    assert done.stdout == f"ready\n{path}\n", done.stderr
    assert "五个工作日" in dict(_rows(path))["good.apply-by"]
    assert _names(into) == {path.name}


def test_what_killed_builds_left_is_swept_away_after_an_hour(folder: Path, into: Path) -> None:
    """Half files do not fill the disk; one that may still be written is left alone."""
    old, young = write(into, ".building-old.db", "half"), write(into, ".building-young.db", "half")
    os.utime(old, (time.time() - 7200,) * 2)
    path = build([folder], into)
    assert _names(into) == {path.name, young.name}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: b"", id="empty"),
        pytest.param(lambda raw: raw[:50], id="without a header"),
        pytest.param(lambda raw: raw[: len(raw) // 2], id="half"),
        pytest.param(lambda raw: raw[:-1], id="without its last byte"),
        pytest.param(lambda raw: b"\0" * len(raw), id="all zeros"),
        pytest.param(lambda raw: b"not a database at all" * 100, id="something else"),
    ],
)
def test_a_file_that_is_not_whole_is_not_believed(folder: Path, into: Path, damage: Callable[[bytes], bytes]) -> None:
    """A power cut or a full disk may shorten the file under its right name; it is made again."""
    path = build([folder], into)
    whole = _rows(path)
    path.write_bytes(damage(path.read_bytes()))
    assert build([folder], into) == path
    assert _rows(path) == whole


def test_an_index_folder_that_cannot_be_written_is_said_to_be(folder: Path, into: Path) -> None:
    """Never to be confused with «nothing found»: the error names the folder."""
    into.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(IndexUnavailable, match=str(into)):
        build([folder], into)


@pytest.mark.parametrize("text", ["", "not a database"])
def test_a_file_that_is_no_index_is_not_opened(tmp_path: Path, text: str) -> None:
    """Opening says what to do."""
    path = write(tmp_path, "knowledge-x.db", text)
    with pytest.raises(IndexUnavailable, match="zhifa kb build"):
        Index(path)


def test_an_index_of_another_form_is_not_opened(folder: Path, into: Path) -> None:
    """After an upgrade of the program an old file is refused, not misread."""
    path = build([folder], into)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '0' WHERE name = 'format'")
    db.close()
    with pytest.raises(IndexUnavailable, match="zhifa kb build"):
        Index(path)
