"""People: approvals, keys, uploads, audit; the journal by tenant and in the order of commits"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JOURNAL_APPEND = """
CREATE OR REPLACE FUNCTION journal_append(entry jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    -- Held until the transaction ends: sequence numbers appear in the order of commits, without gaps.
    PERFORM pg_advisory_xact_lock(hashtextextended('journal:' || (entry ->> 'objective_id'), 0));
    SELECT seq, xact INTO last FROM journal WHERE objective_id = entry ->> 'objective_id' ORDER BY seq DESC LIMIT 1;
    -- A transaction that began earlier may append later: its entry takes the number of the one before, so that
    -- entries of one objective have the same order by (xact, id) and by seq.
    INSERT INTO journal (objective_id, tenant, seq, xact, once, kind, actor, task_id, attempt, step_id, text, data)
    SELECT entry ->> 'objective_id',
           (SELECT tenant FROM objectives WHERE id = entry ->> 'objective_id'),
           coalesce(last.seq, 0) + 1, greatest(pg_current_xact_id(), last.xact),
           entry ->> 'once', entry ->> 'kind', entry ->> 'actor', entry ->> 'task_id',
           (entry ->> 'attempt')::int, entry ->> 'step_id', entry ->> 'text', entry -> 'data'
    ON CONFLICT DO NOTHING;
    PERFORM pg_notify('botted_journal', entry ->> 'objective_id');
END
$$
"""

JOURNAL_APPEND_BEFORE = """
CREATE OR REPLACE FUNCTION journal_append(entry jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Held until the transaction ends: sequence numbers appear in the order of commits, without gaps.
    PERFORM pg_advisory_xact_lock(hashtextextended('journal:' || (entry ->> 'objective_id'), 0));
    INSERT INTO journal (objective_id, seq, once, kind, actor, task_id, attempt, step_id, text, data)
    SELECT entry ->> 'objective_id',
           coalesce((SELECT max(seq) FROM journal WHERE objective_id = entry ->> 'objective_id'), 0) + 1,
           entry ->> 'once', entry ->> 'kind', entry ->> 'actor', entry ->> 'task_id',
           (entry ->> 'attempt')::int, entry ->> 'step_id', entry ->> 'text', entry -> 'data'
    ON CONFLICT DO NOTHING;
    PERFORM pg_notify('botted_journal', entry ->> 'objective_id');
END
$$
"""


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("objective_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=120), nullable=False),
        sa.Column("task_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="the Approval"),
        sa.Column(
            "state",
            sa.String(length=20),
            nullable=False,
            comment="open | approved | revise | rejected | expired | withdrawn",
        ),
        sa.Column("escalated", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("decided_by", sa.String(length=120), server_default="", nullable=False),
        sa.Column("feedback", sa.Text(), server_default="", nullable=False),
        _now("asked_at"),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objectives.id"], name=op.f("fk_approvals_objective_id_objectives"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index("ix_approvals_tenant_state_asked_at", "approvals", ["tenant", "state", "asked_at"])
    op.create_index("ix_approvals_objective_id", "approvals", ["objective_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the secret; never the secret"),
        sa.Column("roles", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        _now("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_table(
        "rate_windows",
        sa.Column("caller", sa.String(length=200), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False, comment="minutes since 1970"),
        sa.Column("leased", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "minute", name=op.f("pk_rate_windows")),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tenant", sa.String(length=120), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by", sa.String(length=120), nullable=False),
        _now("created_at"),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_uploads_sha256_artifacts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("tenant", "sha256", "name", name=op.f("uq_uploads_tenant")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tenant", sa.String(length=120), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("origin", sa.String(length=200), nullable=False, comment="from where: api 10.0.0.7, cli"),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("object", sa.String(length=255), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        _now("at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_tenant_id", "audit", ["tenant", "id"])
    op.create_table(
        "live_output",
        sa.Column(
            "key", sa.String(length=255), nullable=False, comment="of the model call: objective/task/attempt/step"
        ),
        sa.Column("objective_id", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("step_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_live_output")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_live_output_objective_id", "live_output", ["objective_id"])
    op.add_column(
        "objectives",
        sa.Column(
            "body_digest",
            sa.String(length=64),
            nullable=True,
            comment="of the HTTP request that created it under an Idempotency-Key",
        ),
    )
    op.drop_index("ix_objectives_tenant_created_at", table_name="objectives")
    op.create_index("ix_objectives_tenant_created_at_id", "objectives", ["tenant", "created_at", "id"])
    parent = sa.text("request ->> 'parent' <> ''")
    op.create_index("ix_objectives_parent", "objectives", [sa.text("(request ->> 'parent')")], postgresql_where=parent)
    op.create_index("ix_files_objective_id_id", "files", ["objective_id", "id"])
    op.create_index("ix_verdicts_objective_id_id", "verdicts", ["objective_id", "id"])
    op.drop_index("ix_steps_objective_id", table_name="steps")
    op.create_index("ix_steps_objective_id_task_id", "steps", ["objective_id", "task_id", "attempt", "started_at"])
    op.add_column("journal", sa.Column("tenant", sa.String(length=120), server_default="default", nullable=False))
    op.execute(
        "UPDATE journal SET tenant = objectives.tenant FROM objectives WHERE objectives.id = journal.objective_id"
    )
    op.execute("ALTER TABLE journal ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.create_index("ix_journal_tenant_xact_id", "journal", ["tenant", "xact", "id"])
    op.execute(JOURNAL_APPEND)


def downgrade() -> None:
    op.execute(JOURNAL_APPEND_BEFORE)
    op.drop_index("ix_journal_tenant_xact_id", table_name="journal")
    op.drop_column("journal", "xact")
    op.drop_column("journal", "tenant")
    op.drop_index("ix_steps_objective_id_task_id", table_name="steps")
    op.create_index("ix_steps_objective_id", "steps", ["objective_id"])
    op.drop_index("ix_verdicts_objective_id_id", table_name="verdicts")
    op.drop_index("ix_files_objective_id_id", table_name="files")
    op.drop_index("ix_objectives_parent", table_name="objectives")
    op.drop_index("ix_objectives_tenant_created_at_id", table_name="objectives")
    op.create_index("ix_objectives_tenant_created_at", "objectives", ["tenant", "created_at"])
    op.drop_column("objectives", "body_digest")
    for table in ("live_output", "audit", "uploads", "rate_windows", "api_keys", "approvals"):
        op.drop_table(table)
