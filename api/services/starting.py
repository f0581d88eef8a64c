"""Starts the workflow of an objective that is written down."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from workflows.domain.naming import WORKFLOW_QUEUE, objective_workflow_id
from workflows.domain.objective import Objective
from workflows.domain.order import ObjectiveOrder

PATIENCE = timedelta(seconds=10)


async def start(client: Client, objective: Objective) -> None:
    """Once: where it runs, or has run, nothing happens. Raises RPCError."""
    try:
        await client.start_workflow(
            "ObjectiveWorkflow",
            ObjectiveOrder(objective=objective),
            id=objective_workflow_id(objective.id),
            task_queue=WORKFLOW_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=objective.text[:200],
            static_details=_details(objective),
            rpc_timeout=PATIENCE,
        )
    except WorkflowAlreadyStartedError:
        return


def _details(objective: Objective) -> str:
    files = ", ".join(file.name for file in objective.files)[:2000] or "none"
    planned_by = f"Playbook: {objective.playbook.name}" if objective.playbook else "Planned by a model"
    return f"Asked by {objective.asked_by}. Files: {files}. {planned_by}."
