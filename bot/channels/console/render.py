"""Replies as terminal text; also the plain text of `zhifa ask`."""

from actions.message import Block, Reply


def plain(reply: Reply) -> str:
    """The blocks of a reply as plain text, without buttons."""
    return "\n".join(line for block in reply.blocks for line in _lines(block))


def offering(reply: Reply) -> str:
    """The plain text with the entries it offers, one a line, for a reader who has no buttons."""
    offered = [f"• {b.label}" for row in reply.rows for b in row if b.data.startswith("open:")]
    return "\n".join((plain(reply), *offered))


def terminal(reply: Reply) -> str:
    """A reply with its buttons numbered, as the terminal shows it."""
    buttons = [button for row in reply.rows for button in row]
    numbered = "  ".join(f"[{n}] {button.label}" for n, button in enumerate(buttons, start=1))
    return plain(reply) + (f"\n{numbered}" if numbered else "")


def _lines(block: Block) -> list[str]:
    mark = "⚠️ " if block.kind == "warning" else ""
    lines = [mark + block.text] if block.text else []
    for n, item in enumerate(block.items, start=1):
        lines.append(f"{n}. {item}" if block.kind == "steps" else f"• {item}")
    return lines
