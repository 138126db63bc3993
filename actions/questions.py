"""Recording what was asked, and whether the answer helped."""

from datetime import datetime

from actions.privacy import mask
from actions.transaction import Tx
from knowledge.search.verdict import Verdict
from store import questions

_LONGEST = 500


def do_record(tx: Tx, *, channel: str, address: str, text: str, verdict: Verdict, now: datetime) -> int:
    """Record a question with its verdict, personal numbers masked; returns its row id."""
    return questions.add(
        tx,
        channel=channel,
        address=address,
        text=mask(text)[:_LONGEST],
        place=verdict.place,
        status=verdict.status,
        reason=verdict.reason,
        entry=verdict.match.entry if verdict.match else None,
        score=round(verdict.score, 4),
        now=now,
    )


def do_mark_unhelpful(tx: Tx, *, question: int, channel: str, address: str) -> bool:
    """Note that an answer did not help; False where the question is not this chat's."""
    return questions.mark_unhelpful(tx, question, channel, address)


def do_forget_texts(tx: Tx, before: datetime) -> int:
    """Drop the wording of questions asked before an instant, keep entry and counts; returns how many."""
    return questions.forget_texts(tx, before)
