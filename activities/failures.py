"""The one place where an exception becomes a Temporal failure."""

from psycopg import OperationalError as ConnectionLost
from sqlalchemy.exc import InterfaceError, OperationalError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.playbooks.document import PlaybookError
from activities.store.artifacts import ArtifactLost
from activities.tools.tool import ToolError

_TRANSIENT = (OperationalError, InterfaceError, ConnectionLost, ConnectionError, TimeoutError)
_EXPECTED = (ToolError, PlaybookError, ArtifactLost)


def is_transient(error: Exception) -> bool:
    """Whether the same call may well succeed a little later."""
    return isinstance(error, _TRANSIENT)


def as_failure(error: Exception) -> ApplicationError:
    """Transient: Temporal tries again. Anything else: it would fail the same way, so it does not."""
    kind = type(error).__name__
    if is_transient(error):
        return ApplicationError(f"{kind}: {error}", type=kind)
    if isinstance(error, _EXPECTED):
        # BENIGN keeps what a person or a playbook got wrong out of the host's error log.
        benign = ApplicationErrorCategory.BENIGN
        return ApplicationError(str(error)[:2000], type=kind, non_retryable=True, category=benign)
    return ApplicationError(f"{kind}: {error}"[:2000], type=kind, non_retryable=True)
