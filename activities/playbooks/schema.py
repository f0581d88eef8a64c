"""The form of a playbook file."""

from enum import StrEnum, auto
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from workflows.domain.budget import Budget
from workflows.domain.model import Model
from workflows.domain.plan import ReviewPolicy

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,59}$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,39}$")]


class InputType(StrEnum):
    STRING = auto()
    INTEGER = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    LIST = auto()


class InputSpec(Model):
    """An input: its type, and a default unless it must be given."""

    type: InputType = InputType.STRING
    description: str = ""
    default: JsonValue = None
    required: bool = False
    choices: tuple[JsonValue, ...] = ()


class FilesSpec(Model):
    """Which files the playbook works on. `tables` are checked before anything starts."""

    kind: Literal["tables", "any"] = "any"
    min: int = Field(0, ge=0)
    max: int = Field(100, ge=0)


class StepSpec(Model):
    id: str = ""
    tool: str
    title: str = ""
    with_: dict[str, JsonValue] = Field({}, alias="with")


class CheckSpec(Model):
    check: str
    with_: dict[str, JsonValue] = Field({}, alias="with")


class WorkSpec(Model):
    """What a worker with a model is to do, instead of steps."""

    instructions: str = Field(min_length=1, max_length=4000)
    tools: tuple[str, ...] = ()
    max_turns: int = Field(20, ge=1, le=200)
    as_objective: bool = Field(False, description="an objective of its own, with a plan of its own")

    @model_validator(mode="after")
    def _with_tools(self) -> Self:
        if not self.tools and not self.as_objective:
            raise ValueError("name the tools; without any its worker could not do anything")
        return self


class TaskSpec(Model):
    """A task, or with `for_each` one task per combination of its values."""

    id: str
    title: str
    needs: tuple[str, ...] = Field((), description="task ids; * stands for anything")
    for_each: dict[Variable, str | list[JsonValue]] = {}
    when: str | bool = Field(True, description="a {{ condition }}; false leaves the task out")
    capability: str = "general"
    steps: tuple[StepSpec, ...] = ()
    work: WorkSpec | None = Field(None, description="instead of steps; needs a model")
    checks: tuple[CheckSpec, ...] = ()
    criteria: tuple[str, ...] = Field((), max_length=20, description="what verifiers with a model judge")
    review: ReviewPolicy = ReviewPolicy()
    budget: Budget = Field(Budget(), description="of the models that work on it; within the objective's own")
    deliverables: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _steps_or_work(self) -> Self:
        if bool(self.steps) == (self.work is not None):
            raise ValueError("give either steps, which need no model, or work, which a worker with a model does")
        return self


class Playbook(Model):
    name: Name
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    description: str = Field(min_length=1)
    files: FilesSpec = FilesSpec()
    inputs: dict[Variable, InputSpec] = {}
    tasks: tuple[TaskSpec, ...] = Field(min_length=1)
    checks: tuple[CheckSpec, ...] = Field((), description="what the result as a whole must meet")
    criteria: tuple[str, ...] = Field((), max_length=20, description="the same, as verifiers with a model judge it")

    @property
    def needs_model(self) -> bool:
        return bool(self.criteria) or any(task.work or task.criteria for task in self.tasks)
