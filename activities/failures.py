"""The one place where an exception becomes a Temporal failure."""

from datetime import timedelta

from psycopg import OperationalError as ConnectionLost
from sqlalchemy.exc import InterfaceError, OperationalError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.llm.asking import ModelRefused, ModelRetry, ModelUnavailable
from activities.notify.channel import ChannelFault, ChannelUnavailable
from activities.playbooks.document import PlaybookError
from activities.store.artifacts import ArtifactLost
from activities.store.ledger import BudgetExceeded
from activities.tools.tool import ToolError

_TRANSIENT = (OperationalError, InterfaceError, ConnectionLost, ConnectionError, TimeoutError)
_EXPECTED = (ToolError, PlaybookError, ArtifactLost, BudgetExceeded, ModelRefused, ModelUnavailable, ChannelFault)


def is_transient(error: Exception) -> bool:
    """Whether the same call may well succeed a little later."""
    return isinstance(error, (*_TRANSIENT, ModelRetry, ChannelUnavailable))


def as_failure(error: Exception) -> ApplicationError:
    """Transient: Temporal tries again. Anything else: it would fail the same way, so it does not."""
    kind = type(error).__name__
    if isinstance(error, (ModelRetry, ChannelUnavailable)):
        return ApplicationError(
            str(error)[:2000],
            type=kind,
            next_retry_delay=None if error.seconds is None else timedelta(seconds=error.seconds),
            category=ApplicationErrorCategory.BENIGN,
        )
    if is_transient(error):
        return ApplicationError(f"{kind}: {error}", type=kind)
    if isinstance(error, _EXPECTED):
        # BENIGN keeps what a person or a playbook got wrong out of the host's error log.
        benign = ApplicationErrorCategory.BENIGN
        return ApplicationError(str(error)[:2000], type=kind, non_retryable=True, category=benign)
    return ApplicationError(f"{kind}: {error}"[:2000], type=kind, non_retryable=True)
