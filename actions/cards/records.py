"""How records read: one function a kind composes the answer from the fields, so that all of a kind read alike."""

from datetime import date

from actions.cards.words import FORCE, LISTS, SHORT, day
from actions.message import Block
from knowledge.catalogue.load import Item
from knowledge.catalogue.model import Case, Deadline, ListItem, Offence, Task
from knowledge.catalogue.registers import NATION, Registers
from knowledge.listing import Listing, in_force

_SHOWN = 3
_NATURE = {"applied": "", "court": "（法院裁判）", "counter_example": "（反面案例）"}
_NOT_A_CEILING = "清单不是上限：不在清单上的，仍要按行政处罚法第32条、第33条等规定判断。"
_NOR_OF_COERCION = "清单不是上限：不在清单上的，仍要按行政强制法第5条、第16条判断是否采取强制措施。"


def offence(entry: Offence, listed: Listing, registers: Registers, place: str, *, long: bool) -> list[Block]:
    """An offence: which lists of the person's places it is on, on what conditions, and what it is punished by.

    Args:
        place: path of the place of the person who asks.
        long: with the conditions of other places' lists, and the cases.
    """
    blocks = _standing(entry, listed, registers, place)
    unsure = dict.fromkeys(
        f"{_label(item, registers)}的清单也列有此项，但{_why_unsure(item)}" for item in listed.unsure
    )
    blocks += [Block("warning", f"{line}，不能作为依据。") for line in unsure]
    if listed.elsewhere:
        blocks.append(_elsewhere(listed.elsewhere, long=long))
    if listed.cases and long:
        blocks.append(Block("points", "相关案例", tuple(_case_line(item) for item in listed.cases)))
    elif listed.cases:
        blocks.append(Block("note", f"案例 {len(listed.cases)} 个，见「详情」。"))
    return [*blocks, *_punishment(entry)]


def _punishment(entry: Offence) -> list[Block]:
    bases = "；".join(entry.penalty_basis)
    if entry.penalty:
        return [Block("text", f"处罚：{entry.penalty}（{bases}）" if bases else f"处罚：{entry.penalty}")]
    return [Block("text", f"处罚依据：{bases}")] if bases else []


def _standing(entry: Offence, listed: Listing, registers: Registers, place: str) -> list[Block]:
    name = f"「{entry.title}」"
    if not listed.here:
        whose = "全国" if place == NATION else f"全国和{registers.places.label(place)}"
        rule = _NOR_OF_COERCION if _only_of_coercion(listed) else _NOT_A_CEILING
        return [Block("lead", f"{name}：本库收录的{whose}现行清单里没有这一项。"), Block("text", rule)]
    found: dict[str, str] = {}
    for item in listed.here:
        label = f"{_label(item, registers)}清单列为"
        found[label] = found.get(label, "") + f"「{_list(item)}」"
    blocks = [Block("lead", f"{name}：{'；'.join(label + lists for label, lists in found.items())}。")]
    for item in listed.here:
        blocks += _terms(item.entry, _short(item, registers) if len(listed.here) > 1 else "")
    return blocks


def _only_of_coercion(listed: Listing) -> bool:
    lists = {item.entry.list for item in (*listed.unsure, *listed.elsewhere) if isinstance(item.entry, ListItem)}
    return lists == {"no_coercive_measure"}


def _short(item: Item, registers: Registers) -> str:
    return f"{_label(item, registers)}{SHORT[item.entry.list]}" if isinstance(item.entry, ListItem) else ""


def _terms(entry: object, whose: str) -> list[Block]:
    """Conditions, exclusions and warnings of one list item."""
    if not isinstance(entry, ListItem):
        return []
    blocks = []
    if entry.conditions:
        blocks.append(
            Block("points", whose + ("须同时具备" if len(entry.conditions) > 1 else "条件"), entry.conditions)
        )
    if entry.exclusions:
        blocks.append(Block("points", f"{whose}不适用", entry.exclusions))
    if entry.confidence == "partial" and not entry.caveat:
        blocks.append(Block("warning", f"{whose}只见到部分内容，用前核对原清单。"))
    blocks += [Block("warning", whose + text) for text in (entry.law_alert, entry.caveat) if text]
    return blocks


def _elsewhere(items: tuple[Item, ...], *, long: bool) -> Block:
    title = "外地参考，不能作为本地依据"
    if long:
        return Block("points", title, tuple(dict.fromkeys(_reference(item) for item in items)))
    named = list(dict.fromkeys(f"{_where(item)}「{_list(item)}」" for item in items))
    more = f"等 {len(named)} 条" if len(named) > _SHOWN else ""
    return Block("note", f"{title}：{'；'.join(named[:_SHOWN])}{more}。")


