"""How an entry looks: the short answer, and the long form behind «详情»."""

from datetime import date, timedelta

from actions.cards import records
from actions.cards.words import UNITS, basis, day
from actions.message import Block
from knowledge.catalogue.citations import Citation
from knowledge.catalogue.load import Item
from knowledge.catalogue.model import (
    Case,
    ListItem,
    Offence,
    Procedure,
    Requirement,
    Rule,
    Step,
    Task,
    Term,
    TimeLimit,
    Written,
)
from knowledge.library import Library

_STALE = timedelta(days=365)
_SOON = timedelta(days=60)


def short(item: Item, library: Library, place: str, today: date) -> tuple[Block, ...]:
    """The answer that fits one phone screen: conclusion, points, basis, place and day of checking.

    Args:
        place: path of the place of the person who asks; what is only of another place says so.
    """
    entry = item.entry
    blocks: list[Block] = []
    if isinstance(entry, Written):
        blocks.append(Block("lead", entry.answer))
        if entry.points:
            blocks.append(Block("points", items=entry.points))
    else:
        blocks += _record(item, library, place, today, long=False)
    return (*_lapsed(item, today), *blocks, *_foot(item, library, place, today, most=3))


def full(item: Item, library: Library, place: str, today: date) -> tuple[Block, ...]:
    """Everything the entry says."""
    entry = item.entry
    blocks: list[Block] = []
    if isinstance(entry, Written):
        blocks += [Block("lead", entry.title), Block("text", entry.answer)]
        if entry.points:
            blocks.append(Block("points", items=entry.points))
        blocks += _more(item, library)
    else:
        blocks += _record(item, library, place, today, long=True)
    return (*_lapsed(item, today), *blocks, *_foot(item, library, place, today, most=12))


def _more(item: Item, library: Library) -> list[Block]:
    match item.entry:
        case Rule() as rule:
            return [Block("points", "条件", rule.conditions)] if rule.conditions else []
        case Procedure() as procedure:
            return [Block("steps", "步骤", tuple(_step(step, library) for step in procedure.steps))]
        case TimeLimit() as limit:
            lines = [f"期限：{_period(limit)}"]
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


def _step(step: Step, library: Library) -> str:
    """A step on a line, and below it its period, papers and pitfalls, a line each."""
    lines = [f"{step.do}（{step.who}）" if step.who else step.do]
    if step.time_limit and isinstance(limit := library.item(step.time_limit).entry, TimeLimit):
        lines.append(f"⏰ {_period(limit)}")
    lines += [f"📎 {'、'.join(step.documents)}"] if step.documents else []
    lines += [f"⚠️ {'；'.join(step.pitfalls)}"] if step.pitfalls else []
    return "\n".join(lines)


def _period(limit: TimeLimit) -> str:
    direction = "起算" if limit.direction == "after" else "之前"
    return f"{limit.starts}{direction} {limit.length} {UNITS[limit.unit]}"


def _record(item: Item, library: Library, place: str, today: date, *, long: bool) -> list[Block]:
    """The answer of a record, composed from its fields."""
    entry = item.entry
    match entry:
        case ListItem():
            return records.list_item(item, entry, library.registers, place, today)
        case Offence():
            listed = library.listing(entry.id, place, today)
            return records.offence(entry, listed, library.registers, place, long=long)
        case Task():
            return records.task(entry, today)
        case Case():
            return records.case(item, entry)
        case _:
            raise TypeError(f"{entry.kind} is no record")


def _lapsed(item: Item, today: date) -> list[Block]:
    """What is over, or of unknown time, says so before anything else; lists and cases say it in their own words."""
    span = item.entry.in_force
    if isinstance(item.entry, ListItem | Case):
        return []
    if span.from_ is None:
        return [Block("warning", "效力待核：这份规定何时起施行、现在是否有效没有核实，不能当作现行规定。")]
    if span.until and span.until < today:
        return [Block("warning", f"已届满：以下要求到{day(span.until)}为止，现为历史要求。")]
    return []


def _punished_by(item: Item, library: Library) -> set[Citation | str]:
    """What a record says on a line of its own: the basis of the penalty is no basis of the lenience."""
    return {library.registers.sources.parse(text) for text in getattr(item.entry, "penalty_basis", ())}


def _foot(item: Item, library: Library, place: str, today: date, most: int) -> list[Block]:
    entry = item.entry
    blocks: list[Block] = []
    cites = [cite for cite in library.citations(entry.id, place, today) if cite not in _punished_by(item, library)]
    if cites:
        blocks.append(Block("basis", f"依据：{basis(library.registers, tuple(cites), most)}"))
    if not isinstance(entry, ListItem | Case):
        where = "" if isinstance(entry, Offence) else f"适用：{item.place.replace('/', '')} · "
        blocks.append(Block("note", f"{where}{day(entry.checked)}核对"))
    if item.place not in library.registers.places.chain(place) and isinstance(entry, Written):
        blocks.insert(0, Block("warning", "外地参考：这是外地的规定，不能作为本地依据。"))
    if entry.caveat and not isinstance(entry, ListItem):
        blocks.append(Block("warning", entry.caveat))
    if entry.in_force.until and today <= entry.in_force.until <= today + _SOON:
        blocks.append(Block("warning", f"将于{day(entry.in_force.until)}届满。"))
    if today - entry.checked > _STALE:
        blocks.append(Block("warning", "已超过一年没有核对，请以现行条文为准。"))
    return blocks
