"""Browsing without asking: the four lists, and procedures, by field."""

from actions.message import Button, Incoming, Reply, say
from handlers.context import Act, Context, just
from handlers.pages import number, paged
from knowledge.catalogue.registers import NATION

_LIST_TOPICS = ("lists",)


def lists(incoming: Incoming, context: Context, argument: str) -> Act:
    """`/lists`: what the content holds on the four lists."""
    return _browse(incoming, context, "lists", argument)


def steps(incoming: Incoming, context: Context, argument: str) -> Act:
    """`/steps`: procedures, step by step."""
    return _browse(incoming, context, "steps", argument)


def lists_page(incoming: Incoming, context: Context, argument: str) -> Act:
    """A field was tapped, or a page turned."""
    return _page(incoming, context, "lists", argument)


def steps_page(incoming: Incoming, context: Context, argument: str) -> Act:
    """A field was tapped, or a page turned."""
    return _page(incoming, context, "steps", argument)


def _entries(context: Context, what: str) -> dict[str, list[tuple[str, str]]]:
    """Entries by field, for the person's own places: (id, label)."""
    library = context.library
    chain = library.registers.places.chain(context.place)
    found = library.browse(kinds=("procedure",)) if what == "steps" else library.browse(("list_item",), _LIST_TOPICS)
    by_field: dict[str, list[tuple[str, str]]] = {}
    for entry_id in found:
        item = library.item(entry_id)
        if item.place in chain and item.entry.in_force.covers(context.now.date()):
            place = "" if item.place == NATION else f"（{library.registers.places.label(item.place)}）"
            by_field.setdefault(item.domain, []).append((entry_id, item.entry.title + place))
    return by_field


def _browse(incoming: Incoming, context: Context, what: str, argument: str) -> Act:
    by_field = _entries(context, what)
    if not by_field:
        return just(context.state, say("本库还没有这方面的内容。"))
    domains = context.library.registers.domains.by_id
    if argument:
        chosen = [d for d in by_field if argument in (domains[d].name, *domains[d].aliases)]
        if chosen:
            return _page(incoming, context, what, f"{chosen[0]}:0")
        return just(context.state, say(f"没有找到领域「{argument[:20]}」，请用 /{what} 从列表里选。"))
    if len(by_field) == 1:
        return _page(incoming, context, what, f"{next(iter(by_field))}:0")
    rows = tuple((Button(f"{domains[d].name}（{len(rows)}）", f"{what}:{d}:0"),) for d, rows in by_field.items())
    return just(context.state, Reply(say("请选领域：").blocks, rows))


def _page(incoming: Incoming, context: Context, what: str, argument: str) -> Act:
    domain, _, page = argument.partition(":")
    entries = _entries(context, what).get(domain)
    if not entries:
        return just(context.state, say(f"这个领域现在没有内容，请用 /{what} 重新选择。"))
    name = context.library.registers.domains.by_id[domain].name
    title = "四张清单" if what == "lists" else "办案程序"
    buttons = [Button(label, f"open:{entry_id}") for entry_id, label in entries]
    text = f"{title} · {name}，共 {len(entries)} 项："
    return just(
        context.state,
        Reply(say(text).blocks, paged(buttons, number(page), f"{what}:{domain}"), incoming.message),
    )