def _reference(item: Item) -> str:
    entry = item.entry
    if not isinstance(entry, ListItem):
        return ""
    parts = [f"{_where(item)}「{_list(item)}」"]
    parts += [f"条件：{'、'.join(entry.conditions)}"] if entry.conditions else []
    parts += [f"不适用：{'、'.join(entry.exclusions)}"] if entry.exclusions else []
    parts += [_STATUS[entry.list_status]] if entry.list_status != "as_published" else []
    parts += ["只见到部分内容"] if entry.confidence == "partial" else []
    return "；".join((*parts, f"《{entry.source.strip('《》')}》"))


_STATUS = {"draft": "征求意见稿", "expired": "已失效"}


def _why_unsure(item: Item) -> str:
    entry = item.entry
    if isinstance(entry, ListItem) and entry.list_status != "as_published":
        return f"是{_STATUS[entry.list_status]}"
    span = entry.in_force
    if span.from_ is None:
        return "何时起施行、现在是否有效没有核实"
    return f"有效期从{day(span.from_)}到{day(span.until)}" if span.until else f"从{day(span.from_)}起才施行"


def list_item(item: Item, entry: ListItem, registers: Registers, place: str, today: date) -> list[Block]:
    """An item of a list: whose, on what conditions, what is done, and how far it can be relied on."""
    here = item.place in registers.places.chain(place)
    lead = f"「{entry.title}」：{_label(item, registers) if here else _where(item)}清单列为「{_list(item)}」。"
    blocks = [] if here else [Block("warning", "外地参考：这是外地的清单，不能作为本地依据。")]
    if here and not in_force(item, today):
        blocks.append(Block("warning", f"这份清单{_why_unsure(item)}，不能作为现行依据。"))
    blocks += [Block("lead", lead), *_terms(entry, "")]
    if entry.handling:
        blocks.append(Block("points", "怎么处理", entry.handling))
    if entry.penalty_basis:
        blocks.append(Block("text", f"处罚依据：{'；'.join(entry.penalty_basis)}"))
    if entry.basis_origin == "matched" and entry.penalty_basis:
        blocks.append(Block("warning", "处罚依据由本库比对，待核。"))
    issued = "，".join(part for part in (entry.issuer, _published(entry)) if part)
    blocks.append(Block("note", f"清单：{entry.source}{f'（{issued}）' if issued else ''}"))
    return blocks


def _published(entry: ListItem) -> str | None:
    """The day of publication as people write it, as far as it is known."""
    try:
        return day(date.fromisoformat(entry.published)) if entry.published else None
    except ValueError:
        return entry.published


def task(entry: Task, today: date) -> list[Block]:
    """A measure of a plan: what it asks, of whom, by when, with what is over marked so."""
    number = f"第{entry.number}项：" if entry.number else "："
    blocks = [Block("lead", f"{entry.plan}{number}{entry.title}"), Block("points", "要求", entry.obligations)]
    if entry.deadlines:
        blocks.append(Block("points", "时限", tuple(_deadline(line, today) for line in entry.deadlines)))
    return [*blocks, *([Block("note", f"责任单位：{'、'.join(entry.units)}")] if entry.units else [])]


def _deadline(line: Deadline, today: date) -> str:
    parts = [line.what]
    parts += [f"{day(line.day)}前{'（已届满）' if line.day < today else ''}"] if line.day else []
    parts += [part for part in (line.every, line.amount) if part]
    parts += ["没有规定日期"] if line.type == "unspecified" else []
    return "：".join((parts[0], "，".join(parts[1:]))) if parts[1:] else parts[0]


def case(item: Item, entry: Case) -> list[Block]:
    """A published case: facts, outcome, where and by whom it was published; never a rule."""
    listed = f"适用：{LISTS[entry.list]}" if entry.list else ""
    return [
        Block("lead", f"{entry.title}{_NATURE[entry.nature]}"),
        Block("points", "事实", entry.facts),
        Block("text", f"结果：{entry.outcome}"),
        *([Block("text", listed)] if listed else []),
        Block("note", f"案例参考，{_where(item)}；来源：{entry.source}"),
    ]


def _case_line(item: Item) -> str:
    entry = item.entry
    return f"{entry.title}（{_where(item)}）：{entry.outcome}" if isinstance(entry, Case) else ""


def _list(item: Item) -> str:
    return FORCE[item.entry.list] if isinstance(item.entry, ListItem) else ""


def _label(item: Item, registers: Registers) -> str:
    return registers.places.label(item.place)


def _where(item: Item) -> str:
    return item.place.replace("/", "")
