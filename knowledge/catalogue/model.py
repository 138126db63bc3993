"""What an entry of the knowledge base is: one class for each kind of `docs/content.md`.

Two families. *Written* entries carry their own answer; *records* carry fields only and their answer is
composed, so that five hundred of them read alike. Everything is frozen and validated strictly: an
unknown field or a value of the wrong type is an error.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
"""`fromisoformat` reads «20210715» and «2021-W28-4» too, which nobody can check at a glance."""


def _as_date(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value if _DAY.match(value) else "")
        except ValueError:
            raise ValueError(f"«{value}» is not a date like 2021-07-15") from None
    if isinstance(value, date) or value is None:
        return value
    raise ValueError("a date like 2021-07-15 is expected")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Day = Annotated[date, BeforeValidator(_as_date)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=600, strip_whitespace=True)]
Phrase = Annotated[str, StringConstraints(min_length=2, max_length=60, strip_whitespace=True)]
EntryId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$", max_length=48)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)]
Ids = Annotated[tuple[EntryId, ...], BeforeValidator(_as_tuple)]
FactIds = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)]

ListName = Literal[
    "no_penalty_minor",
    "no_penalty_first_offence",
    "no_penalty_no_fault",
    "lighter",
    "mitigated",
    "no_coercive_measure",
]


class Model(BaseModel):
    """Base of everything read from YAML: strict, frozen, no unknown fields."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class InForce(Model):
    """The days on which an entry holds, both inclusive.

    `from: null` means the beginning is not known: such an entry never answers as in force.
    """

    from_: Day | None = Field(alias="from")
    until: Day | None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.from_ and self.until and self.until < self.from_:
            raise ValueError("`until` lies before `from`")
        return self

    def covers(self, day: date) -> bool:
        """Whether the entry holds on that day."""
        return self.from_ is not None and self.from_ <= day and (self.until is None or day <= self.until)


class Entry(Model):
    """What every entry has. `cites` are written as people write them: «行政处罚法第33条第1款»."""

    id: EntryId
    kind: str
    title: Annotated[str, StringConstraints(min_length=2, max_length=60)]
    ask: Annotated[tuple[Phrase, ...], BeforeValidator(_as_tuple)] = ()
    cites: Texts
    in_force: InForce
    checked: Day
    related: Ids = ()
    from_: FactIds = Field(default=(), alias="from")
    caveat: Text | None = None
    place: Text | None = None
    """Only in `reference/`, where the folder does not say the place."""


