"""Questions typed inline in another chat: answers to put there, nothing recorded and nothing changed."""

from actions.cards import entry as cards
from actions.message import Button, Incoming, Reply
from handlers.context import Act, Context, just
from handlers.entries import as_payload

_MOST = 5


def inline(incoming: Incoming, context: Context) -> Act:
    """The answer, or what is most likely; nothing where nothing fits."""
    verdict = context.library.ask(incoming.text, context.place, context.now.date(), None)
    found = [match.entry for match in ((verdict.match,) if verdict.match else verdict.choices) if match]
    return just(context.state, *(_card(entry_id, context) for entry_id in found[:_MOST]))


def _card(entry_id: str, context: Context) -> Reply:
    item = context.library.item(entry_id)
    blocks = cards.short(item, context.library, context.place, context.now.date())
    return Reply(blocks, ((Button("详情", f"chat:{as_payload(entry_id)}"),),))
