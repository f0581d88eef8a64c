from abc import ABC, abstractmethod

from pydantic import Field
from temporalio import activity

from workflows.domain.artifact import Sha256
from workflows.domain.model import Model
from workflows.domain.objective import ObjectiveResult, Stage
from workflows.domain.verdict import ObjectiveVerdict, TaskVerdict


class Note(Model):
    """Something that no other activity writes down: a person's verdict, a stray signal, a task's bad end."""

    objective_id: str
    kind: str
    task_id: str = ""
    attempt: int = 0
    actor: str = "workflow"
    text: str = Field("", max_length=2000)
    subject: str = Field("", description="of an approval that is asked for: plan, result, task or budget")
    stage: Stage | None = Field(None, description="the objective's new stage, if this note marks one")
    task_verdict: TaskVerdict | None = None
    objective_verdict: ObjectiveVerdict | None = None


class CloseRequest(Model):
    objective_id: str
    plan: Sha256 | None
    stage: Stage
    reason: str = Field("", max_length=600)


class Clerk(ABC):
    """Keeps the books: notes, and the closing of an objective."""

    @activity.defn
    @abstractmethod
    async def take_note(self, note: Note) -> None: ...

    @activity.defn
    @abstractmethod
    async def close_objective(self, request: CloseRequest) -> ObjectiveResult:
        """Collects the deliverables of approved tasks, says what is missing, and writes the end down."""
