"""Objectives as people see them: all from Postgres, whatever Temporal does."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, TypeAdapter
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from activities.store import approvals, database, journal, listing, objectives, usage, work_pages
from activities.store.approvals import ApprovalRow
from activities.store.journal import JournalRow
from activities.store.listing import ObjectiveBrief, Wanted
from activities.store.objectives import ObjectiveRow
from activities.store.work_pages import VerdictShown
from api.errors import NotFound
from api.house import House
from api.services import cursors
from api.services.pages import MOST_IN_PAGE, Page
from api.services.view import ObjectiveView
from workflows.domain.model import Model
from workflows.domain.objective import Mode, Objective, ObjectiveResult, Stage
from workflows.domain.outcome import TaskState
from workflows.domain.verdict import Decision, Subject

MOST_WAITING = 100
_PLACE: TypeAdapter[tuple[datetime, str]] = TypeAdapter(tuple[datetime, str])


def _require_date(value: object) -> object:
    """Pydantic takes numbers, too, and guesses whether they are seconds or milliseconds."""
    if isinstance(value, str) and "-" not in value:
        raise ValueError("write it as in 2026-11-21T16:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_require_date)]


class ObjectiveQuery(Model):
    """Which objectives; what is left out leaves none out."""

    stage: tuple[Stage, ...] = Field((), description="one of these; repeatable")
    mode: Mode | None = Field(None, description="that was asked for")
    text: str = Field("", max_length=200, description="stands in what was asked for, in whatever case")
    asked_by: str = Field("", max_length=120)
    parent: str | None = Field(None, max_length=64, description="are tasks of this one; empty: are tasks of none")
    created_after: Moment | None = None
    created_before: Moment | None = None
    cursor: cursors.Cursor = ""
    limit: int = Field(50, ge=1, le=MOST_IN_PAGE)

    @property
    def wanted(self) -> Wanted:
        named = self.model_dump(include={"mode", "text", "asked_by", "parent", "created_after", "created_before"})
        return Wanted(stages=self.stage, **named)


class ObjectivePage(Page[ObjectiveBrief]):
    """The newest first."""


class Waiting(Model):
    """A question to a person; /v1/approvals has more on it."""

    approval: str = Field(examples=["what-drives-delays-k3x9aa.plan.1"])
    subject: Subject
    text: str
    task_id: str = Field(description="empty: about the objective itself")
    attempt: int
    choices: tuple[Decision, ...]
    asked_at: datetime
    deadline: datetime | None


class Spent(Model):
    """What model calls used so far, those of objectives below this one included."""

    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    usd: Decimal
    unpriced: int = Field(description="calls whose price nobody knows; `usd` does not cover them")


class ObjectiveShown(Model):
    """An objective as it is now."""

    id: str = Field(examples=["what-drives-delays-k3x9aa"])
    stage: Stage
    mode: Mode = Field(description="in which it runs now; `request` has the one that was asked for")
    paused: bool
    request: Objective = Field(description="what was asked for")
    created_at: datetime
    ended_at: datetime | None
    plan: str | None = Field(description="SHA-256 of the plan that counts now; null: there is none yet")
    planned: str = Field(description="how many tasks, by whom", examples=["8 tasks by data-report 1.0.0"])
    replans: int
    tasks: dict[TaskState, int] = Field(description="how many are in which state", examples=[{"approved": 3}])
    waiting: tuple[Waiting, ...] = Field(description="for a person; the newest first")
    spent: Spent
    reason: str = Field(description="why it ended as it did")
    result: ObjectiveResult | None = Field(description="once it has ended")


class ObjectiveCreated(ObjectiveShown):
    """An objective that was just asked for."""

    warnings: tuple[str, ...] = Field((), description="about its files")


class VerdictPage(Page[VerdictShown]):
    """In the order in which they came."""


class JournalPage(Model):
    """What happened, in order."""

    items: tuple[JournalRow, ...]
    next: int | None = Field(description="`after` of the next page; null: this is all there is now")


class Objectives:
    """Of one tenant each time: what another one has is not found."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._engine = database.reading(house.engine)

    def page(self, tenant: str, query: ObjectiveQuery) -> ObjectivePage:
        before = cursors.read(query.cursor, _PLACE)
        with self._engine.connect() as connection:
            rows = listing.page(connection, tenant, query.wanted, before=before, limit=query.limit + 1)
        shown = rows[: query.limit]
        more = cursors.write((shown[-1].created_at, shown[-1].id), _PLACE) if len(rows) > query.limit else None
        return ObjectivePage(items=shown, next=more)

    def get(self, tenant: str, objective_id: str) -> ObjectiveShown:
        with self._engine.connect() as connection:
            row = objectives.find(connection, objective_id, tenant)
            if row is None:
                raise unknown(objective_id)
            waiting = approvals.listed(connection, tenant, objective_id=objective_id, limit=MOST_WAITING)
            used = usage.total(connection, objective_id=objective_id)
            with self._house.views.look(connection, objective_id) as view:
                return _shown(row, view, waiting, used)

    async def created(self, tenant: str, objective_id: str, warnings: tuple[str, ...]) -> ObjectiveCreated:
        shown = await run_in_threadpool(self.get, tenant, objective_id)
        return ObjectiveCreated(**dict(shown), warnings=warnings)

    def verdicts(self, tenant: str, objective_id: str, cursor: str, limit: int) -> VerdictPage:
        after = cursors.read(cursor, cursors.NUMBER) or 0
        with self.reading(tenant, objective_id) as connection:
            rows = work_pages.verdicts_of(connection, tenant, objective_id, task_id=None, after=after, limit=limit + 1)
        more = cursors.write(rows[limit - 1][0], cursors.NUMBER) if len(rows) > limit else None
        return VerdictPage(items=tuple(verdict for _, verdict in rows[:limit]), next=more)

    def journal(self, tenant: str, objective_id: str, after: int, limit: int) -> JournalPage:
        with self.reading(tenant, objective_id) as connection:
            rows = journal.read(connection, objective_id, after, limit=limit + 1)
        return JournalPage(items=rows[:limit], next=rows[limit - 1].seq if len(rows) > limit else None)

    @contextmanager
    def reading(self, tenant: str, objective_id: str) -> Iterator[Connection]:
        """For reads of what belongs to the objective. Raises NotFound."""
        with self._engine.connect() as connection:
            if not listing.exists(connection, tenant, objective_id):
                raise unknown(objective_id)
            yield connection

    def row(self, tenant: str, objective_id: str) -> ObjectiveRow:
        """Raises NotFound."""
        row = self._house.objectives.get(objective_id, tenant)
        if row is None:
            raise unknown(objective_id)
        return row


