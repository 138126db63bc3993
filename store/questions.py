"""Questions that were asked, with what became of them. Personal numbers are masked before they get here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.db import Tx
from store.schema import questions


@dataclass(frozen=True)
class Asked:
    """A recorded question; `text` is None once its retention has ended."""

    id: int
    channel: str
    address: str
    text: str | None
    place: str
    status: str
    reason: str
    entry: str | None
    score: float
    helpful: bool | None
    asked_at: datetime


def _asked(row: Any) -> Asked:
    return Asked(
        row.id,
        row.channel,
        row.address,
        row.text,
        row.place,
        row.status,
        row.reason,
        row.entry,
        row.score,
        row.helpful,
        row.asked_at,
    )


def add(
    tx: Tx,
    *,
    channel: str,
    address: str,
    text: str,
    place: str,
    status: str,
    reason: str,
    entry: str | None,
    score: float,
    now: datetime,
) -> int:
    """Record a question and return its row id."""
    row = {
        "channel": channel,
        "address": address,
        "text": text,
        "place": place,
        "status": status,
        "reason": reason,
        "entry": entry,
        "score": score,
        "asked_at": now,
    }
    return int(tx.execute(sa.insert(questions).values(row).returning(questions.c.id)).scalar_one())


def get(tx: Tx, question: int) -> Asked | None:
    """A question by its row id."""
    row = tx.execute(sa.select(questions).where(questions.c.id == question)).one_or_none()
    return _asked(row) if row else None


def mark_unhelpful(tx: Tx, question: int, channel: str, address: str) -> bool:
    """Note that the answer did not help; False where the question is not of that chat."""
    own = (questions.c.id == question) & (questions.c.channel == channel) & (questions.c.address == address)
    return tx.execute(sa.update(questions).where(own).values(helpful=False)).rowcount == 1


def counts(tx: Tx) -> dict[str, int]:
    """Number of questions by status."""
    rows = tx.execute(sa.select(questions.c.status, sa.func.count()).group_by(questions.c.status))
    return {str(status): int(count) for status, count in rows}


def forget_texts(tx: Tx, before: datetime) -> int:
    """Drop the wording of questions asked before an instant; entry and counts stay."""
    old = (questions.c.asked_at < before) & questions.c.text.is_not(None)
    return tx.execute(sa.update(questions).where(old).values(text=None)).rowcount
