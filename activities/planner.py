"""Plans by playbook or by hand: no model, the same files and inputs give the same plan."""

from sqlalchemy import Engine
from temporalio import activity
from typing_extensions import override

from activities.desk import Desk, given
from activities.failures import as_failure
from activities.planning import choosing, revision
from activities.playbooks.compiler import Catalogue, acceptance, compile_tasks
from activities.playbooks.document import PlaybookError, parse
from activities.playbooks.inputs import typed_inputs
from activities.store import hosts, journal
from activities.store.journal import Entry
from activities.threads import Threads
from workflows.domain.artifact import ArtifactRef
from workflows.domain.objective import Objective
from workflows.domain.plan import Plan, PlanOutline, outline_page
from workflows.ports.drafter import Draft
from workflows.ports.planner import (
    ModeChoice,
    ModeRequest,
    OutlineRequest,
    Planner,
    PlanRequest,
    RevisionRequest,
)

PLAN_MEDIA_TYPE = "application/vnd.botted.plan+json"


class PlaybookPlanner(Planner):
    def __init__(self, engine: Engine, desk: Desk, catalogue: Catalogue, threads: Threads) -> None:
        self._engine = engine
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

    @override
    @activity.defn
    async def revise_plan(self, request: RevisionRequest) -> Draft:
        try:
            return await self._threads.run(lambda: self._revise(request))
        except Exception as error:
            raise as_failure(error) from error

    @override
    @activity.defn
    async def choose_mode(self, request: ModeRequest) -> ModeChoice:
        return await self._threads.run(lambda: self._choose(request))

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
        return self._kept(plan, "planner", 0)

    def _revise(self, request: RevisionRequest) -> Draft:
        before, change = self._desk.plan(request.plan), request.revision
        try:
            text = self._desk.artifacts.read(change.revision.sha256).decode("utf-8", "replace")
            name = change.revision.name
            whole = revision.with_added(before, text, name) if change.add else text
            asked = given(request.objective).model_copy(update={"inputs": before.inputs})
            taken = self._desk.work.begun(request.objective.id)
            plan = revision.revised(
                before, whole, name, by=change.by, given=asked, catalogue=self._catalogue, taken=taken
            )
            faults = tuple(revision.faults_in_fixed(before, plan, request.fixed))
        except PlaybookError as error:
            faults = error.faults
        if faults:
            return Draft(faults="; ".join(faults)[:600])
        return Draft(outline=self._kept(plan, change.by, request.number))

    def _kept(self, plan: Plan, by: str, number: int) -> PlanOutline:
        ref = self._desk.artifacts.put("plan.json", plan.model_dump_json().encode(), PLAN_MEDIA_TYPE)
        self._desk.objectives.planned(plan.objective_id, plan, ref.sha256, replan=number, by=by)
        return self._page(ref, 0)

    def _choose(self, request: ModeRequest) -> ModeChoice:
        plan = self._desk.plan(request.plan)
        host = hosts.newest(self._engine)
        verifiers = bool(host and host.models.get("roles", {}).get("verifier"))
        choice = choosing.choose(choosing.Facts(request.objective, plan, verifiers))
        entry = Entry(
            objective_id=request.objective.id,
            kind="mode.chosen",
            actor="planner",
            text=f"{choice.mode}: {'; '.join(choice.reasons)}",
            data={"mode": str(choice.mode), "reasons": list(choice.reasons)},
            once="mode.chosen",
        )
        with self._engine.begin() as connection:
            journal.append(connection, entry)
        return choice

    def _page(self, ref: ArtifactRef, page: int) -> PlanOutline:
        return outline_page(ref, self._desk.plan(ref.sha256), page)
