"""The page in a real browser: what an officer with a phone in one hand sees and does."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, Route, expect, sync_playwright

from knowledge.library import Library
from tests.web_support import Served

pytestmark = pytest.mark.browser

QUESTION = "首违不罚要什么条件"
PHONE = {"width": 390, "height": 844}
CHROMIUM = next(
    filter(
        None, (os.environ.get("CHROME_PATH"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    ),
    None,
)
PATIENCE = 20_000


@dataclass
class Watched:
    """A page with everything that must never happen on it: errors, dialogs, requests to elsewhere.

    Attributes:
        allowed: parts of the console messages that a test brings about itself.
    """

    page: Page
    reported: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()

    def faults(self) -> list[str]:
        """What happened and may not."""
        return [one for one in self.reported if not any(part in one for part in self.allowed)]

    def log(self) -> Locator:
        """The conversation."""
        return self.page.get_by_role("log")

    def mine(self) -> Locator:
        """The person's own messages."""
        return self.log().locator(".me")

    def answers(self) -> Locator:
        """The bot's messages."""
        return self.log().locator(".bot")

    def ask(self, text: str) -> Locator:
        """Type and send; gives the message that answers."""
        before = self.answers().count()
        self.page.get_by_label("问题", exact=True).fill(text)
        self.page.get_by_role("button", name="发送").click()
        answer = self.answers().nth(before)
        expect(answer).to_be_visible()
        return answer


