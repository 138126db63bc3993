"""Reading and writing tables of Excel: every cell is text, and a fault is told with its sheet and row."""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhifa_errors import UsageError

_MAX_BYTES = 5 * 1024 * 1024
_MAX_ROWS = 20_000
_SPLIT = re.compile(r"[；;\n]+")
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Zl", "Zp"})
_FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")


@dataclass(frozen=True)
class Row:
    """One row of a sheet: its number as Excel shows it, and the cells that are not empty by their heading."""

    number: int
    cells: Mapping[str, str]


def read_book(path: Path) -> dict[str, list[Row]]:
    """Every sheet of a workbook by name; the first row of each that is not empty holds the headings.

    Args:
        path: an .xlsx, .xls or .ods file of at most 5 MiB and 20,000 rows a sheet.

    Raises:
        UsageError: the file cannot be read as a workbook, or is too large.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path}：文件超过 5 MB，请分成几份。没有导入任何内容。")
        book = CalamineWorkbook.from_path(str(path))
        return {
            name: _rows(path, book.get_sheet_by_name(name).to_python(skip_empty_area=False, nrows=_MAX_ROWS + 2))
            for name in book.sheet_names
        }
    except (OSError, CalamineError) as error:
        raise UsageError(f"{path}：不能作为 Excel 表格读取（{error}）。没有导入任何内容。") from error


def _rows(path: Path, lines: Sequence[Sequence[Any]]) -> list[Row]:
    if len(lines) > _MAX_ROWS + 1:
        raise UsageError(f"{path}：超过 {_MAX_ROWS} 行，请分成几份。没有导入任何内容。")
    headings: list[str] = []
    found = []
    for number, line in enumerate(lines, start=1):
        if not any(headings):
            headings = [_text(cell) for cell in line]
            continue
        cells = {name: text for name, cell in zip(headings, line, strict=False) if name and (text := _text(cell))}
        if cells:
            found.append(Row(number, cells))
    return found


def _text(cell: Any) -> str:
    """A cell as a person reads it: 3.0 is «3», a date «2026-01-31»; without characters nobody sees."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ")
    return "".join(c for c in str(cell) if c == "\n" or unicodedata.category(c) not in _UNSEEN).strip()


def one_line(text: str) -> str:
    """A name: where Excel breaks the line is no part of it, nor are title marks around all of it."""
    return re.sub(r"^《([^《》]*)》$", r"\1", re.sub(r"\s*\n\s*", "", text))


def parts(text: str) -> list[str]:
    """What stands in one cell, separated by semicolons or line breaks."""
    return [part.strip() for part in _SPLIT.split(text) if part.strip()]


def day(text: str) -> dt.date | None:
    """A day as people write it («2026-01-31», «2026/1/31», «2026年1月31日»); None where it is none."""
    match = _DAY.fullmatch(text)
    try:
        return dt.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def write_book(path: Path, sheets: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Write a workbook of text cells; what Excel would take for a formula is written so that it stays text.

    Args:
        sheets: rows by name of the sheet, the headings first.

    Raises:
        UsageError: the file cannot be written.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for line in rows:
            sheet.append([f"'{cell}" if _FORMULA.match(cell) else cell for cell in line])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        for column, heading in enumerate(rows[0], start=1):
            sheet.column_dimensions[get_column_letter(column)].width = max(14, 2 * len(heading) + 4)
        sheet.freeze_panes = "A2"
    try:
        book.save(path)
    except OSError as error:
        raise UsageError(f"{path}：写不进去（{error.strerror}）。") from error
