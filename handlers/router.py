"""From what came in to the handler for it: one line for each command and button."""

import unicodedata
from collections.abc import Callable, Mapping

from actions.message import Incoming, say
from handlers import asking, browse, entries, help_, inline, other, people, place
from handlers.context import Act, Context, check_asking, just

Handler = Callable[[Incoming, Context, str], Act]
"""Takes the event, the context and the argument (after the command, or of the button)."""

COMMANDS: Mapping[str, Handler] = {
    "start": help_.start,
    "help": help_.help_,
    "cancel": help_.cancel,
    "place": place.choose,
    "lists": browse.lists,
    "steps": browse.steps,
    "me": people.me,
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

_PERSONAL = frozenset(item.name for item in help_.MENU if item.personal)
_OPEN = frozenset({"start", "help", "cancel", "me"})
"""Commands that need no permission to ask."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def think(incoming: Incoming, context: Context) -> Act:
    """Decide what an event leads to; reads and searches, changes nothing.

    Raises:
        Forbidden: the person may not; the message says what to do.
    """
    match incoming.kind:
        case "press":
            return _press(incoming, context)
        case "inline":
            check_asking(context)
            return inline.inline(incoming, context)
        case "other":
            return other.other(incoming, context)
        case "member":
            return other.member(incoming, context)
        case _:
            return _typed(incoming, context)


def _press(incoming: Incoming, context: Context) -> Act:
    action, _, argument = incoming.text.partition(":")
    handler = BUTTONS.get(action)
    if handler is None:
        return just(context.state, say("这个按钮已经不用了，请直接输入问题。"))
    check_asking(context)
    return handler(incoming, context, argument)


def _typed(incoming: Incoming, context: Context) -> Act:
    text = _visible(incoming.text).strip()
    if text.startswith("/"):
        name, _, argument = text[1:].partition(" ")
        return _command(incoming, context, name.split("@", 1)[0].lower(), argument.strip())
    check_asking(context)
    if context.state.dialogue and context.state.dialogue.get("name") == "place":
        picked = place.typed(context, text)
        if picked is not None:
            return picked
    return asking.ask(incoming, context, incoming.text.strip())


def _command(incoming: Incoming, context: Context, name: str, argument: str) -> Act:
    command = COMMANDS.get(name)
    if command is None:
        return just(context.state, say(f"没有 /{name[:20]} 这个命令。可用命令见 /help。"))
    if incoming.group and (name in _PERSONAL or (name == "start" and argument)):
        return help_.in_private(context, name if name in _PERSONAL else "help")
    if name not in _OPEN:
        check_asking(context)
    return command(incoming, context, argument)


def _visible(text: str) -> str:
    """The text without control and invisible characters: parts of it are said back."""
    kept = (" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    return "".join(kept)