class Written(Entry):
    """An entry with an answer of its own: conclusion first, at most 120 characters, then points."""

    ask: Annotated[tuple[Phrase, ...], BeforeValidator(_as_tuple), Field(min_length=4)]
    answer: Annotated[str, StringConstraints(min_length=4, max_length=120, strip_whitespace=True)]
    points: Annotated[tuple[Text, ...], BeforeValidator(_as_tuple), Field(max_length=5)] = ()
    cites: Annotated[tuple[Text, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class Rule(Written):
    """When this, then that, with the force of it: `must` (应当, 不得) or `may` (可以)."""

    kind: Literal["rule"]
    force: Literal["must", "may"] | None = None
    conditions: Texts = ()
    consequence: Text | None = None


class Step(Model):
    """One step of a procedure."""

    do: Text
    who: Text | None = None
    documents: Texts = ()
    time_limit: EntryId | None = None
    pitfalls: Texts = ()


class Procedure(Written):
    """Ordered steps of a piece of work."""

    kind: Literal["procedure"]
    steps: Annotated[tuple[Step, ...], BeforeValidator(_as_tuple), Field(min_length=2)]


class TimeLimit(Written):
    """A period the law sets. `direction: before` counts back from an event («听证七日前»)."""

    kind: Literal["time_limit"]
    length: Annotated[int, Field(ge=1, le=10_000)]
    unit: Literal["hour", "workday", "day", "month", "year"]
    starts: Text
    direction: Literal["after", "before"] = "after"
    counting: Text | None = None
    if_missed: Text | None = None


class Requirement(Written):
    """What a unit or an officer owes: training hours, a certificate, a disclosure, a filing."""

    kind: Literal["requirement"]
    who: Text
    how_much: Text | None = None
    every: Text | None = None


class Term(Written):
    """A word of the trade, slang included."""

    kind: Literal["term"]
    means: Text
    not_to_confuse_with: Texts = ()


class Offence(Entry):
    """A violation: official name in `title`, lay names in `ask`."""

    kind: Literal["offence"]
    penalty_basis: Texts = ()
    penalty: Text | None = None
    """What the basis provides for, in own words with its exact figures; only from a text in hand."""


class ListItem(Entry):
    """An offence on a list of some place."""

    kind: Literal["list_item"]
    offence: EntryId
    list: ListName
    conditions: Texts = ()
    exclusions: Texts = ()
    penalty_basis: Texts = ()
    lenience_basis: Texts = ()
    handling: Texts = ()
    source: Text
    issuer: Text | None = None
    published: Text | None = None
    list_status: Literal["as_published", "draft", "expired"]
    basis_origin: Literal["page", "matched"]
    law_alert: Text | None = None
    confidence: Literal["full", "partial"]


class Deadline(Model):
    """When a task is due: a day, a recurring period, a quota, or none given."""

    type: Literal["due", "recurring", "quota", "ongoing", "unspecified", "triggered", "coverage", "exam_sampling"]
    what: Text
    day: Day | None = None
    every: Text | None = None
    amount: Text | None = None


class Task(Entry):
    """A numbered measure of a plan."""

    kind: Literal["task"]
    plan: Text
    number: Annotated[int, Field(ge=1)] | None = None
    """None for what a plan asks of the whole, outside its numbered measures."""
    obligations: Texts
    units: Texts = ()
    deadlines: Annotated[tuple[Deadline, ...], BeforeValidator(_as_tuple)] = ()


class Case(Entry):
    """A published case in which a list was applied; a counter-example has `list: null`."""

    kind: Literal["case"]
    offence: EntryId | None = None
    facts: Texts
    list: ListName | None
    basis: Texts = ()
    outcome: Text
    source: Text
    nature: Literal["applied", "court", "counter_example"] = "applied"


AnyEntry = Annotated[
    Rule | Procedure | TimeLimit | Requirement | Term | Offence | ListItem | Task | Case,
    Field(discriminator="kind"),
]
KINDS: Mapping[str, type[Entry]] = {
    "rule": Rule,
    "procedure": Procedure,
    "time_limit": TimeLimit,
    "requirement": Requirement,
    "term": Term,
    "offence": Offence,
    "list_item": ListItem,
    "task": Task,
    "case": Case,
}
ENTRY: TypeAdapter[AnyEntry] = TypeAdapter(AnyEntry)


class Version(Model):
    """One version of a source, in force from the later of promulgation and effect.

    A day that is not known is null; a version without a first day never counts as in force.
    """

    promulgated: Day | None
    from_: Day | None = Field(alias="from")
    until: Day | None
    articles: Annotated[int, Field(ge=1, le=5000)] | None = None
    paragraphs: Annotated[tuple[int, ...], BeforeValidator(_as_tuple)] = ()
    items: Annotated[tuple[int, ...], BeforeValidator(_as_tuple)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.from_ and self.until and self.until < self.from_:
            raise ValueError("`until` lies before `from`")
        if self.from_ and self.promulgated and self.from_ < self.promulgated:
            raise ValueError("a version cannot hold before it is promulgated")
        for name, counts in (("paragraphs", self.paragraphs), ("items", self.items)):
            if counts and len(counts) != self.articles:
                raise ValueError(f"`{name}` must have one number for each article")
        return self


class Source(Model):
    """A statute or document that may be cited; `short` is how it is shown and written in `cites`."""

    id: EntryId
    title: Text
    short: Text
    aliases: Texts = ()
    level: Literal[
        "constitution", "law", "regulation", "rule", "local_regulation", "local_rule", "judicial", "document"
    ]
    number: Text | None = None
    issuer: Text
    place: Text
    versions: Annotated[tuple[Version, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class PlaceRow(Model):
    """One place of the register."""

    path: Text
    code: Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
    slug: Annotated[str, StringConstraints(pattern=r"^[a-z]+(/[a-z]+)*$")]
    aliases: Texts = ()
    parent: Text | None


class PlacesFile(Model):
    """`places.yaml`."""

    places: Annotated[tuple[PlaceRow, ...], BeforeValidator(_as_tuple)]
    elsewhere: Annotated[tuple[Texts, ...], BeforeValidator(_as_tuple)] = ()


class Domain(Model):
    """A field of enforcement."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*$")]
    name: Text
    aliases: Texts = ()
