"""How long we wait and how hard we try, one name per kind of work."""

from dataclasses import replace
from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig

from workflows.domain.naming import Role, queue_of

_TRANSIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=8,
    non_retryable_error_types=["PayloadsTooLarge"],
)

_MODEL = replace(_TRANSIENT, maximum_attempts=30)
"""Of a provider that is down or overloaded much is forgiven: with waits of up to 30 s, some thirteen minutes."""

PLANNING = ActivityConfig(
    task_queue=queue_of(Role.PLANNER),
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=_TRANSIENT,
)
TOOL_CALL = ActivityConfig(
    task_queue=queue_of(Role.EXECUTOR),
    start_to_close_timeout=timedelta(minutes=30),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=_TRANSIENT,
)
REVIEW = ActivityConfig(
    task_queue=queue_of(Role.VERIFIER),
    start_to_close_timeout=timedelta(minutes=30),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=_TRANSIENT,
)
DRAFTING = ActivityConfig(
    task_queue=queue_of(Role.PLANNER),
    start_to_close_timeout=timedelta(minutes=15),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=_MODEL,
)
MODEL_TURN = ActivityConfig(
    task_queue=queue_of(Role.EXECUTOR),
    start_to_close_timeout=timedelta(minutes=15),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=_MODEL,
)
JUDGING = ActivityConfig(
    task_queue=queue_of(Role.VERIFIER),
    start_to_close_timeout=timedelta(minutes=15),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=_MODEL,
)
BOOKKEEPING = ActivityConfig(
    task_queue=queue_of(Role.PLANNER),
    start_to_close_timeout=timedelta(seconds=30),
    # Bookkeeping goes on until the database is back: an end that is not written down did not happen.
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=20)),
)


def named(
    policy: ActivityConfig, summary: str, *, activity_id: str | None = None, queue: str | None = None
) -> ActivityConfig:
    """A policy with what the Web UI shows; with an id of its own, operators' commands and replay are sharper."""
    config: ActivityConfig = {**policy, "summary": summary}
    if activity_id is not None:
        config["activity_id"] = activity_id
    if queue is not None:
        config["task_queue"] = queue
    return config
