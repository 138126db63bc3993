"""Enrolling with a code, and who one is here."""

from collections.abc import Mapping
from dataclasses import replace

from actions.message import Block, Incoming, Reply, say
from actions.people import NotRedeemed, Reason, do_redeem, list_channels
from actions.permissions import Person, Role
from actions.transaction import Tx
from handlers.context import Act, Context, Outcome, just

ROLES: Mapping[Role, str] = {
    "officer": "执法人员",
    "supervisor": "法制监督",
    "curator": "知识库维护",
    "admin": "管理员",
}
"""Roles as people read them."""

_CHANNELS: Mapping[str, str] = {"web": "网页", "console": "终端", "telegram": "Telegram"}
_ASK_FOR_ANOTHER = "登记没有变动；请向本单位法制科要一个新的。"
_WHY: Mapping[Reason, str] = {
    "code_unknown": "没有这个邀请码，登记没有变动；请核对后再发，或者向本单位法制科要一个新的。",
    "code_expired": "这个邀请码已经失效，" + _ASK_FOR_ANOTHER,
    "code_used": "这个邀请码已经用过，" + _ASK_FOR_ANOTHER,
    "too_many_attempts": "邀请码输错的次数太多，这一次没有核对；请 1 小时后再试，或者联系本单位法制科。",
    "person_inactive": "您的登记已经停用，没有改动；请联系本单位法制科。",
}


def start(incoming: Incoming, context: Context, argument: str) -> Act:
    """`/start CODE`: enrol; the chat works in the unit's place from then on, unless one was chosen."""

    def act(tx: Tx) -> Outcome:
        state = replace(context.state, dialogue=None)
        outcome = do_redeem(tx, incoming.channel, incoming.sender, incoming.name, argument, context.now)
        if isinstance(outcome, NotRedeemed):
            return Outcome((say(_WHY[outcome.reason]),), state)
        person = outcome.person
        begins, ends = ("已登记", "") if outcome.changed else ("之前已登记", "这次没有变动。")
        words = f"您好，{begins}{_who(person)}。{ends}直接输入问题即可；登记情况见 /me。"
        if state.place is None and person.place in context.library.registers.places.by_path:
            state = replace(state, place=person.place)
        return Outcome((say(words),), state)

    return act


def _who(person: Person) -> str:
    name = f"为{person.name}" if person.name else ""
    unit = f"单位：{person.unit}，" if person.unit else ""
    return f"{name}（{unit}角色：{ROLES[person.role]}）"


def me(_incoming: Incoming, context: Context, _argument: str) -> Act:
    """`/me`: what is known of the person, or how to enrol."""
    person = context.person
    if person is None:
        return just(context.state, say("您还没有登记。请向本单位法制科要邀请码，然后发送：/start 邀请码"))
    return lambda tx: Outcome((_card(person, list_channels(tx, person)),), context.state)


def _card(person: Person, channels: list[str]) -> Reply:
    facts = {
        "姓名": person.name or "未填写姓名",
        "角色": ROLES[person.role],
        "单位": person.unit or "未指定",
        "地区": (person.place or "未指定").replace("/", ""),
        "工号": f"尾号 {person.staff_no[-2:]}" if person.staff_no else "未填写",
        "聊天账号": "、".join(dict.fromkeys(_CHANNELS.get(channel, channel) for channel in channels)),
    }
    return Reply((Block("points", "您已登记：", tuple(f"{name}：{value}" for name, value in facts.items())),))
