"""All tables. What a row means is said beside the functions that read and write it."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An instant: aware datetimes in, aware UTC datetimes out, on every database."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Store as UTC without a zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Read as UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PENDING = "state IN ('queued', 'sending', 'unknown')"


def _partial(name: str, columns: tuple[str, ...], where: str) -> tuple[sa.Index, ...]:
    """An index over the few rows that still matter, however many lie in the table."""
    return (sa.Index(name, *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)),)


inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("done_at", Instant),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("channel", "event_id"),
    sa.Index(None, "channel", "address", "id"),
    sa.Index(None, "state", "id"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("dedupe_key", sa.Text, nullable=False, unique=True),
    sa.Column("op", sa.Text, nullable=False),
    sa.Column("target", _ID),
    sa.Column("target_id", sa.Text),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("epoch", _ID),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("doubts", sa.Integer, nullable=False),
    sa.Column("not_before", Instant),
    sa.Column("provider_id", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("settled_at", Instant),
    sa.Index(None, "channel", "address", "id"),
    sa.Index(None, "state", "id"),
    *_partial("ix_outbox_pending", ("channel", "address", "lane", "id"), _PENDING),
    *_partial("ix_outbox_pending_lane", ("channel", "lane", "id"), _PENDING),
)

conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("place", sa.Text),
    sa.Column("turn", sa.JSON(none_as_null=True)),
    sa.Column("dialogue", sa.JSON(none_as_null=True)),
    sa.Column("pressed", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)

questions = sa.Table(
    "questions",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("entry", sa.Text),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("helpful", sa.Boolean),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Index(None, "status", "asked_at"),
)

channels = sa.Table(
    "channels",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("next_update", _ID),
    sa.Column("heard_at", Instant),
    sa.Column("halted_until", Instant),
)

chats = sa.Table(
    "chats",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("unreachable_since", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("menu", sa.Text),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("epoch", _ID, nullable=False),
    sa.Column("beat", _ID, nullable=False),
    sa.Column("renewed_at", Instant, nullable=False),
)

occurrences = sa.Table(
    "occurrences",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", Instant),
    sa.Column("error", sa.Text),
    sa.Column("done_at", Instant),
    sa.UniqueConstraint("kind", "key"),
    sa.Index(None, "state", "due_at"),
)

units = sa.Table(
    "units",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("path", sa.Text, nullable=False, unique=True),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

persons = sa.Table(
    "persons",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("staff_no", sa.Text, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("unit", _ID, sa.ForeignKey("units.id")),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("sender", sa.Text, primary_key=True),
    sa.Column("person", _ID, sa.ForeignKey("persons.id"), nullable=False),
    sa.Column("linked_at", Instant, nullable=False),
    sa.Column("used_at", Instant, nullable=False),
    sa.Index(None, "person"),
)

codes = sa.Table(
    "codes",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("unit", _ID, sa.ForeignKey("units.id")),
    sa.Column("person", _ID, sa.ForeignKey("persons.id")),
    sa.Column("uses_left", sa.Integer, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
)

code_failures = sa.Table(
    "code_failures",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Index(None, "channel", "sender", "at"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
)
