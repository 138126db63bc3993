"""Words that several cards share, as officers read them."""

from datetime import date

from knowledge.catalogue.citations import Citation
from knowledge.catalogue.registers import Registers

UNITS = {"hour": "小时", "workday": "个工作日", "day": "日", "month": "个月", "year": "年"}
KINDS = {
    "rule": "规则",
    "procedure": "步骤",
    "time_limit": "期限",
    "requirement": "要求",
    "term": "名词",
    "offence": "违法行为",
    "list_item": "清单事项",
    "task": "任务",
    "case": "案例",
}
LISTS = {
    "no_penalty_minor": "轻微违法不予处罚",
    "no_penalty_first_offence": "首次违法可以不予处罚",
    "no_penalty_no_fault": "无主观过错不予处罚",
    "lighter": "从轻处罚",
    "mitigated": "减轻处罚",
    "no_coercive_measure": "不予采取行政强制措施",
}
FORCE = {
    "no_penalty_minor": "轻微违法，应当不予处罚",
    "no_penalty_first_offence": "首次违法，可以不予处罚",
    "no_penalty_no_fault": "没有主观过错，应当不予处罚",
    "lighter": "从轻处罚",
    "mitigated": "减轻处罚",
    "no_coercive_measure": "可以不采取行政强制措施",
}
"""What each list means for the case in hand: 不予 is must, 可以不予 is may."""
SHORT = {
    "no_penalty_minor": "轻微不罚",
    "no_penalty_first_offence": "首违不罚",
    "no_penalty_no_fault": "无主观过错不罚",
    "lighter": "从轻",
    "mitigated": "减轻",
    "no_coercive_measure": "不予强制",
}
"""What officers call each list, and how a table of a bureau names it."""


def basis(registers: Registers, cites: tuple[Citation, ...], most: int = 3) -> str:
    """Citations as one line: articles of the same source together, the leading one first."""
    shown = [registers.sources.show(cite) for cite in cites[:most]]
    more = "等" if len(cites) > most else ""
    merged: list[str] = []
    last = ""
    for text, cite in zip(shown, cites, strict=False):
        name = registers.sources.show(Citation(cite.source))
        if name == last and cite.article is not None:
            merged[-1] += "、" + text.removeprefix(name)
        else:
            merged.append(text)
        last = name
    return "；".join(merged) + more


def day(value: date) -> str:
    """A date as people write it."""
    return f"{value.year}年{value.month}月{value.day}日"
