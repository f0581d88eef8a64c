"""What a supervisor writes down in stack.json: for clients to find it, for its successor to clean up after it."""

import json
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError

from worker.embedded.folder import Folder, write_whole
from worker.embedded.local_model import LocalModel
from worker.embedded.process import ProcessId


class Phase(StrEnum):
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Addresses(BaseModel):
    """Where the stack's servers answer. The URL is in SQLAlchemy's form."""

    model_config = ConfigDict(frozen=True)

    temporal_address: str
    temporal_namespace: str
    web_ui: str | None
    database_url: str
    local_model: str | None = None  # base URL of a llama.cpp server, as OpenAI's clients want it
    api: str | None = None  # once it answers; nothing else waits for it


class StackState(BaseModel):
    model_config = ConfigDict(frozen=True)

    format: int = 1
    home: str  # which folder this was written in; a copied folder is another one
    supervisor: ProcessId
    phase: Phase
    message: str = ""
    ports: dict[str, int] = {}
    parts: dict[str, ProcessId] = {}
    addresses: Addresses | None = None
    serves: LocalModel | None = None

    @property
    def runs(self) -> bool:
        return self.phase not in {Phase.STOPPED, Phase.FAILED} and self.supervisor.is_alive()


def read(folder: Folder) -> StackState | None:
    """The last word of the last supervisor; None when there is none that can be understood.

    In a copy of a folder only the ports are remembered: the processes belong to the original.
    """
    try:
        written = StackState.model_validate_json(folder.state.read_text())
        at_home = written.home == home(folder)
    except (OSError, ValidationError):
        return None
    return written if at_home else written.model_copy(update={"phase": Phase.STOPPED, "parts": {}})


def home(folder: Folder) -> str:
    lock = folder.supervisor_lock.stat()
    return f"{lock.st_dev}:{lock.st_ino}"


def write(folder: Folder, state: StackState) -> None:
    write_whole(folder.state, json.dumps(state.model_dump(mode="json"), indent=2) + "\n")


def sqlalchemy_url(url: str) -> str:
    """The same database in SQLAlchemy's form, with the driver named."""
    scheme, colon, rest = url.partition("://")
    return f"postgresql+psycopg{colon}{rest}" if scheme in {"postgresql", "postgres"} else url


def libpq_url(url: str) -> str:
    """The same database as psycopg and psql want it, without the driver's name."""
    scheme, colon, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{colon}{rest}"
