from abc import ABC, abstractmethod

from pydantic import Field, JsonValue
from temporalio import activity

from workflows.domain.approval import Approval
from workflows.domain.artifact import Sha256
from workflows.domain.control import Submission
from workflows.domain.model import Model
from workflows.domain.objective import ObjectiveResult, Stage
from workflows.domain.verdict import ObjectiveVerdict, TaskVerdict


class SettledApproval(Model):
    """How an approval ended."""

    id: str
    state: str = Field(description="approved | revise | rejected | expired | withdrawn")
    by: str = ""
    feedback: str = Field("", max_length=2000)


class Note(Model):
    """Something that no other activity writes down: a question to a person, an answer, a stray signal, a bad end."""

    objective_id: str
    kind: str
    task_id: str = ""
    attempt: int = 0
    actor: str = "workflow"
    text: str = Field("", max_length=2000)
    data: dict[str, JsonValue] = {}
    stage: Stage | None = Field(None, description="the objective's new stage, if this note marks one")
    asked: Approval | None = Field(None, description="a question that waits from now on")
    escalated: str = Field("", description="id of the approval that more people may decide from now on")
    settled: SettledApproval | None = None
    task_verdict: TaskVerdict | None = None
    objective_verdict: ObjectiveVerdict | None = None


class CloseRequest(Model):
    objective_id: str
    plan: Sha256 | None
    stage: Stage
    reason: str = Field("", max_length=600)
    skipped: dict[str, str] = Field({}, description="task → why a person goes on without it")


class ReopenRequest(Model):
    """Attempts that no longer count, by a person's wish."""

    objective_id: str
    attempts: dict[str, int]
    by: str
    feedback: str = Field("", max_length=2000)
    named: tuple[str, ...] = Field((), description="those that the feedback is about; the others build on them")


class FilingRequest(Model):
    """What a person submits for a task."""

    objective_id: str
    plan: Sha256
    task_id: str
    attempt: int
    submission: Submission


class Clerk(ABC):
    """Keeps the books: notes, questions to people and their answers, and the closing of an objective."""

    @activity.defn
    @abstractmethod
    async def take_note(self, note: Note) -> None: ...

    @activity.defn
    @abstractmethod
    async def reopen_tasks(self, request: ReopenRequest) -> None: ...

    @activity.defn
    @abstractmethod
    async def file_submission(self, request: FilingRequest) -> str:
        """Takes it as what the attempt made; why it cannot be taken, or nothing."""

    @activity.defn
    @abstractmethod
    async def close_objective(self, request: CloseRequest) -> ObjectiveResult:
        """Collects the deliverables of approved tasks, says what is missing, and writes the end down."""
