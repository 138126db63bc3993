"""The page's HTTP side, against the real server: who may read and write, what is kept, how it stops."""

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import Command
from tests.web_support import Served, Visitor, button, said

QUESTION = "首违不罚要什么条件"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the module; nothing in it may go wrong that it would log."""
    with Served(tmp_path_factory.mktemp("web")) as server:
        yield server
        assert server.complaints() == []


@pytest.fixture
def visitor(served: Served) -> Iterator[Visitor]:
    """A session of its own."""
    with Visitor(served.url) as one:
        yield one


# ---- who may come in


def test_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(served: Served) -> None:
    """The session is a random cookie that no script reads and no other site sends; a reload keeps it."""
    with httpx.Client(base_url=served.url, trust_env=False) as http:
        first = http.get("/").headers["set-cookie"]
        again = http.get("/").headers["set-cookie"]
    flags = {part.strip().lower() for part in first.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert len(first.split(";")[0].partition("=")[2]) == 43, "256 random bits"
    assert again.split(";")[0] == first.split(";")[0]


def test_two_visitors_get_two_sessions(served: Served) -> None:
    """A session belongs to one browser; anything but a cookie the page gave is none."""
    with Visitor(served.url) as one, Visitor(served.url) as other:
        assert one.token != other.token
    guessed = httpx.get(served.url + "/messages", headers={"cookie": "zhifa_session=1"}, trust_env=False)
    assert guessed.status_code == 401
    assert "刷新" in guessed.json()["error"]


@pytest.mark.parametrize("path", ["/", "/static/chat.js", "/static/chat.css", "/messages", "/healthz", "/no-such-page"])
def test_every_answer_carries_the_security_headers(visitor: Visitor, path: str) -> None:
    """No inline script or style, nothing from elsewhere, no frame, no sniffing: on every answer."""
    headers = visitor.http.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_what_is_personal_is_not_kept_by_browsers(visitor: Visitor) -> None:
    """Page and messages are never stored; script and style are asked about each time, so that they fit the page."""
    assert visitor.http.get("/").headers["cache-control"] == "no-store"
    assert visitor.http.get("/messages").headers["cache-control"] == "no-store"
    assert visitor.http.get("/static/chat.js").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", ""])
def test_foreign_host_is_refused(visitor: Visitor, host: str) -> None:
    """On loopback the page answers under the machine's own names only (DNS rebinding)."""
    assert visitor.http.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://["])
def test_foreign_origin_is_refused(visitor: Visitor, origin: str) -> None:
    """A page of another site can neither send nor read, even with cookie and token."""
    body = {"kind": "text", "text": QUESTION, "id": "foreign-origin"}
    assert visitor.post(body, origin=origin).status_code == 403
    assert visitor.http.get("/messages", headers={"origin": origin}).status_code == 403
    assert visitor.lines() == []


@pytest.mark.parametrize("token", ["", "0" * 64, "令牌"])
def test_wrong_token_is_refused(visitor: Visitor, token: str) -> None:
    """Without the token of its own page nothing is sent, and the person is told what to do."""
    answer = visitor.post({"kind": "text", "text": QUESTION, "id": "wrong-token"}, **{"x-zhifa-token": token})
    assert answer.status_code == 403
    assert "刷新" in answer.json()["error"]
    assert visitor.lines() == []


def test_token_of_another_session_is_refused(served: Served, visitor: Visitor) -> None:
    """A token fits one session."""
    with Visitor(served.url) as other:
        body = {"kind": "text", "text": QUESTION, "id": "others-token"}
        assert visitor.post(body, **{"x-zhifa-token": other.token}).status_code == 403


# ---- what is taken


def test_oversize_body_is_refused_kindly(visitor: Visitor) -> None:
    """More than 1 MiB is not read, whether announced or not; the line says what to do."""
    body = b'{"text": "' + b"a" * (1100 * 1024) + b'"}'
    announced = visitor.post(body)
    chunks = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    streamed = visitor.http.post("/send", content=chunks, headers={"x-zhifa-token": visitor.token})
    for answer in (announced, streamed):
        assert answer.status_code == 413
        assert "缩短" in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"kind": "text"}',
        b'{"kind": "text", "text": 7, "id": "12345678"}',
        b'{"kind": "text", "text": "x", "id": "short"}',
        b'{"kind": "text", "text": "x", "id": "\\ud800\\ud800\\ud800\\ud800\\ud800\\ud800\\ud800\\ud800"}',
        b'{"kind": "other", "text": "x", "id": "12345678"}',
        b'{"text": "x", "id": "12345678"}',
        b'{"kind": "press", "text": "' + b"x" * 65 + b'", "id": "12345678"}',
        b'{"kind": "text", "text": "x", "id": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_not_of_the_form_is_refused_kindly(visitor: Visitor, body: bytes) -> None:
    """A body the page would never send is a 400 with a sentence, and nothing is kept."""
    answer = visitor.post(body)
    assert answer.status_code == 400
    assert "没有发送" in answer.json()["error"]
    assert visitor.lines() == []


