"""How an entry looks: the short answer, and the long form behind «详情»."""

from datetime import date, timedelta

from actions.cards.words import LISTS, UNITS, basis, day
from actions.message import Block
from knowledge.catalogue.load import Item
from knowledge.catalogue.model import (
    Case,
    ListItem,
    Offence,
    Procedure,
    Requirement,
    Rule,
    Task,
    Term,
    TimeLimit,
    Written,
)
from knowledge.catalogue.registers import Registers

_STALE = timedelta(days=365)
_SOON = timedelta(days=60)


def short(item: Item, registers: Registers, today: date) -> tuple[Block, ...]:
    """The answer that fits one phone screen: conclusion, points, basis, place and day of checking."""
    entry = item.entry
    blocks: list[Block] = []
    if isinstance(entry, Written):
        blocks.append(Block("lead", entry.answer))
        if entry.points:
            blocks.append(Block("points", items=entry.points))
    else:
        blocks += _record(item)
    return (*_lapsed(item, today), *blocks, *_foot(item, registers, today, most=3))


def full(item: Item, registers: Registers, today: date) -> tuple[Block, ...]:
    """Everything the entry says."""
    entry = item.entry
    blocks: list[Block] = [Block("lead", entry.title)]
    if isinstance(entry, Written):
        blocks.append(Block("text", entry.answer))
        if entry.points:
            blocks.append(Block("points", items=entry.points))
        blocks += _more(item, registers)
    else:
        blocks += _record(item)
    return (*_lapsed(item, today), *blocks, *_foot(item, registers, today, most=12))


def _more(item: Item, registers: Registers) -> list[Block]:
    match item.entry:
        case Rule() as rule:
            return [Block("points", "条件", rule.conditions)] if rule.conditions else []
        case Procedure() as procedure:
            return [Block("steps", "步骤", tuple(_step(step) for step in procedure.steps))]
        case TimeLimit() as limit:
            direction = "起算" if limit.direction == "after" else "之前"
            lines = [f"期限：{limit.starts}{direction} {limit.length} {UNITS[limit.unit]}"]
            lines += [f"计算：{limit.counting}"] if limit.counting else []
            lines += [f"逾期：{limit.if_missed}"] if limit.if_missed else []
            return [Block("points", items=tuple(lines))]
        case Requirement() as duty:
            lines = [f"谁：{duty.who}"]
            lines += [f"多少：{duty.how_much}"] if duty.how_much else []
            lines += [f"频次：{duty.every}"] if duty.every else []
            return [Block("points", items=tuple(lines))]
        case Term() as term if term.not_to_confuse_with:
            return [Block("points", "不要混淆", term.not_to_confuse_with)]
        case _:
            return []


def _step(step: object) -> str:
    do, who = getattr(step, "do", ""), getattr(step, "who", None)
    documents, pitfalls = getattr(step, "documents", ()), getattr(step, "pitfalls", ())
    text = f"{do}（{who}）" if who else do
    if documents:
        text += f" 📎 {'、'.join(documents)}"
    if pitfalls:
        text += f" ⚠️ {'；'.join(pitfalls)}"
    return text


def _record(item: Item) -> list[Block]:
    """The answer of a record, composed from its fields so that all of a kind read alike."""
    entry = item.entry
    match entry:
        case ListItem():
            where = item.place if item.place != "全国" else "全国"
            lead = f"「{entry.title}」列在{where}的「{LISTS[entry.list]}」清单。"
            blocks = [Block("lead", lead)]
            if entry.conditions:
                blocks.append(Block("points", "须同时具备", entry.conditions))
            if entry.exclusions:
                blocks.append(Block("points", "不适用", entry.exclusions))
            if entry.handling:
                blocks.append(Block("points", "怎么处理", entry.handling))
            blocks.append(Block("note", f"清单：{entry.source}"))
            if entry.basis_origin == "matched":
                blocks.append(Block("warning", "依据由本库比对，待核。"))
            if entry.list_status != "as_published":
                blocks.append(Block("warning", "该清单为征求意见稿或已失效，不能作为现行依据。"))
            return [*blocks, *([Block("warning", entry.law_alert)] if entry.law_alert else [])]
        case Offence():
            named = f"，俗称：{'、'.join(entry.ask)}" if entry.ask else ""
            return [Block("lead", f"违法行为「{entry.title}」{named}。")]
        case Task():
            lines = [
                f"{d.what}{'：' + day(d.day) + '前' if d.day else ''}{'：' + d.amount if d.amount else ''}"
                f"{'（' + d.every + '）' if d.every else ''}"
                for d in entry.deadlines
            ]
            return [
                Block("lead", f"{entry.plan}第{entry.number}项：{entry.title}"),
                Block("points", "要求", entry.obligations),
                *([Block("points", "时限", tuple(lines))] if lines else []),
                *([Block("note", f"责任单位：{'、'.join(entry.units)}")] if entry.units else []),
            ]
        case Case():
            return [
                Block("lead", entry.title),
                Block("points", "事实", entry.facts),
                Block("text", f"结果：{entry.outcome}"),
                Block("note", f"来源：{entry.source}"),
            ]
        case _:
            return [Block("lead", entry.title)]


def _lapsed(item: Item, today: date) -> list[Block]:
    """What is over says so before anything else."""
    until = item.entry.in_force.until
    return [Block("warning", f"已届满：以下要求到{day(until)}为止，现为历史要求。")] if until and until < today else []


def _foot(item: Item, registers: Registers, today: date, most: int) -> list[Block]:
    entry = item.entry
    blocks: list[Block] = []
    if item.cites:
        blocks.append(Block("basis", f"依据：{basis(registers, item.cites, most)}"))
    place = item.place.replace("/", "")
    blocks.append(Block("note", f"适用：{place} · {day(entry.checked)}核对"))
    if entry.caveat:
        blocks.append(Block("warning", entry.caveat))
    if entry.in_force.until and today <= entry.in_force.until <= today + _SOON:
        blocks.append(Block("warning", f"将于{day(entry.in_force.until)}届满。"))
    if today - entry.checked > _STALE:
        blocks.append(Block("warning", "已超过一年没有核对，请以现行条文为准。"))
    return blocks
