"""Long lists in pages of eight buttons."""

from collections.abc import Sequence

from actions.message import Button

PAGE = 8


def paged(buttons: Sequence[Button], page: int, action: str) -> tuple[tuple[Button, ...], ...]:
    """One page of a list of buttons, with a row to turn the page where there are more.

    Args:
        page: from 0; a page that does not exist is the nearest one that does.
        action: button data before the page number («places» gives `places:2`).
    """
    last = max(0, (len(buttons) - 1) // PAGE)
    page = max(0, min(page, last))
    rows = [(button,) for button in buttons[page * PAGE : (page + 1) * PAGE]]
    turn = []
    if page > 0:
        turn.append(Button("上一页", f"{action}:{page - 1}"))
    if page < last:
        turn.append(Button(f"下一页（{page + 1}/{last + 1}）", f"{action}:{page + 1}"))
    return (*rows, *([tuple(turn)] if turn else []))


def number(text: str) -> int:
    """A page number from button data; 0 where it is none."""
    return int(text) if text.isdecimal() and len(text) < 6 else 0
