"""Plans by a model: a draft that does not hold goes back with what is wrong, a bounded number of times."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows.allowance import Allowance
    from workflows.domain.plan import PlanOutline
    from workflows.failures import NotDelivered, stop_or_cancel
    from workflows.policies import DRAFTING, named
    from workflows.ports.drafter import MAX_ROUNDS, Draft, Drafter, DraftRequest


async def draft_plan(request: DraftRequest, allowance: Allowance) -> PlanOutline:
    """The first page of a plan that holds. Raises NotDelivered."""
    faults = ""
    for number in range(1, MAX_ROUNDS + 1):
        draft = await _draft(request.model_copy(update={"round": number}), allowance)
        if draft.outline is not None:
            return draft.outline
        faults = draft.faults
    raise NotDelivered(f"no plan: {MAX_ROUNDS} drafts in a row did not hold; the last one: {faults}")


async def _draft(request: DraftRequest, allowance: Allowance) -> Draft:
    summary = "Draft the plan anew" if request.replan else "Draft the plan"
    corrected = f", corrected ({request.round})" if request.round > 1 else ""
    config = named(DRAFTING, summary + corrected, activity_id=f"draft-{request.replan}-{request.round}")
    try:
        return await allowance.spend(lambda: workflow.execute_activity_method(Drafter.draft_plan, request, **config))
    except ActivityError as error:
        raise stop_or_cancel(error, "there is no plan") from error