@pytest.mark.parametrize(
    "data", ["nonsense:1", "", "open:no.such-entry", "details:", "unhelpful:²", "lists::", "place:x"]
)
def test_button_that_does_not_exist_answers_kindly(visitor: Visitor, data: str) -> None:
    """Whatever a press carries, it gets a sentence, not silence."""
    (line,) = visitor.press(data, message="999999999999999999")
    assert line["blocks"][0]["text"]
    assert "出了问题" not in said(line)
    assert line["edits"] is None


def test_same_event_is_handled_once(visitor: Visitor) -> None:
    """A message sent again under its id (a retry after a lost answer) is accepted and changes nothing."""
    visitor.listen()
    body = {"kind": "text", "text": QUESTION, "id": "sent-three-times"}
    assert [visitor.post(body).status_code for _ in range(3)] == [202, 202, 202]
    visitor.nudged()
    visitor.send("你好")
    mine = [line["text"] for line in visitor.lines() if line["me"]]
    assert mine == [QUESTION, "你好"]
    assert sum("第33条" in said(line) for line in visitor.lines() if not line["me"]) == 1


def test_typing_too_fast_is_answered_once_and_then_refused_with_a_sentence(visitor: Visitor) -> None:
    """Ten messages at once are answered, the next is told to wait, further ones are refused and not called sent."""
    answers = [visitor.post({"kind": "text", "text": "你好", "id": f"too-fast-{n}"}) for n in range(13)]
    assert [answer.status_code for answer in answers] == [202] * 11 + [429] * 2
    assert "没有发送" in answers[-1].json()["error"]
    repeated = visitor.post({"kind": "text", "text": "你好", "id": "too-fast-1"})
    assert repeated.status_code == 202, "what was kept is not called unsent"


def test_long_message_is_kept_short_and_says_so(visitor: Visitor) -> None:
    """4,000 characters of a message are kept; the page is told that the rest was not."""
    visitor.send("长" * 50_000)
    visitor.send("短")
    mine = [(len(line["text"]), line["cut"]) for line in visitor.lines() if line["me"]]
    assert mine == [(4_000, True), (1, False)]


def test_personal_numbers_are_not_kept(visitor: Visitor) -> None:
    """Identity and telephone numbers are masked before a message is kept, in the person's own lines too."""
    visitor.send("当事人 13812345678，身份证 11010519491231002X，首违不罚要什么条件")
    (mine,) = [line["text"] for line in visitor.lines() if line["me"]]
    assert "13812345678" not in mine
    assert "11010519491231002X" not in mine
    assert "〔手机号〕" in mine


# ---- what is given


def test_answer_nudges_the_open_page(visitor: Visitor) -> None:
    """The stream says that something is new as soon as an answer is there, and carries nothing of it."""
    visitor.listen()
    visitor.post({"kind": "text", "text": QUESTION, "id": "nudge-me-please"})
    visitor.nudged()
    mine, answer = visitor.new()
    assert mine["text"] == QUESTION
    assert mine["event"] == "nudge-me-please"
    assert "《行政处罚法》第33条" in said(answer)


def test_each_line_comes_once(visitor: Visitor) -> None:
    """Read by what was seen last, the lines of a chat come once each and in order."""
    read = [line["id"] for text in ("你好", QUESTION, "谢谢") for line in (visitor.send(text), visitor.lines())[1]]
    pages: list[str] = []
    seen = "0.0"
    for _ in range(3):
        found = visitor.http.get("/messages", params={"after": seen}).json()
        pages += [line["id"] for line in found["lines"]]
        seen = found["seen"]
    whole = [line["id"] for line in visitor.lines()]
    assert pages == whole
    assert len(set(whole)) == len(whole) == 6
    assert [line["me"] for line in visitor.lines()] == [True, False] * 3
    assert set(read) == set(whole)


