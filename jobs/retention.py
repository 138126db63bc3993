"""Letting go of personal data when its time is over (个人信息保护法 article 19: the shortest time)."""

from datetime import datetime

from actions.questions import do_forget_texts
from actions.transaction import Tx


def tick(tx: Tx, now: datetime) -> int:
    """Drop the wording of questions older than 180 days; returns how many lost theirs."""
    return do_forget_texts(tx, now)
