"""The tables, as the migrations leave them."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


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
    _now("created_at"),
    Column("ended_at", DateTime(timezone=True)),
    Index("ix_objectives_tenant_created_at", "tenant", "created_at"),
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
    _now("started_at"),
    Column("ended_at", DateTime(timezone=True)),
    Index("ix_steps_objective_id", "objective_id"),
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
)

journal = Table(
    "journal",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("objective_id", ForeignKey("objectives.id", ondelete="CASCADE"), nullable=False),
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
    UniqueConstraint("objective_id", "seq"),
    UniqueConstraint("objective_id", "once", name="uq_journal_once"),
)