Open = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium from the machine; never downloaded."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install chromium, or name one in CHROME_PATH")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield started
        started.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the module."""
    with Served(tmp_path_factory.mktemp("browser")) as server:
        yield server
        assert server.complaints() == []


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open pages on a phone, each in a session of its own; fails the test for any fault it does not allow."""
    contexts: list[BrowserContext] = []
    pages: list[Watched] = []

    def opened(url: str, **options: Any) -> Watched:
        context = browser.new_context(
            **{"viewport": PHONE, "has_touch": True, "is_mobile": True, "locale": "zh-CN", **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        watched = Watched(page)
        origin = urlsplit(url).netloc

        def dialog(shown: Dialog) -> None:
            watched.reported.append(f"dialog: {shown.message}")
            shown.dismiss()

        def elsewhere(route: Route) -> None:
            watched.reported.append(f"request to {route.request.url}")
            route.abort()

        page.route(lambda to: urlsplit(to).netloc != origin, elsewhere)
        page.on("console", lambda message: watched.reported.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: watched.reported.append(f"error: {error}"))
        page.on("dialog", dialog)
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', (e) => console.log('CSP ' + e.violatedDirective))"
        )
        page.goto(url)
        expect(page.get_by_role("log")).not_to_have_attribute("aria-busy", "true")
        pages.append(watched)
        return watched

    expect.set_options(timeout=PATIENCE)
    yield opened
    for context in contexts:
        context.close()
    assert [fault for watched in pages for fault in watched.faults()] == []


@pytest.fixture
def phone(served: Served, open_page: Open) -> Watched:
    """The page on a phone, in a session that has said nothing yet."""
    return open_page(served.url)


# ---- asking


def test_answer_names_statute_and_article(phone: Watched) -> None:
    """A question is answered with the statute and the article it rests on; one's own message is there at once."""
    answer = phone.ask(QUESTION)
    expect(answer).to_contain_text("行政处罚法")
    expect(answer).to_contain_text("第33条")
    expect(phone.mine()).to_have_count(1)
    expect(phone.mine()).to_contain_text(QUESTION)
    expect(phone.page.get_by_label("问题", exact=True)).to_have_value("")


def test_own_message_is_echoed_before_the_server_has_it(phone: Watched) -> None:
    """What was typed stands in the conversation at once, marked as on its way, and once when it has arrived."""
    held: list[Route] = []
    phone.page.route("**/send", lambda route: held.insert(0, route))
    phone.page.get_by_label("问题", exact=True).fill(QUESTION)
    phone.page.get_by_role("button", name="发送").click()
    expect(phone.mine()).to_have_class("message me waiting")
    expect(phone.page.locator("#busy")).to_have_text("正在查找…")
    held[0].continue_()
    expect(phone.answers()).to_have_count(1)
    expect(phone.mine()).to_have_class("message me")
    expect(phone.mine()).to_have_count(1)
    expect(phone.page.locator("#busy")).to_be_empty()


def test_answer_fits_one_phone_screen(phone: Watched) -> None:
    """The whole answer with its buttons is on the screen, without scrolling; nothing sticks out to the side."""
    answer = phone.ask(QUESTION)
    for part in (answer.locator(".lead"), answer.locator(".basis"), answer.get_by_role("button").last):
        expect(part).to_be_in_viewport(ratio=1)
    assert phone.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_enter_sends_and_shift_enter_does_not(phone: Watched) -> None:
    """Enter sends, Shift+Enter begins a line, and the Enter that ends an input method's composition does nothing."""
    box = phone.page.get_by_label("问题", exact=True)
    box.fill("首违不罚")
    box.press("Shift+Enter")
    box.press_sequentially("要什么条件")
    box.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(phone.mine()).to_have_count(0)
    box.press("Enter")
    expect(phone.mine()).to_contain_text("首违不罚\n要什么条件", use_inner_text=True)
    box.fill("  \n ")
    box.press("Enter")
    expect(phone.answers()).to_have_count(1)
    expect(phone.mine()).to_have_count(1)


def test_follow_up_leans_on_what_was_said(phone: Watched) -> None:
    """«第三款呢» after an answer from article 33 is about article 33."""
    phone.ask(QUESTION)
    expect(phone.ask("第三款呢")).to_contain_text("第33条第3款")


def test_two_questions_begin_on_the_screen(phone: Watched) -> None:
    """A message with two questions gets two messages; the first of them is in view from its first line."""
    phone.ask("听证几天内申请，另外首违不罚要什么条件")
    expect(phone.answers()).to_have_count(2)
    expect(phone.answers().first.locator(".lead")).to_be_in_viewport(ratio=1)
    expect(phone.page.get_by_role("heading", name="执法助手")).to_be_in_viewport(ratio=1)


def test_an_invitation_waits_in_the_box(served: Served, open_page: Open) -> None:
    """The link of a code puts the command into the box, ready to be sent by the person; the address forgets it.

    So does one that is opened where the page is open already; any other fragment is left alone.
    """
    phone = open_page(served.url + "/#start=AbC_-0123456789abcdefg")
    box = phone.page.get_by_label("问题", exact=True)
    expect(box).to_have_value("/start AbC_-0123456789abcdefg")
    expect(box).to_be_focused()
    assert phone.page.evaluate("location.hash") == ""
    expect(phone.mine()).to_have_count(0)
    phone.page.evaluate("location.hash = '#start=another'")
    expect(box).to_have_value("/start another")
    assert phone.page.evaluate("location.hash") == ""
    phone.page.evaluate("location.hash = '#text'")
    expect(box).to_have_value("/start another")
    assert phone.page.evaluate("location.hash") == "#text"
    box.press("Enter")
    expect(phone.answers()).to_contain_text("没有这个邀请码")


# ---- tapping


def test_details_replace_the_message_and_fold_again(phone: Watched) -> None:
    """«详情» shows the long form in the same place, «收起» the short one again."""
    answer = phone.ask(QUESTION)
    lead, short = answer.locator(".lead").inner_text(), answer.inner_text()
    answer.get_by_role("button", name="详情").click()
    expect(answer.get_by_role("button", name="收起")).to_be_visible()
    expect(answer).to_contain_text("条件")
    assert answer.inner_text() != short
    expect(phone.answers()).to_have_count(1)
    answer.get_by_role("button", name="依据").click()
    expect(answer).to_contain_text("全国人民代表大会")
    answer.get_by_role("button", name="收起").click()
    expect(answer.get_by_role("button", name="详情")).to_be_visible()
    expect(answer.locator(".lead")).to_have_text(lead)
    expect(phone.answers()).to_have_count(1)


def test_focus_stays_in_the_message_whose_button_was_pressed(phone: Watched) -> None:
    """With the keyboard, «详情» leads to «收起» and back: focus is never lost with the button that goes."""
    answer = phone.ask(QUESTION)
    answer.get_by_role("button", name="详情").focus()
    phone.page.keyboard.press("Enter")
    expect(answer.get_by_role("button", name="收起")).to_be_focused()
    phone.page.keyboard.press("Enter")
    expect(answer.get_by_role("button", name="详情")).to_be_focused()


def test_button_pressed_twice_does_it_once(phone: Watched) -> None:
    """A double tap has one effect; the button may be used again when its answer is there."""
    button = phone.page.get_by_role("button", name="使用说明")
    button.dblclick()
    expect(phone.answers()).to_have_count(1)
    expect(button).not_to_have_attribute("aria-disabled", "true")
    button.click()
    expect(phone.answers()).to_have_count(2)
    expect(phone.mine()).to_have_count(2)


def test_example_is_asked_by_tapping(phone: Watched) -> None:
    """A newcomer taps an example; the examples then make room, and focus is not lost with them."""
    phone.page.get_by_role("button", name=QUESTION).focus()
    phone.page.keyboard.press("Enter")
    expect(phone.answers().first).to_contain_text("第33条")
    expect(phone.page.locator("#welcome")).to_be_hidden()
    assert phone.page.evaluate("document.activeElement.id") == "main"


def test_place_is_chosen_by_tapping(phone: Watched) -> None:
    """The place is chosen with two taps, shown at the top from then on, and kept over a reload."""
    expect(phone.page.locator("header")).to_contain_text("按全国规定回答")
    phone.page.get_by_role("button", name="选择工作地区").click()
    phone.answers().first.get_by_role("button", name="辽宁省 铁岭市").click()
    expect(phone.answers().last).to_contain_text("以后按「辽宁省铁岭市」回答")
    expect(phone.page.locator("header")).to_contain_text("按铁岭市规定回答")
    expect(phone.mine()).to_contain_text("选择工作地区")
    phone.page.reload()
    expect(phone.page.locator("header")).to_contain_text("按铁岭市规定回答")


def test_pages_of_a_list_turn_in_place(phone: Watched) -> None:
    """A long list has pages; turning one replaces the message, and focus goes to the first of the new page."""
    phone.page.get_by_role("button", name="选择工作地区").click()
    listed = phone.answers().first
    listed.get_by_role("button", name="下一页").focus()
    phone.page.keyboard.press("Enter")
    expect(listed.get_by_role("button", name="上一页")).to_be_visible()
    expect(listed.get_by_role("button").first).to_be_focused()
    expect(phone.answers()).to_have_count(1)


def test_choices_are_taken_by_tapping(phone: Watched, library: Library, today: date) -> None:
    """Where several entries are about equally likely they are buttons, and a tap answers with that entry."""
    words = ("听证", "罚款", "处罚", "扣押", "查封", "证据", "送达", "时效", "登记保存", "首违不罚")
    unclear = next(word for word in words if library.ask(word, "全国", today).status == "choices")
    offered = phone.ask(unclear)
    expect(offered).to_contain_text("请选")
    assert 2 <= offered.get_by_role("button").count() <= 4
    offered.get_by_role("button").first.click()
    expect(phone.answers()).to_have_count(2)
    expect(phone.answers().last).to_contain_text("依据")


def test_not_helpful_is_noted(phone: Watched) -> None:
    """«没帮助» is one tap, and says that it was noted."""
    phone.ask(QUESTION).get_by_role("button", name="没帮助").click()
    expect(phone.answers().last).to_contain_text("已记下")


# ---- what stays


def test_reload_shows_the_same_conversation(phone: Watched) -> None:
    """A reload shows what was there: own messages, answers, and an unfolded one unfolded."""
    phone.ask("听证几天内申请")
    answer = phone.ask(QUESTION)
    answer.get_by_role("button", name="详情").click()
    expect(answer.get_by_role("button", name="收起")).to_be_visible()
    before = phone.log().inner_text()
    phone.page.reload()
    expect(phone.answers()).to_have_count(2)
    assert phone.log().inner_text() == before
    expect(phone.answers().last.get_by_role("button").last).to_be_in_viewport(ratio=1)


def test_two_pages_of_one_session_show_the_same(phone: Watched) -> None:
    """What is asked in one tab appears in the other by itself."""
    other = phone.page.context.new_page()
    other.goto(phone.page.url)
    phone.ask(QUESTION)
    expect(other.get_by_role("log").locator(".bot")).to_contain_text("第33条")
    assert other.get_by_role("log").inner_text() == phone.log().inner_text()


def test_killed_server_loses_nothing(open_page: Open, tmp_path: Path) -> None:
    """After `kill -9` the page says so, reconnects by itself, and what was typed meanwhile is answered once."""
    with Served(tmp_path) as server:
        phone = open_page(server.url)
        phone.allowed = ("net::ERR_",)  # the browser itself reports every connection that fails
        phone.ask("听证几天内申请")
        server.kill()
        expect(phone.page.get_by_role("alert")).to_contain_text("正在重连")
        phone.page.get_by_label("问题", exact=True).fill(QUESTION)
        phone.page.get_by_role("button", name="发送").click()
        expect(phone.mine().last).to_have_class("message me waiting")
        server.start_again()
        expect(phone.answers()).to_have_count(2)
        expect(phone.answers().last).to_contain_text("第33条")
        expect(phone.mine().last).to_have_class("message me")
        expect(phone.page.get_by_role("alert")).to_be_empty()
        phone.ask("谢谢")
        shown = phone.log().inner_text()
        phone.page.reload()
        expect(phone.answers()).to_have_count(3)
        assert phone.log().inner_text() == shown
        assert shown.count(QUESTION) == 1


def test_message_cut_off_by_a_reload_is_sent_once(phone: Watched) -> None:
    """What was typed while the network was gone survives a reload, and is sent once when the network is back."""
    phone.allowed = ("net::ERR_",)
    phone.page.route("**/send", lambda route: route.abort())
    phone.page.get_by_label("问题", exact=True).fill(QUESTION)
    phone.page.get_by_role("button", name="发送").click()
    expect(phone.page.get_by_role("alert")).to_contain_text("正在重连")
    phone.page.reload()
    expect(phone.mine()).to_have_class("message me waiting")
    phone.page.unroute("**/send")
    expect(phone.answers()).to_have_count(1)
    phone.page.reload()
    expect(phone.answers()).to_have_count(1)
    expect(phone.mine()).to_have_count(1)


def test_message_whose_receipt_was_lost_is_answered_once(phone: Watched) -> None:
    """Where the server has a message but its word did not arrive, the page sends it again and nothing happens twice."""
    phone.allowed = ("net::ERR_",)
    tries: list[int] = []

    def swallow(route: Route) -> None:
        tries.append(route.fetch().status)
        route.abort()

    phone.page.route("**/send", swallow)
    phone.ask(QUESTION)
    phone.page.unroute("**/send")
    phone.ask("谢谢")
    assert tries[0] == 202
    phone.page.reload()
    expect(phone.answers()).to_have_count(2)
    expect(phone.mine()).to_have_count(2)


def test_refused_message_comes_back_into_the_box(phone: Watched) -> None:
    """A message the server did not take is not lost: the reason is said, and the text is in the box again."""
    phone.allowed = ("429",)
    phone.page.route(
        "**/send", lambda route: route.fulfill(status=429, json={"error": "您发得太快了，这条消息没有发送。"})
    )
    phone.page.get_by_label("问题", exact=True).fill(QUESTION)
    phone.page.get_by_role("button", name="发送").click()
    expect(phone.page.get_by_role("alert")).to_have_text("您发得太快了，这条消息没有发送。")
    expect(phone.page.get_by_label("问题", exact=True)).to_have_value(QUESTION)
    expect(phone.mine()).to_have_count(0)


# ---- hostile text


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)><svg onload=alert(1)>",
    '"><iframe src="javascript:alert(1)"></iframe><style>*{display:none}</style>',
    "</article></main><h1>javascript:alert(1)//{{7*7}}${7*7}",
    "😀👨\u200d👩\u200d👧\u200d👦🇨🇳 首违不罚 \u202e翻转\u2066隔离\u202c",
    "首\u200b违\u200d不\ufeff罚",
    '\' OR 1=1; DROP TABLE inbox; -- NEAR("a" 1) AND *',
    "长" * 4_000,
    "a" * 4_000,
)


