"""How long we wait and how hard we try, one name per kind of work."""

from dataclasses import replace
from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig

from workflows.domain.naming import NOTICES_QUEUE, Role, models_queue, queue_of

_TRANSIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=8,
    non_retryable_error_types=["PayloadsTooLarge"],
)

_MODEL = replace(_TRANSIENT, maximum_attempts=30)
"""Of a provider that is down or overloaded much is forgiven: with waits of up to 30 s, some thirteen minutes."""


def _work_of(queue: str, retry: RetryPolicy, *, minutes: int) -> ActivityConfig:
    return ActivityConfig(
        task_queue=queue,
        start_to_close_timeout=timedelta(minutes=minutes),
        heartbeat_timeout=timedelta(seconds=10),
        retry_policy=retry,
    )


PLANNING = _work_of(queue_of(Role.PLANNER), _TRANSIENT, minutes=5)
TOOL_CALL = _work_of(queue_of(Role.EXECUTOR), _TRANSIENT, minutes=30)
REVIEW = _work_of(queue_of(Role.VERIFIER), _TRANSIENT, minutes=30)
DRAFTING = _work_of(models_queue(queue_of(Role.PLANNER)), _MODEL, minutes=15)
MODEL_TURN = _work_of(models_queue(queue_of(Role.EXECUTOR)), _MODEL, minutes=15)
JUDGING = _work_of(models_queue(queue_of(Role.VERIFIER)), _MODEL, minutes=15)
BOOKKEEPING = ActivityConfig(
    task_queue=queue_of(Role.PLANNER),
    start_to_close_timeout=timedelta(seconds=30),
    # Bookkeeping goes on until the database is back: an end that is not written down did not happen.
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=20)),
)
NOTIFYING = ActivityConfig(
    task_queue=NOTICES_QUEUE,
    start_to_close_timeout=timedelta(minutes=1),
    # A receiver may be down for a weekend; later than this the news is old.
    schedule_to_close_timeout=timedelta(days=3),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=5), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=10)
    ),
)


def seconds(count: int) -> timedelta:
    """How long an objective's own policy says."""
    return timedelta(seconds=count)


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
