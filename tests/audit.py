"""What must hold of every objective, however its models behaved."""

import asyncio
from collections import Counter

from sqlalchemy import select

from activities.store.tables import budgets, model_calls
from tests import models
from tests.objectives import Objectives, Running


async def assert_in_order(objectives: Objectives, running: Running) -> None:
    """Nothing stays reserved, no limit is passed, nothing is paid twice, and no key is anywhere."""
    objective_id = running.id.removeprefix("objective/")
    with objectives.engine.connect() as connection:
        paid = connection.execute(select(budgets).where(budgets.c.objective_id == objective_id)).all()
        calls = connection.execute(select(model_calls).where(model_calls.c.objective_id == objective_id)).all()
    for row in paid:
        assert (row.reserved_usd, row.reserved_tokens, row.reserved_turns) == (0, 0, 0), row
        assert row.limit_usd is None or row.spent_usd <= row.limit_usd, row
        assert row.limit_tokens is None or row.spent_tokens <= row.limit_tokens, row
        assert row.limit_turns is None or row.spent_turns <= row.limit_turns, row
    answered = Counter(row.key for row in calls if row.state == "done")
    assert all(times == 1 for times in answered.values()), answered
    assert not any(row.state == "reserved" for row in calls)
    whole = next((row for row in paid if row.scope == running.id), None)
    if whole is not None:
        assert whole.spent_usd == sum(row.cost_usd for row in calls)
        assert whole.spent_tokens == sum(row.input_tokens + row.output_tokens for row in calls)
    told = str(objectives.journal(running)) + str([(row.error, row.response) for row in calls])
    assert models.KEY not in told
    for text in await asyncio.gather(*(_history(objectives, workflow_id) for workflow_id in await _workflows(running))):
        assert models.KEY not in text


async def _workflows(running: Running) -> list[str]:
    history = await running.fetch_history()
    return [
        running.id,
        *(
            event.start_child_workflow_execution_initiated_event_attributes.workflow_id
            for event in history.events
            if event.HasField("start_child_workflow_execution_initiated_event_attributes")
        ),
    ]


async def _history(objectives: Objectives, workflow_id: str) -> str:
    """As it is stored: in its JSON payloads are encoded, and nothing could be found in them."""
    history = await objectives.client.get_workflow_handle(workflow_id).fetch_history()
    return b"".join(event.SerializeToString() for event in history.events).decode("latin-1")
