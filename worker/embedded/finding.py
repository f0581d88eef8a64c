"""What the doctor finds."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    state: Health = Health.OK
    text: str
    fix: str = ""
