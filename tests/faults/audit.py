"""What is left after the faults, held against what people did: the store against the played Telegram."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from actions.delivery import MOST_DOUBTS
from store.db import Database
from store.schema import inbox, outbox, questions
from tests.botapi import BotApi, Sent
from tests.faults.crowd import Crowd, Deed
from tests.faults.report import Report

MARK = "（重发）"
_UNSETTLED = ("queued", "sending", "unknown")


@dataclass(frozen=True)
class Left:
    """All rows of a database that concern Telegram.

    Attributes:
        events: rows of the inbox by the number of the update; more than one would be a defect.
    """

    events: dict[str, list[Any]]
    asked: Counter[str]
    messages: list[Any]


def read(database: Database) -> Left:
    """Read what is left."""
    with database.read() as tx:
        events: dict[str, list[Any]] = defaultdict(list)
        for row in tx.execute(sa.select(inbox)):
            events[row.event_id.partition(":")[2]].append(row)
        asked = Counter(str(text) for text in tx.execute(sa.select(questions.c.text)).scalars())
        messages = list(tx.execute(sa.select(outbox).order_by(outbox.c.id)))
    return Left(events, asked, messages)


def count_open(database: Database) -> int:
    """How many events and messages are not settled."""
    with database.read() as tx:
        new = tx.execute(sa.select(sa.func.count()).select_from(inbox).where(inbox.c.state == "new")).scalar_one()
        waiting = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.state.in_(_UNSETTLED))
        return int(new + tx.execute(waiting).scalar_one())


def check(report: Report, api: BotApi, crowd: Crowd, left: Left, *, most_extra: int) -> None:
    """Add the lines that hold after every fault.

    Args:
        most_extra: how many messages people may have got more than once.
    """
    _check_received(report, crowd.deeds, left)
    _check_answered(report, crowd.deeds, left)
    _check_delivered(report, api, crowd, left, most_extra)
    report.exactly("calls the Bot API forbids", len(api.violations), 0)
    for violation in api.violations[:5]:
        report.tell("  forbidden", violation)
    report.exactly("calls nobody can have wanted", len(_warnings(api)), 0)


def _check_received(report: Report, deeds: list[Deed], left: Left) -> None:
    for kind, count in sorted(Counter(deed.kind for deed in deeds).items()):
        report.tell(f"  {kind}", count)
    rows = [left.events[str(deed.update_id)] for deed in deeds]
    report.exactly("updates lost", sum(not found for found in rows), 0)
    report.exactly("updates kept twice", sum(len(found) > 1 for found in rows), 0)
    report.exactly("events of no update", sum(map(len, left.events.values())) - sum(map(len, rows)), 0)
    states = Counter((_proper(deed), row.state) for deed, found in zip(deeds, rows, strict=True) for row in found)
    report.exactly("proper updates done", states[True, "done"], sum(map(_proper, deeds)))
    attempts = sum(row.attempts for deed, found in zip(deeds, rows, strict=True) if _proper(deed) for row in found)
    report.exactly("failed attempts at proper updates", attempts, 0)
    report.tell("malformed updates parked", states[False, "parked"])
    report.exactly(
        "malformed updates done or parked",
        states[False, "done"] + states[False, "parked"],
        sum(not _proper(deed) for deed in deeds),
    )


def _check_answered(report: Report, deeds: list[Deed], left: Left) -> None:
    typed = [deed.text for deed in deeds if deed.kind == "question"]
    report.exactly("questions recorded exactly once", sum(left.asked[text] == 1 for text in typed), len(typed))
    parts: dict[int, list[int]] = defaultdict(list)
    for message in left.messages:
        _, row, part = message.dedupe_key.split(":")
        parts[int(row)].append(int(part))
    asking = [row for d in deeds if _proper(d) for row in left.events[str(d.update_id)]]
    whole = sum(bool(parts[row.id]) and sorted(parts[row.id]) == list(range(len(parts[row.id]))) for row in asking)
    report.exactly("events with one whole set of replies", whole, len(asking))


def _check_delivered(report: Report, api: BotApi, crowd: Crowd, left: Left, most_extra: int) -> None:
    people = {str(deed.person) for deed in crowd.deeds if _proper(deed)}
    mine = [message for message in left.messages if message.address in people]
    states = Counter(message.state for message in mine)
    report.exactly("messages still open", sum(states[state] for state in _UNSETTLED), 0)
    report.tell("messages", len(mine))
    report.tell("messages that need a human", states["needs_human"])
    for message in [one for one in mine if one.state == "needs_human"][:5]:
        report.tell(f"  #{message.id}", f"{message.doubts} doubts, {message.error}")
    report.exactly("messages to people settled otherwise", len(mine) - states["sent"] - states["needs_human"], 0)
    chats = [_Chat(api.sent_to(int(person)), [m for m in mine if m.address == person]) for person in sorted(people)]
    report.exactly("sent messages the person does not have", sum(chat.missing for chat in chats), 0)
    due = Counter(deed.person for deed in crowd.deeds if deed.kind in {"question", "command"})
    short = sum(due[int(person)] > len(api.sent_to(int(person))) for person in people)
    report.at_most("people with fewer answers than questions", short, states["needs_human"])
    report.at_most("messages a person got more than once", sum(chat.extra for chat in chats), most_extra)
    report.exactly("of these not marked", sum(chat.unmarked for chat in chats), 0)
    report.exactly("resends beyond three of one message", sum(chat.beyond for chat in chats), 0)


def _proper(deed: Deed) -> bool:
    return deed.kind != "malformed"


class _Chat:
    """One person's chat: what was delivered there, and the rows it came from."""

    def __init__(self, delivered: list[Sent], rows: list[Any]) -> None:
        by_number = {str(sent.message_id): sent for sent in delivered}
        settled = [row for row in rows if row.state == "sent"]
        self.missing = sum(row.provider_id not in by_number or not _carried_out(row, by_number) for row in settled)
        new = [row for row in settled if _is_new(row)]
        doubtful = sum(row.state == "needs_human" for row in rows)
        self.extra = max(0, len(delivered) - len(new) - doubtful)
        wanted = Counter(_text(by_number[row.provider_id]) for row in new if row.provider_id in by_number)
        plain = Counter(_text(sent) for sent in delivered if not _is_marked(sent))
        self.unmarked = max(0, sum((plain - wanted).values()) - doubtful)
        again = Counter(_text(sent) for sent in delivered if _is_marked(sent))
        most = Counter({text: MOST_DOUBTS * count for text, count in wanted.items()})
        self.beyond = max(0, sum((again - most).values()) - MOST_DOUBTS * doubtful)


def _is_new(row: Any) -> bool:
    """Whether it became a message of its own, as an edit does whose target is gone."""
    return bool(row.op == "send" or row.provider_id != row.target_id)


def _carried_out(row: Any, by_number: dict[str, Sent]) -> bool:
    return _is_new(row) or bool(by_number[row.provider_id].history)


def _first(sent: Sent) -> str:
    """What it showed when it came, before any edit."""
    return sent.history[0].text if sent.history else sent.text


def _is_marked(sent: Sent) -> bool:
    return MARK in _first(sent)[:8]


def _text(sent: Sent) -> str:
    return _first(sent).replace(MARK, "", 1).strip()


def _warnings(api: BotApi) -> list[str]:
    """A pressed button that is answered again after a kill is as it must be."""
    return [warning for warning in api.warnings if "is answered again" not in warning]
