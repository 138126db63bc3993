"""What the knowledge base says to a question. Data only; the words a person reads are made elsewhere."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

Status = Literal["answered", "choices", "unknown", "refused", "smalltalk"]
Reason = Literal[
    "",
    "nothing_near",
    "unsure",
    "no_such_article",
    "article_not_held",
    "place_not_held",
    "local_matter",
    "not_in_force",
    "empty",
]


@dataclass(frozen=True)
class Turn:
    """What one turn of a conversation leaves for the next; small, and kept as JSON in the store."""

    question: str = ""
    entry: str | None = None
    place: str | None = None
    source: str | None = None
    article: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data for the store."""
        return {name: getattr(self, name) for name in ("question", "entry", "place", "source", "article")}

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> "Turn | None":
        """A turn from the store; None where there was none."""
        return cls(**data) if data else None


@dataclass(frozen=True)
class Match:
    """An entry that was found, with the probability that it answers."""

    entry: str
    score: float


@dataclass(frozen=True)
class Verdict:
    """The outcome of one question.

    Attributes:
        match: the entry that answers (`answered` only).
        choices: two to four entries that may (`choices` only).
        nearest: for `unknown`: topics a person might look at instead; never an answer.
        reason: for `unknown`: why, as a code.
        detail: what the reason speaks of (a statute and its last article, a place, a kind of small talk).
        place: the place it was answered for; `asked_place` is set where the question named it.
        national_only: a held place was named, but the answer is the nation's rule.
        parts: where the message held several questions, the verdict of each.
        turn: what the next message may lean on.
    """

    status: Status
    place: str
    day: date
    match: Match | None = None
    choices: tuple[Match, ...] = ()
    nearest: tuple[str, ...] = ()
    reason: Reason = ""
    detail: str = ""
    score: float = 0.0
    asked_place: bool = False
    national_only: bool = False
    parts: tuple["Verdict", ...] = ()
    turn: Turn = field(default_factory=Turn)
