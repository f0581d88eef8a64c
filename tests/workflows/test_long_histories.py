"""Continue-as-new, on a server of its own whose threshold is low enough to be met in seconds."""

import asyncio
from pathlib import Path

from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from config import temporal
from tests.fakes import checks, tools
from tests.objectives import Objectives
from worker.embedded.temporal_server import find_binary
from worker.search_attributes import register
from worker.wiring import build_host
from workflows.domain.objective import Stage

NUMBERS = ", ".join(map(str, range(30)))
STEPS = ", ".join(["{tool: fake.noop}"] * 25)
MANY = f"""
tasks:
  - {{id: "t{{{{ n }}}}", title: T, for_each: {{n: [{NUMBERS}]}}, steps: [{{tool: fake.noop}}]}}
  - {{id: long, title: Long, steps: [{STEPS}]}}
  - {{id: last, title: Last, needs: ["t*", long], steps: [{{tool: fake.noop}}]}}
"""


async def test_an_objective_and_a_task_continue_as_new_and_do_nothing_twice(engine: Engine, tmp_path: Path) -> None:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(find_binary()),
        dev_server_extra_args=["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=80"],
    ) as environment:
        client = await temporal.connect(environment.client.service_client.config.target_host)
        await register(client)
        host = build_host(client, engine, tmp_path, tools=tools.TOOLS, checks=checks.CHECKS, max_concurrent_steps=20)
        async with host:
            objectives = Objectives(client, engine, tmp_path)
            running = await objectives.start(MANY)
            result = await asyncio.wait_for(running.result(), 90)
            assert result.stage is Stage.DELIVERED
            assert await _runs(client, running.id) > 1
            assert await _runs(client, objectives.task(running, "long").id) > 1
            done = [(row.task_id, row.step_id) for row in objectives.journal(running) if row.kind == "step.finished"]
            assert len(done) == len(set(done)) == 30 + 25 + 1


async def _runs(client: Client, workflow_id: str) -> int:
    """How many runs the chain of a workflow has, from its first to its last."""
    last = await client.get_workflow_handle(workflow_id).describe()
    first = last.raw_description.workflow_execution_info.first_run_id
    count, run_id = 1, first
    while run_id != last.run_id:
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        run_id = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        count += 1
    return count
