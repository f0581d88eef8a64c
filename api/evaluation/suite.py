"""The form of an evaluation suite."""

from enum import StrEnum, auto
from typing import Literal

from pydantic import Field, JsonValue

from activities.playbooks.schema import CheckSpec, Name
from workflows.domain.budget import Budget
from workflows.domain.model import Model

MOST_TEXT = 4000
"""Characters of an objective."""
MOST_ARTIFACT = 20_000
"""Characters of an artifact under judgement: it travels with the objective, and a verifier sees no more of it."""


class Truth(StrEnum):
    """What an artifact is, whatever a verifier says of it."""

    GOOD = auto()
    DEFECT = auto()


class KnownAnswer(Model):
    """What a question's answer is. `sql` gives the same from the files, each a table named after its stem."""

    artifact: str = Field("answer.json", description="a JSON object with these fields, or a text that says the values")
    values: dict[str, JsonValue] = Field(min_length=1)
    tolerance: float = Field(0.0, ge=0, description="how far a number may be off")
    sql: str = Field(min_length=1, description="gives one row with these columns; a list in a value is a LIST")


class Expectation(Model):
    """Outcomes that a machine can check: how the objective ends, and what is in what it delivers."""

    stage: Literal["delivered", "not_delivered"] = "delivered"
    answer: KnownAnswer | None = None
    checks: tuple[CheckSpec, ...] = ()


class ObjectiveCase(Model):
    """An objective whose outcome is known."""

    id: Name
    text: str = Field(min_length=1, max_length=MOST_TEXT)
    files: tuple[str, ...] = Field((), description="paths as seen from the suite's file, or demo:NAME")
    playbook: JsonValue = Field(None, description="a name, a path, or a playbook in full; none: a model plans")
    inputs: dict[str, JsonValue] = {}
    budget: Budget = Budget()
    minutes: float = Field(30, gt=0, le=1440, description="after which it is cancelled and has failed")
    expect: Expectation = Expectation()


class ArtifactSpec(Model):
    """What a worker is said to have submitted."""

    name: str = Field(max_length=200, pattern=r"^\w[\w-]*([./]\w[\w-]*)*\.(md|txt|csv|json|html)$")
    text: str = Field("", max_length=MOST_ARTIFACT)
    file: str = Field("", description="instead of text: a path as seen from the suite's file")


class VerdictCase(Model):
    """Work that is known to be good or to have a defect, for verifiers to judge."""

    id: Name
    task: str = Field(min_length=1, max_length=MOST_TEXT, description="what had been asked for")
    criteria: tuple[str, ...] = Field(min_length=1, max_length=20)
    artifacts: tuple[ArtifactSpec, ...] = Field(min_length=1, max_length=10)
    truth: Truth
    planted: str = Field("", description="the defect, for people who read the report")
    budget: Budget = Budget()
    minutes: float = Field(10, gt=0, le=1440)


class Suite(Model):
    name: Name
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    description: str = Field(min_length=1)
    objectives: tuple[ObjectiveCase, ...] = ()
    verdicts: tuple[VerdictCase, ...] = ()
