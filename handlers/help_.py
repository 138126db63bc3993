"""Greeting, help, the way out of any dialogue, and what may be done by whom."""

from dataclasses import dataclass, replace

from actions.message import Block, Button, Incoming, Reply, say
from actions.permissions import Person
from handlers import entries, people
from handlers.context import Act, Context, check_asking, just


@dataclass(frozen=True)
class Item:
    """A line of the command menu.

    Attributes:
        enrolled: only for those who are enrolled.
        personal: only in the private chat.
    """

    name: str
    label: str
    enrolled: bool = False
    personal: bool = False


MENU = (
    Item("place", "选择工作地区"),
    Item("lists", "四张清单"),
    Item("steps", "办案程序"),
    Item("me", "我的登记", enrolled=True, personal=True),
    Item("help", "使用说明"),
    Item("cancel", "退出当前操作"),
)
"""Commands with their names in the menu. Help and the way out stand last: they are needed least."""


def menu(person: Person | None) -> tuple[Item, ...]:
    """The command menu of a person, or of anybody."""
    return tuple(item for item in MENU if person is not None or not item.enrolled)


def start(incoming: Incoming, context: Context, argument: str) -> Act:
    """The first words of a chat, or what a link or an enrolment code leads to."""
    if argument == "me":
        return people.me(incoming, context, "")
    if argument.startswith(entries.LINK):
        check_asking(context)
        return entries.open_(incoming, context, entries.from_payload(argument))
    if argument and argument != "help":
        return people.start(incoming, context, argument)
    return just(replace(context.state, dialogue=None), _help(context))


def help_(_incoming: Incoming, context: Context, _argument: str) -> Act:
    """What one can do here."""
    return just(context.state, _help(context))


def cancel(_incoming: Incoming, context: Context, _argument: str) -> Act:
    """Leave whatever dialogue is open."""
    words = "已退出。请直接输入问题。" if context.state.dialogue else "现在没有进行中的操作。请直接输入问题。"
    return just(replace(context.state, dialogue=None), say(words))


def in_private(context: Context, payload: str) -> Act:
    """In a group: what is personal is for the private chat."""
    return just(context.state, say("这是您个人的事项，请到私聊里办理。", (Button("去私聊", f"chat:{payload}"),)))


def greet_group(context: Context) -> Act:
    """First words in a group."""
    words = "大家好，我是执法助手。在群里请用 @ 提到我或回复我的消息来提问，个人事项请私聊我。"
    return just(context.state, say(words, (Button("去私聊", "chat:help"),)))


def _help(context: Context) -> Reply:
    listed = tuple(f"/{item.name} {item.label}" for item in menu(context.person))
    return Reply(
        (
            Block("lead", "我是执法助手：回答四张清单和办案程序的问题，每条都注明依据，不知道的会说「不确定」。"),
            Block(
                "points",
                "直接输入问题，例如：",
                ("首违不罚要什么条件", "听证几天内申请", "处罚法57条", "登记保存几天内处理"),
            ),
            Block("points", "命令：", listed),
            Block(
                "note",
                f"现在按「{context.place.replace('/', '')}」回答。请不要输入当事人的姓名、证件号和电话。",
            ),
        )
    )
