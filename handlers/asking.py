"""Plain text is a question."""

from dataclasses import replace

from actions import questions
from actions.cards import verdict as cards
from actions.message import Incoming, say
from actions.transaction import Tx
from handlers.context import Act, Context, Outcome, just

_RECORDED = {"answered", "choices", "unknown"}


def ask(incoming: Incoming, context: Context, text: str) -> Act:
    """Answer a question and record it."""
    verdict = context.library.ask(text, context.place, context.now.date(), context.state.turn)
    state = replace(context.state, turn=verdict.turn, dialogue=None)

    def act(tx: Tx) -> Outcome:
        row = None
        if verdict.status in _RECORDED and verdict.reason != "empty":
            row = questions.do_record(
                tx,
                channel=incoming.channel,
                address=incoming.address,
                text=text,
                verdict=verdict,
                now=context.now,
            )
        return Outcome(cards.reply(verdict, context.library, row), state)

    return act


def unhelpful(incoming: Incoming, context: Context, argument: str) -> Act:
    """Note that an answer did not help."""
    if not argument.isdecimal() or len(argument) > 18:
        return just(context.state, say("这个按钮已经不用了，请直接输入问题。"))

    def act(tx: Tx) -> Outcome:
        noted = questions.do_mark_unhelpful(
            tx, question=int(argument), channel=incoming.channel, address=incoming.address
        )
        words = "已记下，谢谢您告诉我；问题会转给知识库维护人员。" if noted else "这条问题已经不在了，请重新提问。"
        return Outcome((say(words),), context.state)

    return act
