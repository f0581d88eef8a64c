"""The first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JOURNAL_APPEND = """
CREATE FUNCTION journal_append(entry jsonb) RETURNS void LANGUAGE plpgsql AS $$
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


def upgrade() -> None:
    op.create_table(
        "artifacts",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True, comment="null: the content lies in the artifact folder"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifacts")),
    )
    op.create_table(
        "objectives",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=120), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column(
            "request",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the Objective as it was asked for",
        ),
        sa.Column("plan", sa.String(length=64), nullable=True, comment="SHA-256 of the plan"),
        sa.Column(
            "result",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the ObjectiveResult, once it ended",
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objectives")),
    )
    op.create_index("ix_objectives_tenant_created_at", "objectives", ["tenant", "created_at"], unique=False)
    op.create_table(
        "files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("objective_id", sa.String(length=64), nullable=False),
        sa.Column(
            "task_id",
            sa.String(length=64),
            server_default="",
            nullable=False,
            comment="empty: given with the objective",
        ),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("step_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objectives.id"], name=op.f("fk_files_objective_id_objectives"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_files_sha256_artifacts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint(
            "objective_id", "task_id", "attempt", "step_id", "name", name=op.f("uq_files_objective_id")
        ),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("objective_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False, comment="gapless per objective, in order of commit"),
        sa.Column(
            "once", sa.String(length=255), nullable=True, comment="what makes an entry that is written twice count once"
        ),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("task_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("step_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objectives.id"], name=op.f("fk_journal_objective_id_objectives"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sa.UniqueConstraint("objective_id", "once", name="uq_journal_once"),
        sa.UniqueConstraint("objective_id", "seq", name=op.f("uq_journal_objective_id")),
    )
    op.create_table(
        "steps",
        sa.Column("key", sa.String(length=255), nullable=False, comment="objective/task/attempt/step"),
        sa.Column("objective_id", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step_id", sa.String(length=64), nullable=False),
        sa.Column("tool", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False, comment="started | done | failed"),
        sa.Column("tries", sa.Integer(), server_default="1", nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objectives.id"], name=op.f("fk_steps_objective_id_objectives"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_steps")),
    )
    op.create_index("ix_steps_objective_id", "steps", ["objective_id"], unique=False)
    op.create_table(
        "verdicts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("objective_id", sa.String(length=64), nullable=False),
        sa.Column(
            "task_id", sa.String(length=64), server_default="", nullable=False, comment="empty: about the objective"
        ),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False, comment="task | plan | result"),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("decided_by", sa.String(length=120), nullable=False),
        sa.Column("feedback", sa.Text(), server_default="", nullable=False),
        sa.Column("fingerprint", sa.String(length=64), server_default="", nullable=False),
        sa.Column("report", sa.String(length=64), nullable=True),
        sa.Column(
            "decided_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objectives.id"], name=op.f("fk_verdicts_objective_id_objectives"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        sa.UniqueConstraint(
            "objective_id", "task_id", "attempt", "subject", "decided_by", name=op.f("uq_verdicts_objective_id")
        ),
    )
    op.execute(JOURNAL_APPEND)


def downgrade() -> None:
    op.execute("DROP FUNCTION journal_append(jsonb)")
    op.drop_table("verdicts")
    op.drop_index("ix_steps_objective_id", table_name="steps")
    op.drop_table("steps")
    op.drop_table("journal")
    op.drop_table("files")
    op.drop_index("ix_objectives_tenant_created_at", table_name="objectives")
    op.drop_table("objectives")
    op.drop_table("artifacts")
