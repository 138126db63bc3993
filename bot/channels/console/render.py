"""Replies as terminal text; also the plain text of `zhifa ask`."""

from actions.message import CHAT, Button, Reply, plain


def offering(reply: Reply) -> str:
    """The plain text with the entries it offers, one a line, for a reader who has no buttons."""
    offered = [f"• {b.label}" for row in reply.rows for b in row if b.data.startswith("open:")]
    return "\n".join((plain(reply), *offered))


def terminal(reply: Reply) -> str:
    """A reply with its buttons numbered, and below them the pages it leads to, as the terminal shows it."""
    numbered = "  ".join(f"[{n}] {button.label}" for n, button in enumerate(pressable(reply), start=1))
    pages = [f"{b.label}：{b.url}" for row in reply.rows for b in row if b.url]
    return "\n".join((plain(reply), *([numbered] if numbered else []), *pages))


def pressable(reply: Reply) -> list[Button]:
    """The buttons a terminal has, in the order of their numbers."""
    return [button for row in reply.rows for button in row if button.data and not button.data.startswith(CHAT)]
