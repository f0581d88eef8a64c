"""The tables, as the migrations leave them."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.types import UserDefinedType

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class TransactionId(UserDefinedType[str]):
    """Postgres' xid8: rows below a snapshot's xmin are all that will ever be there, so readers can page by it."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


def _now(name: str) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp())


objectives = Table(
    "objectives",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(120), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("request", JSONB, nullable=False, comment="the Objective as it was asked for"),
    Column("plan", String(64), comment="SHA-256 of the plan"),
    Column("result", JSONB, comment="the ObjectiveResult, once it ended"),
    Column("body_digest", String(64), comment="of the HTTP request that created it under an Idempotency-Key"),
    _now("created_at"),
    Column("ended_at", DateTime(timezone=True)),
    Index("ix_objectives_tenant_created_at_id", "tenant", "created_at", "id"),
    Index("ix_objectives_parent", text("(request ->> 'parent')"), postgresql_where=text("request ->> 'parent' <> ''")),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("content", LargeBinary, comment="null: the content lies in the artifact folder"),
    _now("created_at"),
)

files = Table(
    "files",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("objective_id", ForeignKey("objectives.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", String(64), nullable=False, server_default="", comment="empty: given with the objective"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("step_id", String(64), nullable=False, server_default=""),
    Column("name", Text, nullable=False),
    Column("sha256", ForeignKey("artifacts.sha256"), nullable=False),
    Column("media_type", String(120), nullable=False),
    _now("created_at"),
    UniqueConstraint("objective_id", "task_id", "attempt", "step_id", "name"),
    Index("ix_files_objective_id_id", "objective_id", "id"),
)

steps = Table(
    "steps",
    metadata,
    Column("key", String(255), primary_key=True, comment="objective/task/attempt/step"),
    Column("objective_id", ForeignKey("objectives.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("step_id", String(64), nullable=False),
    Column("tool", String(120), nullable=False),
    Column("state", String(20), nullable=False, comment="started | done | failed"),
    Column("tries", Integer, nullable=False, server_default="1"),
    Column("host", String(255), nullable=False),
    Column("summary", Text, nullable=False, server_default=""),
    Column("output", Text, nullable=False, server_default="", comment="what a model that called the tool sees"),
    Column("refused", Boolean, nullable=False, server_default="false", comment="a model's call that was not done"),
    _now("started_at"),
    Column("ended_at", DateTime(timezone=True)),
    Index("ix_steps_objective_id_task_id", "objective_id", "task_id", "attempt", "started_at"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("objective_id", ForeignKey("objectives.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", String(64), nullable=False, server_default="", comment="empty: about the objective"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("subject", String(20), nullable=False, comment="task | plan | result"),
    Column("decision", String(20), nullable=False),
    Column("decided_by", String(120), nullable=False),
    Column("feedback", Text, nullable=False, server_default=""),
    Column("fingerprint", String(64), nullable=False, server_default=""),
    Column("report", String(64)),
    _now("decided_at"),
    UniqueConstraint("objective_id", "task_id", "attempt", "subject", "decided_by"),
    Index("ix_verdicts_objective_id_id", "objective_id", "id"),
)

journal = Table(
    "journal",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("objective_id", ForeignKey("objectives.id", ondelete="CASCADE"), nullable=False),
    Column("tenant", String(120), nullable=False, server_default="default"),
    Column("seq", Integer, nullable=False, comment="gapless per objective, in order of commit"),
    Column("once", String(255), comment="what makes an entry that is written twice count once"),
    Column("kind", String(60), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("task_id", String(64), nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("step_id", String(64), nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Column("data", JSONB, nullable=False, server_default="{}"),
    _now("at"),
    Column("xact", TransactionId, nullable=False, server_default=func.pg_current_xact_id()),
    Index("ix_journal_tenant_xact_id", "tenant", "xact", "id"),
    UniqueConstraint("objective_id", "seq"),
    UniqueConstraint("objective_id", "once", name="uq_journal_once"),
)


def _money(name: str) -> Column[Decimal]:
    return Column(name, Numeric(18, 9), nullable=False, server_default="0")


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


model_calls = Table(
    "model_calls",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", String(255), nullable=False, comment="what is paid once: objective/task/attempt/step"),
    Column("objective_id", ForeignKey("objectives.id", ondelete="CASCADE"), nullable=False),
    Column("tenant", String(120), nullable=False),
    Column("task_id", String(64), nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("step_id", String(64), nullable=False, server_default=""),
    Column("role", String(20), nullable=False),
    Column("worker", String(120), nullable=False),
    Column("profile", String(60), nullable=False),
    Column("provider", String(60), nullable=False),
    Column("model", String(200), nullable=False),
    Column("host", String(255), nullable=False),
    Column("state", String(20), nullable=False, comment="reserved | done | failed | lost"),
    Column("scopes", JSONB, nullable=False, comment="the budgets that it is paid from"),
    _money("reserved_usd"),
    _count("reserved_tokens"),
    _money("cost_usd"),
    Column("priced", Boolean, nullable=False, server_default="true", comment="false: nobody knows its price"),
    _count("input_tokens"),
    _count("cached_tokens"),
    _count("cache_write_tokens"),
    _count("output_tokens"),
    _count("reasoning_tokens"),
    Column("estimated", Boolean, nullable=False, server_default="false", comment="the provider told no usage"),
    Column("latency_seconds", Double),
    Column("first_token_seconds", Double),
    Column("finish", String(20), nullable=False, server_default=""),
    Column("request_id", String(200), nullable=False, server_default=""),
    Column("fault", String(30), nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("response", JSONB, comment="the ModelResponse, once it is there"),
    _now("started_at"),
    Column("ended_at", DateTime(timezone=True)),
    Index("ix_model_calls_key", "key"),
    Index("ix_model_calls_objective_id", "objective_id"),
    Index("ix_model_calls_provider_id", "provider", "id"),
    Index("ix_model_calls_role_model_id", "role", "model", "id"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("scope", String(255), primary_key=True),
    Column("objective_id", ForeignKey("objectives.id", ondelete="CASCADE"), nullable=False),
    Column("limit_usd", Numeric(18, 9)),
    Column("limit_tokens", BigInteger),
    Column("limit_turns", BigInteger),
    Column("ends_at", DateTime(timezone=True)),
    _money("spent_usd"),
    _count("spent_tokens"),
    _count("spent_turns"),
    _money("reserved_usd"),
    _count("reserved_tokens"),
    _count("reserved_turns"),
    _now("created_at"),
)

providers = Table(
    "providers",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("failures", Integer, nullable=False, server_default="0", comment="in a row"),
    Column("open_until", DateTime(timezone=True), comment="refuses calls until then; null: closed"),
    Column("trial_until", DateTime(timezone=True), comment="half open: one call tries whether it works again"),
    Column("fault", String(30), nullable=False, server_default="", comment="what opened it"),
    Column("error", Text, nullable=False, server_default=""),
    Column("error_at", DateTime(timezone=True)),
)

lessons = Table(
    "lessons",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant", String(120), nullable=False),
    Column("capability", String(120), nullable=False),
    Column("text", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("objective_id", String(64), nullable=False),
    Column("task_id", String(64), nullable=False),
    Column("times", Integer, nullable=False, server_default="1"),
    Column("search", TSVECTOR, Computed("to_tsvector('english', text)", persisted=True), nullable=False),
    _now("created_at"),
    UniqueConstraint("tenant", "capability", "digest"),
    Index("ix_lessons_search", "search", postgresql_using="gin"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("name", String(255), primary_key=True, comment="host name and process id"),
    Column("models", JSONB, nullable=False, comment="which models it asks for what; never a key"),
    Column("fingerprint", String(64), nullable=False, comment="equal for hosts that were given the same models"),
    _now("started_at"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("objective_id", ForeignKey("objectives.id", ondelete="CASCADE"), nullable=False),
    Column("tenant", String(120), nullable=False),
    Column("task_id", String(64), nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("subject", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("request", JSONB, nullable=False, comment="the Approval"),
    Column("state", String(20), nullable=False, comment="open | approved | revise | rejected | expired | withdrawn"),
    Column("escalated", Boolean, nullable=False, server_default="false"),
    Column("decided_by", String(120), nullable=False, server_default=""),
    Column("feedback", Text, nullable=False, server_default=""),
    _now("asked_at"),
    Column("deadline", DateTime(timezone=True)),
    Column("decided_at", DateTime(timezone=True)),
    Index("ix_approvals_tenant_state_asked_at", "tenant", "state", "asked_at"),
    Index("ix_approvals_objective_id", "objective_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(120), nullable=False),
    Column("name", String(120), nullable=False),
    Column("digest", String(64), nullable=False, unique=True, comment="SHA-256 of the secret; never the secret"),
    Column("roles", JSONB, nullable=False),
    Column("requests_per_minute", Integer),
    Column("created_by", String(120), nullable=False),
    _now("created_at"),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
)

rate_windows = Table(
    "rate_windows",
    metadata,
    Column("caller", String(200), primary_key=True),
    Column("minute", BigInteger, primary_key=True, comment="minutes since 1970"),
    Column("leased", Integer, nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant", String(120), nullable=False),
    Column("sha256", ForeignKey("artifacts.sha256"), nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("uploaded_by", String(120), nullable=False),
    _now("created_at"),
    UniqueConstraint("tenant", "sha256", "name"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant", String(120), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("origin", String(200), nullable=False, comment="from where: api 10.0.0.7, cli"),
    Column("action", String(60), nullable=False),
    Column("object", String(255), nullable=False),
    Column("data", JSONB, nullable=False, server_default="{}"),
    _now("at"),
    Index("ix_audit_tenant_id", "tenant", "id"),
)

live_output = Table(
    "live_output",
    metadata,
    Column("key", String(255), primary_key=True, comment="of the model call: objective/task/attempt/step"),
    Column("objective_id", String(64), nullable=False),
    Column("task_id", String(64), nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("step_id", String(64), nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    _now("updated_at"),
    Index("ix_live_output_objective_id", "objective_id"),
    prefixes=["UNLOGGED"],
)
