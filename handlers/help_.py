"""Greeting, help, and the way out of any dialogue."""

from dataclasses import replace

from actions.message import Block, Incoming, Reply, say
from handlers.context import Act, Context, just

MENU = (
    ("help", "使用说明"),
    ("place", "选择工作地区"),
    ("lists", "四张清单"),
    ("steps", "办案程序"),
    ("cancel", "退出当前操作"),
)
"""Commands everyone has, with their names in the menu."""


def start(_incoming: Incoming, context: Context, _argument: str) -> Act:
    """The first words of a chat."""
    return just(replace(context.state, dialogue=None), _help(context))


def help_(_incoming: Incoming, context: Context, _argument: str) -> Act:
    """What one can do here."""
    return just(context.state, _help(context))


def cancel(_incoming: Incoming, context: Context, _argument: str) -> Act:
    """Leave whatever dialogue is open."""
    words = "已退出。请直接输入问题。" if context.state.dialogue else "现在没有进行中的操作。请直接输入问题。"
    return just(replace(context.state, dialogue=None), say(words))


def _help(context: Context) -> Reply:
    return Reply(
        (
            Block("lead", "我是执法助手：回答四张清单和办案程序的问题，每条都注明依据，不知道的会说「不确定」。"),
            Block(
                "points",
                "直接输入问题，例如：",
                ("首违不罚要什么条件", "听证几天内申请", "处罚法57条", "登记保存几天内处理"),
            ),
            Block("points", "命令：", tuple(f"/{name} {label}" for name, label in MENU)),
            Block(
                "note",
                f"现在按「{context.place.replace('/', '')}」回答。请不要输入当事人的姓名、证件号和电话。",
            ),
        )
    )
