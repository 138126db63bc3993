"""A bureau's own list, from a table it fills in Excel to entries of the overlay folder.

The table has a sheet about the list itself and one with its items. Nothing is written unless every row is
right and the content loads with it; importing the same list again takes the place of what it wrote before.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import fuzz

from actions.sheets import Row, read_book, write_book
from knowledge.catalogue.citations import Citation
from knowledge.catalogue.lint import lint
from knowledge.catalogue.load import Content, Item, load
from knowledge.catalogue.model import Offence
from knowledge.catalogue.registers import Registers
from zhifa_errors import ContentError, UsageError

_ABOUT = "清单"
_ITEMS = "事项"
_HELP = "填写说明"
_ABOUT_FIELDS = ("清单名称", "文号", "发布机关", "适用地区", "发布日期", "施行日期", "截止日期")
_COLUMNS = ("违法行为", "俗称", "领域", "清单类型", "适用条件", "不适用情形", "处罚依据", "处理措施", "违法行为编号")
_SPLIT = re.compile(r"[；;\n]+")
_NEAR = 80
LISTS = {
    "轻微不罚": ("no_penalty_minor", "行政处罚法第33条第1款"),
    "首违不罚": ("no_penalty_first_offence", "行政处罚法第33条第1款"),
    "无主观过错不罚": ("no_penalty_no_fault", "行政处罚法第33条第2款"),
    "从轻": ("lighter", "行政处罚法第32条"),
    "减轻": ("mitigated", "行政处罚法第32条"),
    "不予强制": ("no_coercive_measure", "行政强制法第16条第2款"),
}
"""Names of the lists as the table writes them: the kind, and what the lenience rests on."""


@dataclass
class Draft:
    """What a table would become.

    Attributes:
        files: content of each file below the overlay folder, as YAML data.
        mark: what the names of its files end with, before `.yaml`.
        items: number of list items, `offences`: of new offences, `known`: of items of offences held already.
        errors: what must be put right, one line a fault; with any of them nothing is written.
        notes: what to look at, one line each.
    """

    title: str = ""
    mark: str = ""
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    items: int = 0
    offences: int = 0
    known: int = 0
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def write_template(path: Path, registers: Registers) -> None:
    """Write the empty table, with a page that says how to fill it in.

    Raises:
        UsageError: the file cannot be written.
    """
    fields = "、".join(row.name for row in registers.domains.by_id.values())
    places = "、".join(registers.places.by_path)
    explained = [
        ("清单名称", "必填。清单的全称"),
        ("文号", "没有就空着"),
        ("发布机关", "必填"),
        ("适用地区", f"必填，写到最具体的一级：{places}"),
        ("发布日期", "例如 2026-01-31"),
        ("施行日期", "例如 2026-03-01。空着的，查询时只提示「效力待核」，不作为现行清单回答"),
        ("截止日期", "有效期最后一天，没有就空着"),
        ("违法行为", "必填，每行一项，用法律文书上的叫法，40 字以内"),
        ("俗称", "执法人员平时怎么说，多个用分号隔开；写得越多越容易查到"),
        ("领域", f"必填：{fields}"),
        ("清单类型", f"必填：{'、'.join(LISTS)}"),
        ("适用条件", "须同时具备的条件，多个用分号隔开"),
        ("不适用情形", "多个用分号隔开"),
        ("处罚依据", "例如 食品安全法第124条第1款第5项，多个用分号隔开"),
        ("处理措施", "例如 责令改正；批评教育"),
        ("违法行为编号", "一般空着；要并入已有的违法行为时，填导入预览里给出的编号"),
    ]
    write_book(
        path,
        {
            _ABOUT: [("项目", "填写"), *((name, "") for name in _ABOUT_FIELDS)],
            _ITEMS: [_COLUMNS],
            _HELP: [("栏目", "怎么填"), *explained],
        },
    )


def check_list(path: Path, content: Content, today: date) -> Draft:
    """Read a table and say what it would become; changes nothing.

    Args:
        content: what is held already, for known offences, places, fields and statutes.

    Raises:
        UsageError: it is no workbook of this form.
    """
    book = read_book(path)
    missing = [name for name in (_ABOUT, _ITEMS) if name not in book]
    if missing:
        raise UsageError(
            f"{path}：缺少工作表「{'」「'.join(missing)}」，请用 --template 生成的空表填写。没有导入任何内容。"
        )
    reading = _Reading(content, today)
    about = {row.cells.get("项目", ""): row.cells.get("填写", "") for row in book[_ABOUT]}
    if reading.about(about):
        for row in book[_ITEMS]:
            reading.item(row)
        if not book[_ITEMS]:
            reading.draft.errors.append(f"{_ITEMS}：没有内容")
    return reading.draft


def try_list(draft: Draft, overlay: Path, folders: Sequence[Path], today: date) -> list[str]:
    """Load and lint the content as it would be with the draft; changes nothing.

    Args:
        folders: content folders below the overlay, the bundled one first.

    Returns:
        What a careful reader would strike out of the new entries, one line each.

    Raises:
        ContentError: the content does not load with it.
    """
    with tempfile.TemporaryDirectory() as aside:
        trial = Path(aside) / "overlay"
        if overlay.is_dir():
            shutil.copytree(overlay, trial)
        _write(draft, trial)
        own = {str(trial / name) for name in draft.files}
        try:
            found = lint(load([*folders, trial]), today)
        except ContentError as error:
            raise ContentError([line.replace(str(trial), str(overlay)) for line in error.problems]) from None
        return [line.replace(str(trial), str(overlay)) for line in found if line.split(":", 1)[0] in own]


def do_import_list(draft: Draft, overlay: Path, folders: Sequence[Path], today: date) -> list[Path]:
    """Write a draft without errors into the overlay folder, where it is answered from at once.

    Returns:
        The files written.

    Raises:
        UsageError: the draft has errors.
        ContentError: the content does not load with it; the overlay is as it was.
    """
    if draft.errors:
        raise UsageError("表格里还有错误，没有导入任何内容。")
    try_list(draft, overlay, folders, today)
    return _write(draft, overlay)


def _write(draft: Draft, folder: Path) -> list[Path]:
    """Write the files of a list, and take away what an earlier import of it wrote besides."""
    targets = {folder / name: rows for name, rows in draft.files.items()}
    for earlier in folder.rglob(f"*{draft.mark}.yaml"):
        if earlier not in targets:
            earlier.unlink()
    for target, rows in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.new")
        aside.write_text(yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=1000), encoding="utf-8")
        aside.replace(target)
    return list(targets)


class _Reading:
    """One table being read."""

    def __init__(self, content: Content, today: date) -> None:
        self.content, self.today, self.draft = content, today, Draft()
        self._offences: dict[str, Item] = {}
        self._source: dict[str, Any] = {}
        self._place = self._slug = self._key = ""
        self._seen: dict[str, int] = {}

    def about(self, cells: Mapping[str, str]) -> bool:
        """The sheet about the list; False where the items cannot be read without it."""
        errors = self.draft.errors
        errors += [
            f"{_ABOUT}：「{name}」没有填" for name in ("清单名称", "发布机关", "适用地区") if not cells.get(name)
        ]
        days = {name: self._day(f"{_ABOUT}「{name}」", cells.get(name, "")) for name in _ABOUT_FIELDS[-3:]}
        place = self.content.registers.places.find(cells.get("适用地区", ""))
        if cells.get("适用地区") and place is None:
            known = "、".join(self.content.registers.places.by_path)
            errors.append(
                f"{_ABOUT}：「{cells['适用地区']}」不在地区表里，请先在覆盖目录的 places.yaml 加上；现有：{known}"
            )
        if errors or place is None:
            return False
        if days["施行日期"] is None:
            self.draft.notes.append(f"{_ABOUT}：没有施行日期，查询时只提示「效力待核」，不作为现行清单回答")
        self._place, self._slug = place, self.content.registers.places.by_path[place].slug
        title, number = cells["清单名称"], cells.get("文号") or None
        self._key = _hash(f"{place}|{number or title}")
        self.draft.title, self.draft.mark = title, f".list-{self._key}"
        self._offences = {
            name: item
            for item in self.content.items.values()
            if isinstance(item.entry, Offence) and f"{self.draft.mark}.yaml:" not in item.where
            for name in (item.entry.title, *item.entry.ask)
        }
        self._source = {
            "id": f"list-{self._key}",
            "title": title,
            "short": number or title,
            "level": "document",
            "number": number,
            "issuer": cells["发布机关"],
            "place": place,
            "versions": [{"promulgated": days["发布日期"], "from": days["施行日期"], "until": days["截止日期"]}],
        }
        self.draft.files[f"sources{self.draft.mark}.yaml"] = [self._source]
        return True

    def item(self, row: Row) -> None:
        """One item of the list."""
        at, cells = f"{_ITEMS}第 {row.number} 行", row.cells
        before = len(self.draft.errors)
        unknown = [name for name in cells if name not in _COLUMNS]
        self.draft.errors += [f"{at}：没有「{name}」这一栏" for name in unknown]
        name, listed, domain = cells.get("违法行为", ""), cells.get("清单类型", ""), self._domain(cells.get("领域", ""))
        self.draft.errors += [
            f"{at}：「{column}」没有填" for column in ("违法行为", "领域", "清单类型") if column not in cells
        ]
        if name and not 2 <= len(name) <= 60:
            self.draft.errors.append(f"{at}：违法行为要 2 到 60 个字，现有 {len(name)} 个")
        if listed and listed not in LISTS:
            self.draft.errors.append(f"{at}：清单类型「{listed}」不认识，请填：{'、'.join(LISTS)}")
        if cells.get("领域") and domain is None:
            self.draft.errors.append(f"{at}：领域「{cells['领域']}」不认识，请看填写说明")
        if (twin := self._seen.setdefault(f"{name}|{listed}", row.number)) != row.number:
            self.draft.errors.append(f"{at}：与第 {twin} 行重复")
        self.draft.errors += list(self._basis_faults(at, cells))
        offence = self._offence(at, name, domain or "", cells) if len(self.draft.errors) == before else None
        if offence and domain:
            self._add(domain, self._list_item(name, listed, offence, cells))
            self.draft.items += 1

    def _basis_faults(self, at: str, cells: Mapping[str, str]) -> Iterator[str]:
        sources = self.content.registers.sources
        for text in _parts(cells.get("处罚依据", "")):
            parsed = sources.parse(text)
            if isinstance(parsed, str) and sources.named(text):
                yield f"{at}：处罚依据「{text}」不对，这部法律里没有这一条（款、项）"
            elif isinstance(parsed, str):
                self.draft.notes.append(f"{at}：处罚依据「{text}」的法律本库没有收录，照原样保留")

    def _offence(self, at: str, name: str, domain: str, cells: Mapping[str, str]) -> str | None:
        """The id of the offence of a row: one held already, or a new one that is added."""
        if wanted := cells.get("违法行为编号"):
            held = self.content.items.get(wanted)
            if held is None or not isinstance(held.entry, Offence):
                self.draft.errors.append(f"{at}：没有编号为「{wanted}」的违法行为")
                return None
            self.draft.known += 1
            return wanted
        if name in self._offences:
            self.draft.known += 1
            return self._offences[name].entry.id
        if near := self._near(name):
            self.draft.notes.append(
                f"{at}：与已有的「{near.entry.title}」相近；是同一种的，请在「违法行为编号」填 {near.entry.id}"
            )
        offence_id = f"offence.own.{_hash(name)}"
        lay = [part for part in _parts(cells.get("俗称", "")) if part != name]
        if not lay:
            self.draft.notes.append(f"{at}：没有填俗称，只能按「{name}」查到")
        basis = _parts(cells.get("处罚依据", ""))
        self._add(
            domain,
            {
                "id": offence_id,
                "kind": "offence",
                "title": name,
                "ask": [part for part in lay if 2 <= len(part) <= 60],
                "penalty_basis": basis,
                "cites": [text for text in basis if isinstance(self.content.registers.sources.parse(text), Citation)],
                "in_force": {"from": self._from(), "until": None},
                "checked": self.today.isoformat(),
            },
        )
        self.draft.offences += 1
        return offence_id

    def _list_item(self, name: str, listed: str, offence: str, cells: Mapping[str, str]) -> dict[str, Any]:
        kind, lenience = LISTS[listed]
        version = self._source["versions"][0]
        return {
            "id": f"list.own.{self._key}.{_hash(name + kind)}",
            "kind": "list_item",
            "title": name,
            "offence": offence,
            "list": kind,
            "conditions": _parts(cells.get("适用条件", "")),
            "exclusions": _parts(cells.get("不适用情形", "")),
            "penalty_basis": _parts(cells.get("处罚依据", "")),
            "lenience_basis": [lenience],
            "handling": _parts(cells.get("处理措施", "")),
            "source": self._source["title"],
            "issuer": self._source["issuer"],
            "published": version["promulgated"],
            "list_status": "as_published",
            "basis_origin": "page",
            "confidence": "full",
            "cites": [self._source["short"], lenience],
            "in_force": {"from": version["from"], "until": version["until"]},
            "checked": self.today.isoformat(),
        }

    def _add(self, domain: str, entry: dict[str, Any]) -> None:
        rows = self.draft.files.setdefault(f"{self._slug}/{domain}{self.draft.mark}.yaml", [])
        if all(row["id"] != entry["id"] for row in rows):
            rows.append({key: value for key, value in entry.items() if value not in (None, [])} | _kept(entry))

    def _from(self) -> str:
        version = self._source["versions"][0]
        return version["from"] or self.today.isoformat()

    def _near(self, name: str) -> Item | None:
        scored = ((fuzz.ratio(name, known), known) for known in self._offences)
        score, known = max(scored, default=(0.0, ""))
        return self._offences[known] if score >= _NEAR else None

    def _domain(self, name: str) -> str | None:
        rows = self.content.registers.domains.by_id.values()
        return next((row.id for row in rows if name and name in (row.id, row.name, *row.aliases)), None)

    def _day(self, where: str, text: str) -> str | None:
        if not text:
            return None
        try:
            return date.fromisoformat(text.replace("/", "-").replace(".", "-")).isoformat()
        except ValueError:
            self.draft.errors.append(f"{where}：「{text}」不是日期，请写成 2026-01-31")
            return None


def _kept(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that must be there even when they are empty."""
    return {name: entry[name] for name in ("cites", "in_force") if name in entry}


def _parts(text: str) -> list[str]:
    return [part.strip() for part in _SPLIT.split(text) if part.strip()]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def preview(draft: Draft) -> Iterable[str]:
    """A draft as lines to read before it is written."""
    yield f"清单：{draft.title or '（未读出）'}"
    yield f"事项 {draft.items} 项，其中并入已有违法行为 {draft.known} 项，新增违法行为 {draft.offences} 项"
    yield from (f"提示  {note}" for note in draft.notes)
    yield from (f"错误  {error}" for error in draft.errors)
