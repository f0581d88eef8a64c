"""Model calls, what they cost, how providers fare, and what rejections taught"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("name", sa.String(length=255), nullable=False, comment="host name and process id"),
        sa.Column(
            "models",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="which models it asks for what; never a key",
        ),
        sa.Column(
            "fingerprint",
            sa.String(length=64),
            nullable=False,
            comment="equal for hosts that were given the same models",
        ),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_hosts")),
    )
    op.create_table(
        "lessons",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tenant", sa.String(length=120), nullable=False),
        sa.Column("capability", sa.String(length=120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("objective_id", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=64), nullable=False),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "search", postgresql.TSVECTOR(), sa.Computed("to_tsvector('english', text)", persisted=True), nullable=False
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lessons")),
        sa.UniqueConstraint("tenant", "capability", "digest", name=op.f("uq_lessons_tenant")),
    )
    op.create_index("ix_lessons_search", "lessons", ["search"], unique=False, postgresql_using="gin")
    op.create_table(
        "providers",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False, comment="in a row"),
        sa.Column(
            "open_until", sa.DateTime(timezone=True), nullable=True, comment="refuses calls until then; null: closed"
        ),
        sa.Column(
            "trial_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="half open: one call tries whether it works again",
        ),
        sa.Column("fault", sa.String(length=30), server_default="", nullable=False, comment="what opened it"),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("error_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_providers")),
    )
    op.create_table(
        "budgets",
        sa.Column("scope", sa.String(length=255), nullable=False),
        sa.Column("objective_id", sa.String(length=64), nullable=False),
        sa.Column("limit_usd", sa.Numeric(precision=18, scale=9), nullable=True),
        sa.Column("limit_tokens", sa.BigInteger(), nullable=True),
        sa.Column("limit_turns", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("spent_usd", sa.Numeric(precision=18, scale=9), server_default="0", nullable=False),
        sa.Column("spent_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("spent_turns", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_usd", sa.Numeric(precision=18, scale=9), server_default="0", nullable=False),
        sa.Column("reserved_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_turns", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objectives.id"], name=op.f("fk_budgets_objective_id_objectives"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_budgets")),
    )
    op.create_table(
        "model_calls",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "key", sa.String(length=255), nullable=False, comment="what is paid once: objective/task/attempt/step"
        ),
        sa.Column("objective_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=120), nullable=False),
        sa.Column("task_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("step_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("worker", sa.String(length=120), nullable=False),
        sa.Column("profile", sa.String(length=60), nullable=False),
        sa.Column("provider", sa.String(length=60), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False, comment="reserved | done | failed | lost"),
        sa.Column(
            "scopes",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the budgets that it is paid from",
        ),
        sa.Column("reserved_usd", sa.Numeric(precision=18, scale=9), server_default="0", nullable=False),
        sa.Column("reserved_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=18, scale=9), server_default="0", nullable=False),
        sa.Column(
            "priced", sa.Boolean(), server_default="true", nullable=False, comment="false: nobody knows its price"
        ),
        sa.Column("input_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "estimated", sa.Boolean(), server_default="false", nullable=False, comment="the provider told no usage"
        ),
        sa.Column("latency_seconds", sa.Double(), nullable=True),
        sa.Column("first_token_seconds", sa.Double(), nullable=True),
        sa.Column("finish", sa.String(length=20), server_default="", nullable=False),
        sa.Column("request_id", sa.String(length=200), server_default="", nullable=False),
        sa.Column("fault", sa.String(length=30), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "response",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the ModelResponse, once it is there",
        ),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objectives.id"], name=op.f("fk_model_calls_objective_id_objectives"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_calls")),
    )
    op.create_index("ix_model_calls_key", "model_calls", ["key"], unique=False)
    op.create_index("ix_model_calls_objective_id", "model_calls", ["objective_id"], unique=False)
    op.create_index("ix_model_calls_provider_id", "model_calls", ["provider", "id"], unique=False)
    op.create_index("ix_model_calls_role_model_id", "model_calls", ["role", "model", "id"], unique=False)
    op.add_column(
        "steps",
        sa.Column(
            "output", sa.Text(), server_default="", nullable=False, comment="what a model that called the tool sees"
        ),
    )
    op.add_column(
        "steps",
        sa.Column(
            "refused",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="a model's call that was not done",
        ),
    )


def downgrade() -> None:
    op.drop_column("steps", "refused")
    op.drop_column("steps", "output")
    op.drop_index("ix_model_calls_role_model_id", table_name="model_calls")
    op.drop_index("ix_model_calls_provider_id", table_name="model_calls")
    op.drop_index("ix_model_calls_objective_id", table_name="model_calls")
    op.drop_index("ix_model_calls_key", table_name="model_calls")
    op.drop_table("model_calls")
    op.drop_table("budgets")
    op.drop_table("providers")
    op.drop_index("ix_lessons_search", table_name="lessons", postgresql_using="gin")
    op.drop_table("lessons")
    op.drop_table("hosts")
