"""Letting go of personal data when its time is over (个人信息保护法 article 19: the shortest time)."""

from datetime import datetime, timedelta

from actions import events, schedule
from actions.questions import do_forget_texts
from actions.schedule import Occurrence
from actions.transaction import Tx

KEPT = timedelta(days=180)
"""How long wording is kept: of questions, and of what was said in chats. Which entry answered stays."""


def run(tx: Tx, _occurrence: Occurrence, now: datetime) -> None:
    """Let go of wording older than 180 days."""
    before = now - KEPT
    do_forget_texts(tx, before)
    events.do_sweep(tx, before)
    schedule.do_sweep(tx, before)
