"""What rejections taught, per capability: kept, found again by words, visible and deletable."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from activities.store import database
from activities.store.tables import lessons
from workflows.domain.model import Model

MOST_CHARACTERS = 600


class Lesson(Model):
    id: int
    capability: str
    text: str
    objective_id: str
    task_id: str
    times: int
    created_at: datetime


_COLUMNS = [lessons.c[name] for name in Lesson.model_fields]


class Lessons:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = database.reading(engine)

    def fitting(self, tenant: str, capability: str, words: str, limit: int = 5) -> tuple[Lesson, ...]:
        """Those that share a word with `words`, of this capability first, the most often met first."""
        query = func.replace(func.plainto_tsquery("english", words[:2000]).cast(lessons.c.text.type), "&", "|")
        found = (
            select(*_COLUMNS)
            .where(lessons.c.tenant == tenant, lessons.c.search.bool_op("@@")(func.to_tsquery("english", query)))
            .order_by(
                (lessons.c.capability == capability).desc(),
                func.ts_rank(lessons.c.search, func.to_tsquery("english", query)).desc(),
                lessons.c.times.desc(),
                lessons.c.id,
            )
            .limit(limit)
        )
        with self._reading.connect() as connection:
            return tuple(Lesson.model_validate(dict(row._mapping)) for row in connection.execute(found))

    def all(self, tenant: str, limit: int = 200) -> tuple[Lesson, ...]:
        with self._reading.connect() as connection:
            rows = connection.execute(
                select(*_COLUMNS).where(lessons.c.tenant == tenant).order_by(lessons.c.id.desc()).limit(limit)
            )
            return tuple(Lesson.model_validate(dict(row._mapping)) for row in rows)

    def forget(self, tenant: str, lesson_id: int) -> bool:
        """Whether there was such a lesson."""
        with self._engine.begin() as connection:
            gone = connection.execute(delete(lessons).where(lessons.c.id == lesson_id, lessons.c.tenant == tenant))
        return bool(gone.rowcount)


def keep(connection: Connection, *, tenant: str, capability: str, text: str, objective_id: str, task_id: str) -> None:
    """The same lesson taught again counts up."""
    taught = " ".join(text.split())[:MOST_CHARACTERS]
    connection.execute(
        insert(lessons)
        .values(
            tenant=tenant,
            capability=capability,
            text=taught,
            digest=sha256(taught.encode()).hexdigest(),
            objective_id=objective_id,
            task_id=task_id,
        )
        .on_conflict_do_update(index_elements=["tenant", "capability", "digest"], set_={"times": lessons.c.times + 1})
    )
