"""Plans by playbook: no model, the same files and inputs give the same plan."""

from temporalio import activity
from typing_extensions import override

from activities.desk import Desk, given
from activities.failures import as_failure
from activities.playbooks.compiler import Catalogue, acceptance, compile_tasks
from activities.playbooks.document import PlaybookError, parse
from activities.playbooks.inputs import typed_inputs
from activities.threads import Threads
from workflows.domain.artifact import ArtifactRef
from workflows.domain.objective import Objective
from workflows.domain.plan import Plan, PlanOutline, outline_page
from workflows.ports.planner import OutlineRequest, Planner, PlanRequest

PLAN_MEDIA_TYPE = "application/vnd.botted.plan+json"


class PlaybookPlanner(Planner):
    def __init__(self, desk: Desk, catalogue: Catalogue, threads: Threads) -> None:
        self._desk = desk
        self._catalogue = catalogue
        self._threads = threads

    @override
    @activity.defn
    async def make_plan(self, request: PlanRequest) -> PlanOutline:
        try:
            return await self._threads.run(lambda: self._make(request.objective))
        except Exception as error:
            raise as_failure(error) from error

    @override
    @activity.defn
    async def outline(self, request: OutlineRequest) -> PlanOutline:
        try:
            return await self._threads.run(lambda: self._page(request.plan, request.page))
        except Exception as error:
            raise as_failure(error) from error

    def _make(self, objective: Objective) -> PlanOutline:
        self._desk.objectives.open(objective)
        if objective.playbook is None:
            raise PlaybookError([f"{objective.id} has no playbook; a model plans it"])
        text = self._desk.artifacts.read(objective.playbook.sha256).decode("utf-8")
        document = parse(text, objective.playbook.name)
        inputs = typed_inputs(document, objective.inputs)
        filled = given(objective).model_copy(update={"inputs": inputs})
        tasks = compile_tasks(document, self._catalogue, filled)
        plan = Plan(
            objective_id=objective.id,
            playbook=f"{document.playbook.name} {document.playbook.version}",
            tasks=tasks,
            checks=acceptance(document.playbook.checks),
            criteria=document.playbook.criteria,
            inputs=inputs,
        )
        ref = self._desk.artifacts.put("plan.json", plan.model_dump_json().encode(), PLAN_MEDIA_TYPE)
        self._desk.objectives.planned(objective.id, plan, ref.sha256)
        return self._page(ref, 0)

    def _page(self, ref: ArtifactRef, page: int) -> PlanOutline:
        return outline_page(ref, self._desk.plan(ref.sha256), page)