def test_whatever_is_typed_is_shown_as_text(phone: Watched) -> None:
    """Markup, scripts, strange and long text appear as typed, run nothing, and do not widen the page."""
    for text in HOSTILE:
        phone.ask(text)
        assert phone.mine().last.locator("p").text_content() == text
        assert phone.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert phone.log().locator("script, img, svg, iframe, style, h1").count() == 0
    phone.page.reload()
    expect(phone.mine()).to_have_count(len(HOSTILE))
    assert tuple(phone.mine().locator("p").all_text_contents()) == HOSTILE
    assert phone.page.title() == "执法助手"


def test_message_of_100_kilobytes_is_answered(phone: Watched) -> None:
    """A pasted document is kept as far as it is read, and the page says so; the answer is in view."""
    answer = phone.ask(QUESTION + "，" + "长" * 33_000)
    expect(phone.mine().locator(".note")).to_contain_text("只保留了前 4000 字")
    expect(answer.locator("p").first).to_be_in_viewport(ratio=1)


def test_content_security_policy_is_in_force(phone: Watched) -> None:
    """Were markup ever to get through, the browser itself would refuse to run it, or to load from elsewhere."""
    phone.allowed = ("CSP", "Content Security Policy", "404")
    phone.page.evaluate(
        """() => {
            const at = document.getElementById('log');
            at.innerHTML = '<img src=x onerror="document.title = 1">';
            const script = document.createElement('script');
            script.textContent = 'document.title = 2';
            at.append(script);
        }"""
    )
    assert phone.page.title() == "执法助手"
    refused = phone.page.evaluate("fetch('https://elsewhere.example/').then(() => false, () => true)")
    assert refused
    assert {"console: CSP script-src-attr", "console: CSP script-src-elem"} <= set(phone.reported)


