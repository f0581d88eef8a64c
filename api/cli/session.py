"""What a command works with: where the stack is, the stores, and Temporal."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from activities.store import database, journal
from activities.store.artifacts import ArtifactStore
from activities.store.lessons import Lessons
from activities.store.objectives import ObjectiveRow, ObjectiveStore
from activities.store.usage import UsageStore
from api.cli.errors import DOCTOR, BadInput, Stopped
from api.services.view import ObjectiveView
from config.settings import Settings
from worker.embedded import stack
from worker.embedded.stack import Addresses
from workflows.domain.naming import objective_workflow_id

if TYPE_CHECKING:
    from api.cli.workflow_calls import WorkflowCalls


TENANT = "default"
"""Whose commands these are: one house, one tenant."""


class Session:
    """Open as long as a command runs; while it is, the embedded stack stays up."""

    def __init__(self, addresses: Addresses, engine: Engine, settings: Settings) -> None:
        self.addresses = addresses
        self.engine = engine
        self.settings = settings
        self.objectives = ObjectiveStore(engine)
        self.artifacts = ArtifactStore(engine, settings.folder)
        self.usage = UsageStore(engine)
        self.lessons = Lessons(engine)

    def view(self, objective_id: str) -> ObjectiveView:
        """As the journal has it now."""
        view = ObjectiveView(objective_id)
        with self.engine.connect() as connection:
            view.take(journal.read(connection, objective_id))
        return view

    def objective(self, asked: str) -> ObjectiveRow:
        """By id, or by the beginning of one. Raises BadInput."""
        row = self.objectives.get(asked)
        if row is not None:
            return row
        match self.objectives.like(asked):
            case [sole]:
                found = self.objectives.get(sole)
                assert found is not None
                return found
            case []:
                raise BadInput(f"there is no objective {asked!r}; `botted list` shows those that there are")
            case several:
                raise BadInput(f"{asked!r} fits more than one objective: {', '.join(several)}")

    @property
    def workflows(self) -> "WorkflowCalls":
        from api.cli.workflow_calls import WorkflowCalls  # Temporal's client takes a while to import

        return WorkflowCalls(self.addresses.temporal_address, self.addresses.temporal_namespace)

    def web_ui(self, objective_id: str) -> str | None:
        if self.addresses.web_ui is None:
            return None
        workflow = quote(objective_workflow_id(objective_id), safe="")
        namespace = self.addresses.temporal_namespace
        return f"{self.addresses.web_ui}/namespaces/{namespace}/workflows/{workflow}"


@contextmanager
def open_session(settings: Settings, report: Callable[[str], None]) -> Iterator[Session]:
    """Finds or starts the stack. Raises Stopped with what to do when that fails."""
    with ExitStack() as held:
        try:
            held.enter_context(stack.lease(settings))
            addresses = stack.ensure(settings, report=report)
        except (stack.FolderError, stack.ModelFileError) as error:
            raise BadInput(*str(error).splitlines()) from error
        except stack.StackError as error:
            raise Stopped(str(error).splitlines()) from error
        engine = database.connect(addresses.database_url, pool_size=3, ping=True)
        try:
            yield Session(addresses, engine, settings)
        except OperationalError as error:
            raise Stopped([f"Postgres does not answer: {error.orig}", DOCTOR]) from error
        finally:
            engine.dispose()