def unknown(objective_id: str) -> NotFound:
    return NotFound(f"there is no objective {objective_id[:80]!r}")


def _shown(
    row: ObjectiveRow, view: ObjectiveView, waiting: tuple[ApprovalRow, ...], used: usage.Used
) -> ObjectiveShown:
    states = [task.state for task in view.tasks.values()]
    return ObjectiveShown(
        id=row.request.id,
        stage=row.stage,
        mode=Mode(view.mode) if view.mode else row.request.mode,
        paused=view.paused,
        request=row.request,
        created_at=row.created_at,
        ended_at=row.ended_at,
        plan=row.plan,
        planned=view.plan,
        replans=view.replans,
        tasks={state: states.count(state) for state in TaskState if state in states},
        waiting=tuple(map(_waiting, waiting)),
        spent=Spent(
            calls=used.calls,
            failed=used.failed,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            usd=used.cost_usd,
            unpriced=used.unpriced,
        ),
        reason=view.reason,
        result=row.result,
    )


def _waiting(row: ApprovalRow) -> Waiting:
    request = row.request
    return Waiting(
        approval=request.id,
        subject=request.subject,
        text=request.text,
        task_id=request.task_id,
        attempt=request.attempt,
        choices=request.choices,
        asked_at=row.asked_at,
        deadline=request.deadline,
    )
