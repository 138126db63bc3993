"""A bureau's own list, from a table it fills in Excel to entries of the overlay folder.

The table has a sheet about the list itself and one with its items. Nothing is written unless every row is
right and the content loads with it; importing the same list again takes the place of what it wrote before.
"""

import hashlib
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import fuzz, process

from actions.cards.words import SHORT
from actions.sheets import Row, day, one_line, parts, read_book, write_book
from knowledge.catalogue.citations import Citation
from knowledge.catalogue.lint import lint
from knowledge.catalogue.load import LIKE_A_BASIS, Content, Item, load
from knowledge.catalogue.model import Offence
from knowledge.catalogue.registers import Registers
from knowledge.listing import GENERAL
from zhifa_errors import ContentError, UsageError

_ABOUT = "清单"
_ITEMS = "事项"
_HELP = "填写说明"
_ABOUT_FIELDS = ("清单名称", "文号", "发布机关", "适用地区", "发布日期", "施行日期", "截止日期")
_NEEDED = ("清单名称", "发布机关", "适用地区")
_COLUMNS = ("违法行为", "俗称", "领域", "清单类型", "适用条件", "不适用情形", "处罚依据", "处理措施", "违法行为编号")
_NEAR = 80
_LONGEST = 600
_SINCE = date(2021, 7, 15)
"""First day of the 行政处罚法 in force: a conduct is an offence before a list names it."""
_ROWS_A_FILE = 150
"""So many entries of one field go into one file; `load` takes no larger ones."""
LISTS = {name: kind for kind, name in SHORT.items()}
"""Kinds of lists by the names the table writes them with."""


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
        UsageError: there is such a file already, or it cannot be written.
    """
    if path.exists():
        raise UsageError(f"{path} 已经存在，没有改动；请换一个文件名。")
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
        UsageError: the draft has errors, or the folder cannot be written.
        ContentError: the content does not load with it; the overlay is as it was.
    """
    if draft.errors:
        raise UsageError("表格里还有错误，没有导入任何内容。")
    try_list(draft, overlay, folders, today)
    return _write(draft, overlay)


def _write(draft: Draft, folder: Path) -> list[Path]:
    """Write the files of a list, and take away what an earlier import of it wrote besides.

    All are written aside first, so that little can come between those of the old list and those of the new.
    """
    asides: dict[Path, Path] = {}
    try:
        for name, rows in draft.files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            asides[target] = target.with_name(f".{target.name}.new")
            text = yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=1000)
            asides[target].write_text(text, encoding="utf-8")
        for earlier in set(folder.rglob(f"*{draft.mark}.yaml")) - set(asides):
            earlier.unlink()
        for target, aside in asides.items():
            aside.replace(target)
    except OSError as error:
        raise UsageError(f"{folder}：写不进去（{error.strerror}）。") from error
    return list(asides)