@pytest.mark.parametrize("seen", ["", "x", "1", "1.2.3", "-1.-1", "9" * 30 + "." + "9" * 30, "'; DROP TABLE inbox"])
def test_a_wrong_last_seen_shows_everything(visitor: Visitor, seen: str) -> None:
    """A page that lost count is shown the whole chat."""
    visitor.send("你好")
    assert visitor.lines(seen) == visitor.lines()


def test_button_replaces_its_message(visitor: Visitor) -> None:
    """«详情» is an edit of the message it stands under, and «收起» one of the same."""
    (answer,) = visitor.send(QUESTION)
    (details,) = visitor.press(button(answer, "详情"), answer["row"])
    (folded,) = visitor.press(button(details, "收起"), answer["row"])
    assert details["edits"] == folded["edits"] == answer["id"]
    assert said(folded) == said(answer)
    assert said(details) != said(answer)


def test_another_session_neither_reads_nor_edits(served: Served, visitor: Visitor) -> None:
    """A message id of another chat is worth nothing: no line of it is shown, nothing in it changes."""
    (answer,) = visitor.send(QUESTION)
    before = visitor.lines()
    with Visitor(served.url) as other:
        assert other.lines() == []
        (line,) = other.press(button(answer, "详情"), answer["row"])
        assert line["edits"] is None
        (refused,) = other.press(button(answer, "没帮助"), answer["row"])
        assert "已经不在" in said(refused)
    assert visitor.lines() == before


def test_place_is_said_with_the_messages(visitor: Visitor) -> None:
    """The page learns the place it is answered for with every reading, so that its header is right."""
    assert visitor.http.get("/messages").json()["place"] == "全国"
    visitor.send("/place 铁岭")
    assert visitor.http.get("/messages").json()["place"] == "铁岭市"
    assert "铁岭市" in visitor.http.get("/").text


@pytest.mark.parametrize("text", ["/\x00\x1b[31m\u202e\u200b命令", "/place \u202e\x07地方", "/lists \x1b]0;x\x07"])
def test_what_is_said_back_holds_nothing_invisible(visitor: Visitor, text: str) -> None:
    """Parts of a command are repeated in the answer, without control and direction characters."""
    (line,) = visitor.send(text)
    assert said(line).isprintable()


# ---- start and stop


def test_stops_within_five_seconds_though_a_page_is_open(tmp_path: Path) -> None:
    """SIGTERM with an open stream of events: exit 0 within 5 s, and nothing logged as wrong."""
    with Served(tmp_path) as server, Visitor(server.url) as visitor:
        visitor.send(QUESTION)
        assert server.stop() == 0
        assert server.complaints() == []


def test_interrupt_is_a_clean_stop_too(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    """Ctrl+C ends it as SIGTERM does: exit 0, no traceback."""
    process = start("serve", ZHIFA_WEB_LISTEN="127.0.0.1:0", ZHIFA_LOG="error")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("执法助手已启动：http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=5)
    assert (process.returncode, errors) == (0, "")


def test_port_in_use_ends_with_one_line(run: Command) -> None:
    """Somebody else's port: one line that names it, exit 2, no data folder touched."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = run("serve", ZHIFA_WEB_LISTEN=address)
    assert done.returncode == 2
    assert address in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ZHIFA_WEB_LISTEN", "nonsense"),
        ("ZHIFA_WEB_LISTEN", "example.org:80"),
        ("ZHIFA_WEB_LISTEN", "0.0.0.0:0"),
        ("ZHIFA_WEB_LISTEN", "off"),
        ("ZHIFA_TIMEZONE", "Mars/Base"),
        ("ZHIFA_WEB_LISTN", "127.0.0.1:0"),
    ],
)
def test_wrong_setting_ends_with_one_line(run: Command, name: str, value: str) -> None:
    """A setting that is wrong, unknown or unsafe is named in one line; exit 2, never a traceback.

    0.0.0.0 and other addresses that others can reach need ZHIFA_WEB_SECRET of 32 bytes.
    """
    done = run("serve", **{"ZHIFA_WEB_LISTEN": "127.0.0.1:0", name: value})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert name in done.stderr or value in done.stderr
    assert "Traceback" not in done.stderr


def test_short_secret_is_refused_and_never_shown(run: Command) -> None:
    """A key of fewer than 32 bytes does not open the page to others, and its value is not printed."""
    done = run("serve", ZHIFA_WEB_LISTEN="0.0.0.0:0", ZHIFA_WEB_SECRET="canary-too-short")  # noqa: S106
    assert done.returncode == 2
    assert "ZHIFA_WEB_SECRET" in done.stderr
    assert "canary" not in done.stdout + done.stderr
