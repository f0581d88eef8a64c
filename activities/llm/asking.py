"""Who asks a model, and why a model could not be asked."""

from pydantic import Field

from activities.llm.faults import FaultKind
from activities.store.ledger import Scope
from workflows.domain.model import Model


class Asker(Model):
    """On whose behalf a call is made. `key` makes it one that is paid once."""

    key: str
    objective_id: str
    tenant: str
    task_id: str = ""
    attempt: int = 0
    step_id: str = ""
    role: str
    scopes: tuple[Scope, ...]
    degrade: bool = Field(False, description="goes on with a cheaper profile where the budget does not cover this one")


class ModelUnavailable(Exception):
    """No model can be asked, and trying again would not change that: no key, no quota, no such model."""


class ModelRetry(Exception):
    """This try gave nothing; the next may. `seconds` to wait before it."""

    def __init__(self, kind: FaultKind, message: str, seconds: float) -> None:
        super().__init__(message)
        self.kind = kind
        self.seconds = seconds


class ModelRefused(Exception):
    """The model, or its provider, does not do what was asked; another try would be refused as well."""
