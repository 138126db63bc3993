"""Plain tables for the terminal."""


class Table:
    """Columns as wide as they need to be; the first is text, the others are figures.

    Args:
        columns: their headings.
    """

    def __init__(self, *columns: str) -> None:
        self._rows: list[tuple[str, ...]] = [columns]

    def add(self, *cells: object) -> None:
        """One more line."""
        self._rows.append(tuple(str(cell) for cell in cells))

    def __str__(self) -> str:
        """The table with a line under its headings and an empty one at the end."""
        widths = [max(map(len, column)) for column in zip(*self._rows, strict=True)]
        head, *rest = (
            "  ".join(
                [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
            ).rstrip()
            for row in self._rows
        )
        return "\n".join([head, "-" * (sum(widths) + 2 * len(widths) - 2), *rest, ""])
