"""Approvals that wait for weeks, on a Temporal of its own whose clock skips what is only waited for."""

import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from activities.store.tables import approvals
from tests.fakes import checks, tools
from tests.objectives import Objectives, Running, until
from worker.search_attributes import register
from worker.wiring import build_host
from workflows.domain.approval import DAY, ApprovalPolicy
from workflows.domain.objective import Mode, Stage
from workflows.domain.verdict import Decision, Subject

ONE = "tasks: [{id: a, title: A, steps: [{tool: fake.noop}]}]"


class Calendar:
    """Objectives, and a clock that can be moved on."""

    def __init__(self, environment: WorkflowEnvironment, objectives: Objectives) -> None:
        self.environment = environment
        self.objectives = objectives

    async def pass_(self, running: Running, days: float) -> None:
        await self.environment.fast_forward(running, timedelta(days=days))


@pytest.fixture(scope="module")
async def calendar(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calendar]:
    folder = tmp_path_factory.mktemp("waits")
    async with await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_log_level="error",
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"],
    ) as environment:
        await register(environment.client)
        async with build_host(environment.client, engine, folder, tools=tools.TOOLS, checks=checks.CHECKS):
            yield Calendar(environment, Objectives(environment.client, engine, folder))


async def test_two_weeks_with_a_reminder_and_an_escalation(calendar: Calendar) -> None:
    objectives = calendar.objectives
    policy = ApprovalPolicy(deciders=("eva",), remind_after=DAY, escalate_after=3 * DAY, deadline=30 * DAY)
    with calendar.environment.with_time_skipping_disabled():
        running = await objectives.start(ONE, mode=Mode.MANUAL, approvals=policy)
        plan = await objectives.waiting(running, Subject.PLAN)
        await until(lambda: "approval.requested" in objectives.kinds(running))
        assert "approval.reminded" not in objectives.kinds(running)
    await calendar.pass_(running, 14)
    await until(lambda: "approval.escalated" in objectives.kinds(running))
    kinds = [kind for kind in objectives.kinds(running) if kind.startswith("approval.")]
    assert kinds == ["approval.requested", "approval.reminded", "approval.escalated"]
    receipt = await objectives.decide(running, plan, Decision.APPROVED, by="root", roles=("admin",))
    assert receipt.by == "root"
    await objectives.approve(running, Subject.RESULT, by="eva")
    assert (await running.result()).stage is Stage.DELIVERED


async def test_after_the_deadline_it_is_denied(calendar: Calendar) -> None:
    objectives = calendar.objectives
    with calendar.environment.with_time_skipping_disabled():
        running = await objectives.start(ONE, mode=Mode.MANUAL)  # as the policy is when nobody says anything
        plan = await objectives.waiting(running, Subject.PLAN)
    await calendar.pass_(running, 31)
    result = await running.result()
    assert result.stage is Stage.NOT_DELIVERED
    assert result.reason == "time-out did not approve the plan: nobody decided before the deadline"
    with objectives.engine.connect() as connection:
        assert connection.execute(select(approvals.c.state).where(approvals.c.id == plan.id)).scalar() == "expired"
