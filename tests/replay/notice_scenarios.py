"""The same for notices."""

import asyncio
from uuid import uuid4

from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.store import journal
from activities.store.objectives import ObjectiveStore
from tests.objectives import Objectives, until
from workflows.domain.approval import Approval
from workflows.domain.naming import WORKFLOW_QUEUE
from workflows.domain.notice import Notice, NoticeResult, Occasion, Outcome
from workflows.domain.objective import Objective
from workflows.domain.verdict import Decision, Subject
from workflows.notify import NotifyWorkflow

Telling = WorkflowHandle[NotifyWorkflow, NoticeResult]


async def told_to_whom_it_reaches(objectives: Objectives) -> Telling:
    running = await _tell(objectives, "bell", "deaf", "unknown")
    result = await running.result()
    assert result.outcomes == {"bell": Outcome.SENT, "deaf": Outcome.FAILED, "unknown": Outcome.FAILED}
    return running


async def telling_was_cancelled(objectives: Objectives) -> Telling:
    running = await _tell(objectives, "bell", "away")
    objective_id = running.id.split("/")[1]
    await until(lambda: "notice.sent" in _kinds(objectives, objective_id))
    await running.cancel()
    try:
        await running.result()
    except WorkflowFailureError:
        return running
    raise AssertionError("a cancelled notice must not end as completed")


def _kinds(objectives: Objectives, objective_id: str) -> list[str]:
    with objectives.engine.connect() as connection:
        return [row.kind for row in journal.read(connection, objective_id)]


async def _tell(objectives: Objectives, *channels: str) -> Telling:
    objective_id = f"test-{uuid4().hex[:8]}"
    await asyncio.to_thread(ObjectiveStore(objectives.engine).open, Objective(id=objective_id, text="A test"))
    approval = Approval(
        id=f"{objective_id}.plan.1",
        objective_id=objective_id,
        subject=Subject.PLAN,
        text="the plan",
        choices=(Decision.APPROVED, Decision.REJECTED),
    )
    return await objectives.client.start_workflow(
        NotifyWorkflow.run,
        Notice(occasion=Occasion.ASKED, approval=approval, objective="A test", channels=channels),
        id=f"objective/{objective_id}/notify/{approval.id}/{Occasion.ASKED}",
        task_queue=WORKFLOW_QUEUE,
    )


NOTICE_SCENARIOS = (told_to_whom_it_reaches, telling_was_cancelled)
