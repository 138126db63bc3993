"""How a verdict reads, with its buttons. The only place that puts reasons into words."""

from datetime import date

from actions.cards import entry as entry_cards
from actions.cards.words import day
from actions.message import Block, Button, Reply
from knowledge.catalogue.registers import NATION
from knowledge.library import Library
from knowledge.search.verdict import Verdict

_SMALLTALK = {
    "greeting": "您好，我是执法助手。请直接输入问题，例如「首违不罚要什么条件」「听证几天内申请」。",
    "thanks": "不客气，有问题随时问我。",
    "bye": "再见，有需要随时找我。",
    "who": "我是执法助手，回答四张清单和办案程序的问题，每条都注明依据；不知道的我会说「不确定」。",
}
_REFUSED = {
    "查找举报人": "这个不能帮您：举报人、投诉人的信息依法应当保密。",
    "凑罚款": "这个不能帮您：罚款不得与指标、创收挂钩，有违法事实才能依法处罚。",
    "绕开程序": "这个不能帮您：法定程序不得规避。需要的话，我可以说明这一步该怎么走。",
    "伪造文书和证据": "这个不能帮您：文书和证据不得伪造、倒签或事后补造。",
    "泄露检查": "这个不能帮您：检查安排不得违规泄露。",
}
_KEPT = "问题已记下，转给知识库维护人员。"


def reply(verdict: Verdict, library: Library, question: int | None = None) -> tuple[Reply, ...]:
    """The messages of a verdict, one for each question the message held.

    Args:
        question: row id of the recorded question, for the «没帮助» button; None where nothing is recorded.
    """
    parts = verdict.parts or (verdict,)
    return tuple(_one(part, library, question) for part in parts)


def _one(verdict: Verdict, library: Library, question: int | None) -> Reply:
    match verdict.status:
        case "answered":
            return answer(verdict, library, question)
        case "choices":
            return choices(verdict, library)
        case "smalltalk":
            return Reply((Block("text", _SMALLTALK[verdict.detail]),))
        case "refused":
            return Reply((Block("text", _REFUSED[verdict.detail]),))
        case _:
            return unknown(verdict, library, question)


def answer(verdict: Verdict, library: Library, question: int | None) -> Reply:
    """The short answer with its buttons."""
    if verdict.match is None:
        raise ValueError("an answered verdict has a match")
    item = library.item(verdict.match.entry)
    blocks = entry_cards.short(item, library, verdict.place, verdict.day)
    if verdict.national_only:
        label = library.registers.places.label(verdict.place)
        blocks = (Block("note", f"本库没有{label}的专门规定，以下是全国规定。"), *blocks)
    return Reply(blocks, answer_buttons(item.entry.id, bool(item.entry.related), question))


def answer_buttons(entry_id: str, related: bool, question: int | None) -> tuple[tuple[Button, ...], ...]:
    """Buttons under an answer: details, basis, related, not helpful."""
    row = [Button("详情", f"details:{entry_id}"), Button("依据", f"basis:{entry_id}")]
    if related:
        row.append(Button("相近", f"related:{entry_id}"))
    if question is not None:
        row.append(Button("没帮助", f"unhelpful:{question}"))
    return (tuple(row),)


def choices(verdict: Verdict, library: Library) -> Reply:
    """Two to four entries to choose from; never a guess."""
    rows = []
    for match in verdict.choices:
        item = library.item(match.entry)
        place = "" if item.place == NATION else f"（{library.registers.places.label(item.place)}）"
        rows.append((Button(item.entry.title + place, f"open:{match.entry}"),))
    return Reply((Block("text", "不确定您问的是哪一个，请选："),), tuple(rows))


def unknown(verdict: Verdict, library: Library, question: int | None) -> Reply:
    """«不确定», why, what to do next, and the nearest topics."""
    blocks = [Block("lead", "不确定。" + _why(verdict, library))]
    kept = question is not None and verdict.reason in {"nothing_near", "unsure", "article_not_held"}
    if kept:
        blocks.append(Block("note", _KEPT))
    rows = tuple((Button(library.item(near).entry.title, f"open:{near}"),) for near in verdict.nearest)
    if rows:
        blocks.append(Block("text", "您是不是想看："))
    return Reply(tuple(blocks), rows)


def _why(verdict: Verdict, library: Library) -> str:
    parts = [*verdict.detail.split("|"), "", ""]
    match verdict.reason:
        case "empty":
            return "没有看到问题，请输入文字，例如「听证几天内申请」。"
        case "no_such_article":
            last = f"，{parts[1]}共 {parts[2]} 条" if parts[2] else ""
            return f"没有{parts[0]}{last}，请核对条文号。"
        case "article_not_held":
            return f"本库还没有收录{parts[0]}的内容，请查阅条文原文。"
        case "place_not_held":
            return f"本库没有收录{parts[0]}的规定。去掉地名可以查全国规定；当地规定请向当地司法行政部门核实。"
        case "local_matter":
            if verdict.place == NATION:
                return "这是各地自己规定的事项，请先用 /place 选择工作地区，或者在问题里写明地区。"
            label = library.registers.places.label(verdict.place)
            return f"本库没有收录{label}的这项规定；别处的规定不能套用。"
        case "not_in_force":
            return _out_of_time(parts[0], parts[1], parts[2], verdict.day)
        case _:
            return "本库没有找到对应的内容，请换个说法，或用 /lists、/steps 浏览。"


def _out_of_time(title: str, since: str, until: str, asked: date) -> str:
    """Why an entry that fits does not answer for the day asked about; days in ISO form, empty where there is none."""
    if not since:
        return f"本库只有效力待核的「{title}」：何时起施行、现在是否有效没有核实，不能当作现行规定。"
    if asked < date.fromisoformat(since):
        return f"「{title}」本库只收录{day(date.fromisoformat(since))}起的规定；此前的行为请查当时的条文。"
    return f"「{title}」适用到{day(date.fromisoformat(until))}为止，本库没有此后的规定。"