# ---- for everybody


CONTRAST = """([selector, pseudo]) => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgb = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return Array.from(canvas.getImageData(0, 0, 1, 1).data);
    };
    const light = (color) => color.slice(0, 3)
        .map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const element = document.querySelector(selector);
    let behind = element;
    while (rgb(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
    const pair = [getComputedStyle(element, pseudo).color, getComputedStyle(behind).backgroundColor];
    const [a, b] = pair.map(rgb).map(light);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(served: Served, open_page: Open, scheme: str) -> None:
    """Every kind of text stands out from what is behind it by 4.5 to 1, by day and by night."""
    phone = open_page(served.url, color_scheme=scheme)
    read = ["#welcome .lead", "#welcome .note", "#welcome button", "header h1", "header p", "nav button", "#send"]
    ratios = {name: phone.page.evaluate(CONTRAST, [name, None]) for name in read}
    ratios["placeholder"] = phone.page.evaluate(CONTRAST, ["textarea", "::placeholder"])
    phone.ask(QUESTION)
    said = [".me p", ".bot .lead", ".bot li", ".bot .basis", ".bot .note", ".bot button", "textarea"]
    ratios |= {name: phone.page.evaluate(CONTRAST, [name, None]) for name in said}
    phone.page.evaluate("document.querySelector('.bot .note').className = 'warning'")
    phone.page.evaluate("document.getElementById('state').textContent = 'x'")
    ratios |= {name: phone.page.evaluate(CONTRAST, [name, None]) for name in (".bot .warning", "#state")}
    assert {name: round(ratio, 2) for name, ratio in ratios.items() if ratio < 4.5} == {}
    dark = phone.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in dark.strip("rgb()").split(",")) < 384) == (scheme == "dark")


def test_everything_tapped_is_large_enough(phone: Watched) -> None:
    """Every button and the box are at least 44 pixels each way."""
    answer = phone.ask(QUESTION)
    phone.page.get_by_role("button", name="选择工作地区").click()
    expect(phone.answers()).to_have_count(2)
    expect(answer.get_by_role("button")).to_have_count(4)
    boxes = [
        (each.inner_text(), each.bounding_box())
        for each in phone.page.locator("button:visible, textarea:visible").all()
    ]
    assert len(boxes) >= 15
    small = [name for name, box in boxes if box is None or box["width"] < 44 or box["height"] < 44]
    assert small == []


def test_what_is_used_is_within_reach_of_the_thumb(phone: Watched) -> None:
    """Box, send button and commands are in the lower quarter of the screen, and stay there."""
    phone.ask(QUESTION)
    for used in (phone.page.get_by_label("问题", exact=True), phone.page.get_by_role("button", name="四张清单")):
        box = used.bounding_box()
        assert box is not None
        assert PHONE["height"] * 3 / 4 < box["y"] < PHONE["height"]


def test_roles_names_and_language_are_right(phone: Watched) -> None:
    """A screen reader finds the language, the regions, the live log, and a name on everything that is used."""
    page = phone.page
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.title() == "执法助手"
    answer = phone.ask(QUESTION)
    for role, name in (("heading", "执法助手"), ("log", "对话"), ("navigation", "命令"), ("textbox", "问题")):
        expect(page.get_by_role(role, name=name, exact=True)).to_have_count(1)  # type: ignore[arg-type]
    for role in ("main", "banner", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)  # type: ignore[arg-type]
    expect(phone.log()).not_to_have_attribute("aria-busy", "true")
    expect(answer).to_have_role("article")
    expect(answer.locator(".hidden")).to_have_text("执法助手：")
    expect(phone.mine().locator(".hidden")).to_have_text("我：")
    expect(answer.get_by_role("listitem").first).to_be_visible()
    names = [button.inner_text() for button in page.get_by_role("button").all()]
    assert names
    assert all(name.strip() for name in names)


def test_tab_goes_from_the_skip_link_to_the_box(phone: Watched) -> None:
    """The first stop is «跳到输入框»; the others follow the eye: examples, commands, box, send."""
    phone.page.keyboard.press("Tab")
    expect(phone.page.get_by_role("link", name="跳到输入框")).to_be_focused()
    expect(phone.page.get_by_role("link", name="跳到输入框")).to_be_in_viewport()
    order = [QUESTION, "选择工作地区", "问题"]
    stops: list[str] = []
    for _ in range(12):
        phone.page.keyboard.press("Tab")
        stops.append(
            phone.page.evaluate("document.activeElement.textContent || document.activeElement.labels[0].textContent")
        )
    assert [stop for stop in stops if stop in order] == order
    phone.page.get_by_role("link", name="跳到输入框").focus()
    phone.page.keyboard.press("Enter")
    expect(phone.page.get_by_label("问题", exact=True)).to_be_focused()


@pytest.mark.parametrize("size", [(320, 568), (844, 390), (1280, 800)], ids=["small", "landscape", "desk"])
def test_fits_other_screens(served: Served, open_page: Open, size: tuple[int, int]) -> None:
    """A small phone, one held sideways, and a desk: nothing sticks out, and one can ask and read."""
    width, height = size
    phone = open_page(served.url, viewport={"width": width, "height": height})
    answer = phone.ask(QUESTION)
    expect(answer.locator(".lead")).to_be_in_viewport(ratio=1)
    expect(phone.page.get_by_role("button", name="发送")).to_be_in_viewport(ratio=1)
    assert phone.page.evaluate("document.documentElement.scrollWidth") == width
    assert phone.page.evaluate("document.documentElement.scrollHeight") == height
