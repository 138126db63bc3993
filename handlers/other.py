"""What came in and is no text: one kind line on what to do instead."""

from actions.events import do_note_reach
from actions.message import Incoming, say
from actions.transaction import Tx
from handlers.context import Act, Context, Outcome, just
from handlers.help_ import greet_group

_INSTEAD = {
    "voice": "暂时听不了语音。请用输入法的语音输入转成文字再发。",
    "photo": "暂时看不了图片。请用文字描述情况再提问。",
    "sticker": "收到。有问题请直接用文字输入。",
    "location": "不用发送位置。请用 /place 选择工作地区。",
    "contact": "请不要发送联系人，内容没有保存。有问题请直接用文字输入。",
    "document": "暂时不能读取文件。请用文字描述问题再提问。",
}
_ELSE = "暂时只能处理文字。请用文字输入您的问题。"


def other(incoming: Incoming, context: Context) -> Act:
    """Say what to do instead; in a group nobody asked."""
    if incoming.group:
        return just(context.state)
    return just(context.state, say(_INSTEAD.get(incoming.text, _ELSE)))


def member(incoming: Incoming, context: Context) -> Act:
    """Note who can be written to; greet a group."""
    greeting = greet_group(context) if incoming.text == "added" else just(context.state)

    def act(tx: Tx) -> Outcome:
        do_note_reach(tx, incoming, context.now)
        return greeting(tx)

    return act
