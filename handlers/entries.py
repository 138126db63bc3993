"""Buttons about one entry: open it, unfold it, its basis, what is near."""

from dataclasses import replace
from datetime import date

from actions.cards import entry as cards
from actions.cards.verdict import answer_buttons
from actions.cards.words import day
from actions.message import Block, Button, Incoming, Reply, say
from handlers.context import Act, Context, just
from knowledge.catalogue.load import Item
from knowledge.catalogue.model import Version
from knowledge.search.verdict import Turn

LINK = "open-"
"""What the payload of a link to an entry begins with; no code begins so, but for one in a thousand million."""
_GONE = "这条内容已经更新或撤下，请直接输入问题重新查询。"


def as_payload(entry_id: str) -> str:
    """An entry as payload of a link to the private chat, which allows letters, digits, `_` and `-` only."""
    return LINK + entry_id.replace(".", "_")


def from_payload(payload: str) -> str:
    """The entry a payload means."""
    return payload.removeprefix(LINK).replace("_", ".")


def _item(context: Context, entry_id: str) -> Item | None:
    try:
        return context.library.item(entry_id)
    except KeyError:
        return None


def open_(_incoming: Incoming, context: Context, entry_id: str) -> Act:
    """Answer with an entry that was chosen; what follows may lean on it."""
    item = _item(context, entry_id)
    if item is None:
        return just(context.state, say(_GONE))
    lead = item.cites[0] if item.cites else None
    turn = Turn(
        item.entry.title,
        entry_id,
        context.place,
        lead.source if lead else None,
        lead.article if lead else None,
    )
    return just(replace(context.state, turn=turn, dialogue=None), _short(item, context))


def _short(item: Item, context: Context, edits: str | None = None) -> Reply:
    blocks = cards.short(item, context.library, context.place, context.now.date())
    return Reply(blocks, answer_buttons(item.entry.id, bool(item.entry.related), None), edits)


def short(incoming: Incoming, context: Context, entry_id: str) -> Act:
    """Fold an unfolded entry again, in place."""
    item = _item(context, entry_id)
    return just(context.state, _short(item, context, incoming.message) if item else say(_GONE))


def details(incoming: Incoming, context: Context, entry_id: str) -> Act:
    """Everything the entry says, in place of the short answer."""
    item = _item(context, entry_id)
    if item is None:
        return just(context.state, say(_GONE))
    blocks = cards.full(item, context.library, context.place, context.now.date())
    return just(context.state, Reply(blocks, _folded_row(item, "details"), incoming.message))


def basis(incoming: Incoming, context: Context, entry_id: str) -> Act:
    """Every citation with the source's full title, issuer and version."""
    item = _item(context, entry_id)
    if item is None:
        return just(context.state, say(_GONE))
    sources = context.library.registers.sources
    lines = []
    for cite in context.library.citations(entry_id, context.place, context.now.date()):
        source = sources.by_id[cite.source]
        since = _since(source.versions[-1], context.now.date())
        number = f"，{source.number}" if source.number and source.number not in source.short else ""
        marked = "" if source.number or source.level != "document" else "，无文号"
        lines.append(f"{sources.show(cite)}（{source.title}，{source.issuer}{number}{marked}{since}）")
    blocks = (Block("lead", f"{item.entry.title}：依据"), Block("points", items=tuple(lines)))
    return just(context.state, Reply(blocks, _folded_row(item, "basis"), incoming.message))


def _since(version: Version, today: date) -> str:
    """Since when a version holds, or what else is known of its time."""
    promulgated = f"，{day(version.promulgated)}公布" if version.promulgated else ""
    if version.from_ is None:
        return f"{promulgated}，何时起施行没有核实"
    if version.until and version.until < today:
        return f"{promulgated}，现已不再施行"
    return f"{promulgated}，{day(version.from_)}起{'才' if version.from_ > today else ''}施行"


def related(incoming: Incoming, context: Context, entry_id: str) -> Act:
    """Entries near this one, as buttons."""
    item = _item(context, entry_id)
    if item is None:
        return just(context.state, say(_GONE))
    rows = [(Button(context.library.item(other).entry.title, f"open:{other}"),) for other in item.entry.related]
    reply = Reply(
        (Block("text", f"与「{item.entry.title}」相近的内容："),),
        (*rows, *_folded_row(item, "related")),
        incoming.message,
    )
    return just(context.state, reply)


def _folded_row(item: Item, current: str) -> tuple[tuple[Button, ...], ...]:
    entry_id = item.entry.id
    row = [Button("收起", f"short:{entry_id}")]
    for label, action in (("详情", "details"), ("依据", "basis"), ("相近", "related")):
        if action != current and (action != "related" or item.entry.related):
            row.append(Button(label, f"{action}:{entry_id}"))
    return (tuple(row),)
