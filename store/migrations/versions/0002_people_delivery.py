"""Delivery to channels that must be called; leases, due occurrences, people and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PENDING = sa.text("state IN ('queued', 'sending', 'unknown')")


def upgrade() -> None:
    """Change outbox and conversations, create the other tables."""
    _outbox()
    with op.batch_alter_table("conversations") as table:
        table.add_column(sa.Column("pressed", sa.Text))
        table.add_column(sa.Column("version", sa.Integer, nullable=False, server_default="0"))
    with op.batch_alter_table("conversations") as table:
        table.alter_column("version", server_default=None)
    _delivery()
    _people()


def _outbox() -> None:
    op.drop_index("ix_outbox_state_lane_id", "outbox")
    with op.batch_alter_table("outbox") as table:
        table.drop_column("lease")
        table.add_column(sa.Column("target_id", sa.Text))
        table.add_column(sa.Column("epoch", _ID))
        table.add_column(sa.Column("doubts", sa.Integer, nullable=False, server_default="0"))
        table.add_column(sa.Column("settled_at", sa.DateTime))
    with op.batch_alter_table("outbox") as table:
        table.alter_column("doubts", server_default=None)
    op.create_index("ix_outbox_state_id", "outbox", ["state", "id"])
    for name, columns in (
        ("ix_outbox_pending", ["channel", "address", "lane", "id"]),
        ("ix_outbox_pending_lane", ["channel", "lane", "id"]),
    ):
        op.create_index(name, "outbox", columns, sqlite_where=_PENDING, postgresql_where=_PENDING)


def _delivery() -> None:
    op.create_table(
        "channels",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("next_update", _ID),
        sa.Column("heard_at", sa.DateTime),
        sa.Column("halted_until", sa.DateTime),
    )
    op.create_table(
        "chats",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("unreachable_since", sa.DateTime),
        sa.Column("reason", sa.Text),
        sa.Column("menu", sa.Text),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("epoch", _ID, nullable=False),
        sa.Column("beat", _ID, nullable=False),
        sa.Column("renewed_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "occurrences",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("due_at", sa.DateTime, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.DateTime),
        sa.Column("error", sa.Text),
        sa.Column("done_at", sa.DateTime),
        sa.UniqueConstraint("kind", "key", name="uq_occurrences_kind_key"),
    )
    op.create_index("ix_occurrences_state_due_at", "occurrences", ["state", "due_at"])


def _people() -> None:
    op.create_table(
        "units",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("path", name="uq_units_path"),
    )
    op.create_table(
        "persons",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("staff_no", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("unit", _ID, sa.ForeignKey("units.id")),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("staff_no", name="uq_persons_staff_no"),
    )
    op.create_table(
        "accounts",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("sender", sa.Text, primary_key=True),
        sa.Column("person", _ID, sa.ForeignKey("persons.id"), nullable=False),
        sa.Column("linked_at", sa.DateTime, nullable=False),
        sa.Column("used_at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_accounts_person", "accounts", ["person"])
    op.create_table(
        "codes",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("unit", _ID, sa.ForeignKey("units.id")),
        sa.Column("person", _ID, sa.ForeignKey("persons.id")),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("hash", name="uq_codes_hash"),
    )
    op.create_table(
        "code_failures",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_code_failures_channel_sender_at", "code_failures", ["channel", "sender", "at"])
    op.create_table(
        "audit",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.UniqueConstraint("hash", name="uq_audit_hash"),
    )
