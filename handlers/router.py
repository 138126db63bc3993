"""From what came in to the handler for it: one line for each command and button."""

import unicodedata
from collections.abc import Callable, Mapping

from actions.message import Incoming, say
from handlers import asking, browse, entries, help_, place
from handlers.context import Act, Context, just

Handler = Callable[[Incoming, Context, str], Act]
"""Takes the event, the context and the argument (after the command, or of the button)."""

COMMANDS: Mapping[str, Handler] = {
    "start": help_.start,
    "help": help_.help_,
    "cancel": help_.cancel,
    "place": place.choose,
    "lists": browse.lists,
    "steps": browse.steps,
}
BUTTONS: Mapping[str, Handler] = {
    "open": entries.open_,
    "short": entries.short,
    "details": entries.details,
    "basis": entries.basis,
    "related": entries.related,
    "unhelpful": asking.unhelpful,
    "place": place.pick,
    "places": place.page,
    "lists": browse.lists_page,
    "steps": browse.steps_page,
}

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def think(incoming: Incoming, context: Context) -> Act:
    """Decide what an event leads to; reads and searches, changes nothing."""
    if incoming.kind == "press":
        action, _, argument = incoming.text.partition(":")
        handler = BUTTONS.get(action)
        if handler is None:
            return just(context.state, say("这个按钮已经不用了，请直接输入问题。"))
        return handler(incoming, context, argument)
    text = _visible(incoming.text).strip()
    if text.startswith("/"):
        name, _, argument = text[1:].partition(" ")
        command = COMMANDS.get(name.split("@", 1)[0].lower())
        if command is None:
            return just(context.state, say(f"没有 /{name[:20]} 这个命令。可用命令见 /help。"))
        return command(incoming, context, argument.strip())
    if context.state.dialogue and context.state.dialogue.get("name") == "place":
        picked = place.typed(context, text)
        if picked is not None:
            return picked
    return asking.ask(incoming, context, incoming.text.strip())


def _visible(text: str) -> str:
    """The text without control and invisible characters: parts of it are said back."""
    kept = (" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    return "".join(kept)
