"""Small content folders for tests: the bundled registers, cut down, and a few good entries."""

import shutil
from pathlib import Path

from knowledge.catalogue.load import BUNDLED

_SOURCES = ("xzcf", "spaq", "lzbf-2023-18", "gbf-2022-27")

RULE = """\
- id: test.rule
  kind: rule
  title: 初次违法轻罚
  ask: [第一次违法罚不罚, 头一回犯事怎么办, 初次违法能免吗, 首违要什么条件]
  answer: 初次违法且危害后果轻微并及时改正的，可以不予行政处罚。
  force: may
  cites: [行政处罚法第33条第1款]
  in_force: {from: 2021-07-15, until: null}
  checked: 2026-11-21
"""
"""One written entry: id on line 1, kind 2, title 3, ask 4, answer 5, force 6, cites 7, in_force 8, checked 9."""

GOOD = """\
- id: good.apply-by
  kind: time_limit
  title: 申请听证的期限
  ask: [听证几天内申请, 多久之内可以要求听证, 当事人要听证最晚哪天提, 听证申请期限]
  answer: 当事人要求听证的，应当在行政机关告知后 5 个工作日内提出。
  length: 5
  unit: workday
  starts: 行政机关告知听证权利
  cites: [行政处罚法第64条第1项]
  in_force: {from: 2021-07-15, until: null}
  checked: 2026-11-21
- id: good.steps
  kind: procedure
  title: 先行登记保存怎么办
  ask: [先行登记保存怎么操作, 证据可能灭失怎么办, 登记保存要什么手续, 先登保存流程]
  answer: 证据可能灭失的，经行政机关负责人批准可以先行登记保存。
  steps: [{do: 报负责人批准}, {do: 作出处理决定, time_limit: good.apply-by}]
  cites: [行政处罚法第56条]
  in_force: {from: 2021-07-15, until: null}
  checked: 2026-11-21
  related: [good.apply-by]
- id: good.offence
  kind: offence
  title: 经营超过保质期的食品
  ask: [卖过期食品]
  penalty_basis: [食品安全法第124条第1款第5项]
  cites: [食品安全法第124条第1款第5项]
  in_force: {from: 2025-12-01, until: null}
  checked: 2026-11-21
"""


def write_base(folder: Path) -> Path:
    """A folder that loads: places, fields, four sources, and `GOOD` as the nation's general entries."""
    (folder / "national").mkdir(parents=True)
    for name in ("places.yaml", "domains.yaml"):
        shutil.copy(BUNDLED / name, folder / name)
    blocks = (BUNDLED / "sources.yaml").read_text(encoding="utf-8").split("\n- id: ")
    kept = [block for block in blocks if block.split("\n", 1)[0] in _SOURCES]
    (folder / "sources.yaml").write_text("".join(f"- id: {block}\n" for block in kept), encoding="utf-8")
    (folder / "national/general.yaml").write_text(GOOD, encoding="utf-8")
    return folder


def write(folder: Path, name: str, text: str) -> Path:
    """A file of a content folder, with the folders above it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str, text: str = RULE) -> str:
    """The text with one thing changed, which must stand in it exactly once."""
    assert text.count(old) == 1, old
    return text.replace(old, new)
