"""Which hosts there are and which models they ask."""

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from activities.store.tables import hosts
from workflows.domain.model import Model


class HostRow(Model):
    name: str
    models: dict[str, dict[str, str]]
    fingerprint: str


def register(engine: Engine, host: HostRow) -> None:
    """A process that starts again under the same name replaces what it said before."""
    statement = insert(hosts).values(**host.model_dump())
    values = {**host.model_dump(exclude={"name"}), "started_at": func.clock_timestamp()}
    with engine.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def newest(engine: Engine) -> HostRow | None:
    columns = [hosts.c[name] for name in HostRow.model_fields]
    with engine.connect() as connection:
        row = connection.execute(select(*columns).order_by(hosts.c.started_at.desc()).limit(1)).one_or_none()
    return HostRow.model_validate(dict(row._mapping)) if row else None