class _Reading:
    """One table being read."""

    def __init__(self, content: Content, today: date) -> None:
        self.content, self.today, self.draft = content, today, Draft()
        self._offences: dict[str, Item] = {}
        self._source: dict[str, Any] = {}
        self._new: dict[str, str] = {}
        self._sources = content.registers.sources
        rows = content.registers.domains.by_id.values()
        self._domains = {name: row.id for row in rows for name in (row.id, row.name, *row.aliases)}
        self._place = self._slug = self._key = ""
        self._seen: dict[str, int] = {}
        self._added: Counter[str] = Counter()

    def about(self, cells: Mapping[str, str]) -> bool:
        """The sheet about the list; False where the items cannot be read without it."""
        errors = self.draft.errors
        errors += [f"{_ABOUT}：「{name}」没有填" for name in _NEEDED if not cells.get(name)]
        days = {name: self._day(f"{_ABOUT}「{name}」", cells.get(name, "")) for name in _ABOUT_FIELDS[-3:]}
        place = self.content.registers.places.find(cells.get("适用地区", ""))
        if cells.get("适用地区") and place is None:
            known = f"现有：{'、'.join(self.content.registers.places.by_path)}"
            errors.append(f"{_ABOUT}：「{cells['适用地区']}」不在地区表里，请先在覆盖目录的 places.yaml 加上；{known}")
        promulgated, since, until = days.values()
        if since and (since < (promulgated or since) or since > (until or since)):
            errors.append(f"{_ABOUT}：发布日期、施行日期、截止日期的先后不对")
        if errors or place is None:
            return False
        if since is None:
            self.draft.notes.append(f"{_ABOUT}：没有施行日期，查询时只提示「效力待核」，不作为现行清单回答")
        self._place, self._slug = place, self.content.registers.places.by_path[place].slug
        title, number = one_line(cells["清单名称"]), one_line(cells.get("文号", "")) or None
        self._key = _hash(f"{place}|{number or title}")
        self.draft.title, self.draft.mark = title, f".list-{self._key}"
        if not self._name_is_free(title, number):
            return False
        chain = self.content.registers.places.chain(place)
        own, items = f"{self.draft.mark}.yaml:", self.content.items.values()
        held = [i for i in items if isinstance(i.entry, Offence) and i.place in chain and own not in i.where]
        self._offences = {name: item for item in held for name in (item.entry.id, *item.entry.ask)}
        self._offences |= {item.entry.title: item for item in held}
        self._source = {
            "id": f"list-{self._key}",
            "title": title,
            "short": number or title,
            "level": "document",
            "number": number,
            "issuer": one_line(cells["发布机关"]),
            "place": place,
            "versions": [{"promulgated": promulgated, "from": since, "until": until}],
        }
        self.draft.files[f"sources{self.draft.mark}.yaml"] = [self._source]
        return True

    def _name_is_free(self, title: str, number: str | None) -> bool:
        """Whether no other source has the title or number; says so where another list of this number goes."""
        for name in filter(None, (title, number)):
            other = self._sources.by_id.get(self._sources.names.get(name, ""))
            if other and other.id != f"list-{self._key}":
                self.draft.errors.append(f"{_ABOUT}：本库已收录「{name}」（{other.title}），不能再用这个名称或文号")
            elif other and other.title != title:
                self.draft.notes.append(f"{_ABOUT}：文号相同，将替换以前导入的「{other.title}」")
        return not self.draft.errors

    def item(self, row: Row) -> None:
        """One item of the list."""
        at, cells = f"{_ITEMS}第 {row.number} 行", row.cells
        errors, before = self.draft.errors, len(self.draft.errors)
        errors += [f"{at}：没有「{column}」这一栏" for column in cells if column not in _COLUMNS]
        errors += [f"{at}：「{column}」没有填" for column in ("违法行为", "领域", "清单类型") if column not in cells]
        name, listed = one_line(cells.get("违法行为", "")), cells.get("清单类型", "")
        domain = self._domains.get(cells.get("领域", ""))
        if name and not 2 <= len(name) <= 60:
            errors.append(f"{at}：违法行为要 2 到 60 个字，现有 {len(name)} 个")
        if listed and listed not in LISTS:
            errors.append(f"{at}：清单类型「{listed}」不认识，请填：{'、'.join(LISTS)}")
        if cells.get("领域") and domain is None:
            errors.append(f"{at}：领域「{cells['领域']}」不认识，请看填写说明")
        long = (column for column, text in cells.items() if any(len(part) > _LONGEST for part in parts(text)))
        errors += [f"{at}：「{column}」有一项超过 {_LONGEST} 字" for column in long]
        if name and (twin := self._seen.setdefault(f"{name}|{listed}", row.number)) != row.number:
            errors.append(f"{at}：与第 {twin} 行重复")
        errors += list(self._basis_faults(at, cells))
        offence = self._offence(at, name, domain or "", cells) if len(errors) == before else None
        if offence and domain:
            self._add(domain, self._list_item(name, listed, offence, cells))
            self.draft.items += 1

    def _basis_faults(self, at: str, cells: Mapping[str, str]) -> Iterator[str]:
        for text in _bases(cells):
            parsed = self._sources.parse(text)
            if isinstance(parsed, str) and self._sources.named(text):
                yield f"{at}：处罚依据「{text}」不对，这部法律里没有这一条（款、项）"
            elif isinstance(parsed, str) and not LIKE_A_BASIS.search(text):
                yield f"{at}：处罚依据「{text}」要写明法律和条文，例如 食品安全法第124条"
            elif isinstance(parsed, str):
                self.draft.notes.append(f"{at}：处罚依据「{text}」的法律本库没有收录，照原样保留")

    def _offence(self, at: str, name: str, domain: str, cells: Mapping[str, str]) -> str | None:
        """The id of the offence of a row: one held already, or a new one that is added."""
        wanted = cells.get("违法行为编号")
        if held := self._offences.get(wanted or name):
            self.draft.known += 1
            if held.entry.title != name:
                self.draft.notes.append(f"{at}：并入已有的「{held.entry.title}」")
            return held.entry.id
        if wanted:
            self.draft.errors.append(f"{at}：没有编号为「{wanted}」、适用于{self._place}的违法行为")
            return None
        if name in self._new:
            return self._new[name]
        if near := self._near(name):
            same = f"是同一种的，请在「违法行为编号」填 {near.entry.id}"
            self.draft.notes.append(f"{at}：与已有的「{near.entry.title}」相近；{same}")
        offence_id = self._new[name] = f"offence.own.{_hash(f'{self._place}|{name}')}"
        lay = [part for part in parts(cells.get("俗称", "")) if part != name]
        if not lay:
            self.draft.notes.append(f"{at}：没有填俗称，只能按「{name}」查到")
        unfit = [part for part in lay if not 2 <= len(part) <= 60]
        self.draft.notes += [f"{at}：俗称「{part[:20]}」不收，要 2 到 60 个字" for part in unfit]
        basis = _bases(cells)
        cites = {text: cite for text in basis if isinstance(cite := self._sources.parse(text), Citation)}
        since = [
            v.from_ for cite in [*cites.values()][:1] for v in self._sources.by_id[cite.source].versions if v.from_
        ]
        self._add(
            domain,
            {
                "id": offence_id,
                "kind": "offence",
                "title": name,
                "ask": [part for part in lay if part not in unfit],
                "penalty_basis": basis,
                "cites": list(cites),
                "in_force": {"from": str(min(since, default=_SINCE)), "until": None},
                "checked": self.today.isoformat(),
            },
        )
        self.draft.offences += 1
        return offence_id

    def _list_item(self, name: str, listed: str, offence: str, cells: Mapping[str, str]) -> dict[str, Any]:
        kind = LISTS[listed]
        lenience = GENERAL[kind]
        version = self._source["versions"][0]
        return {
            "id": f"list.own.{self._key}.{_hash(name + kind)}",
            "kind": "list_item",
            "title": name,
            "offence": offence,
            "list": kind,
            "conditions": parts(cells.get("适用条件", "")),
            "exclusions": parts(cells.get("不适用情形", "")),
            "penalty_basis": _bases(cells),
            "lenience_basis": [lenience],
            "handling": parts(cells.get("处理措施", "")),
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
        self._added[domain] += 1
        part = self._added[domain] // _ROWS_A_FILE
        name = f"{self._slug}/{domain}{f'.{part}' if part else ''}{self.draft.mark}.yaml"
        kept = {key: value for key, value in entry.items() if key == "cites" or value not in (None, [])}
        self.draft.files.setdefault(name, []).append(kept)

    def _near(self, name: str) -> Item | None:
        found = process.extractOne(name, self._offences.keys(), scorer=fuzz.ratio, score_cutoff=_NEAR)
        return self._offences[found[0]] if found else None

    def _day(self, where: str, text: str) -> str | None:
        found = day(text)
        if text and not found:
            self.draft.errors.append(f"{where}：「{text}」不是日期，请写成 2026-01-31")
        return found.isoformat() if found else None


def _bases(cells: Mapping[str, str]) -> list[str]:
    """What the penalty rests on, as citations are written: without title marks."""
    return [re.sub("[《》]", "", part) for part in parts(cells.get("处罚依据", ""))]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def preview(draft: Draft) -> Iterable[str]:
    """A draft as lines to read before it is written."""
    yield f"清单：{draft.title or '（未读出）'}"
    yield f"事项 {draft.items} 项，其中并入已有违法行为 {draft.known} 项，新增违法行为 {draft.offences} 项"
    yield from (f"提示  {note}" for note in draft.notes)
    yield from (f"错误  {error}" for error in draft.errors)
