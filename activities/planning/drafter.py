"""Plans with a model: each draft is one call; what is wrong with it goes back to it."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from temporalio import activity
from typing_extensions import override

from activities.desk import Desk
from activities.failures import as_failure
from activities.llm.faults import FaultKind
from activities.llm.gateway import Answer, Gateway
from activities.llm.messages import Message, ModelRequest, OutputSpec
from activities.llm.parsing import Malformed, parse_output
from activities.llm.schemas import portable_schema
from activities.planning import prompt
from activities.planning.files import summarise
from activities.planning.proposal import Bounds, Faulty, Proposal, plan_of
from activities.playbooks.compiler import Catalogue
from activities.prompts.library import prompt as text_of
from activities.store import journal
from activities.store.journal import JournalRow
from activities.store.ledger import Ledger
from activities.store.lessons import Lesson, Lessons
from activities.threads import Threads
from activities.workspace import StoreWorkspace
from workflows.domain.naming import step_key
from workflows.domain.objective import Objective
from workflows.domain.plan import Plan, Task, outline_page
from workflows.ports.drafter import MAX_ROUNDS, Draft, Drafter, DraftRequest

ROLE = "planner"
PLAN_MEDIA_TYPE = "application/vnd.botted.plan+json"
MOST_FILES = 20
MOST_ANSWER = 12_000
OUTPUT_TOKENS = 8_192


class ModelDrafter(Drafter):
    def __init__(
        self,
        desk: Desk,
        catalogue: Catalogue,
        descriptions: Mapping[str, str],
        capabilities: Mapping[str, Sequence[str]],
        gateway: Gateway,
        ledger: Ledger,
        lessons: Lessons,
        threads: Threads,
    ) -> None:
        self._desk = desk
        self._catalogue = catalogue
        self._capabilities = tuple(capabilities)
        self._resources = prompt.resources(catalogue, descriptions, capabilities)
        self._gateway = gateway
        self._ledger = ledger
        self._lessons = lessons
        self._threads = threads

    @override
    @activity.defn
    async def draft_plan(self, request: DraftRequest) -> Draft:
        try:
            return await self._draft(request)
        except Exception as error:
            raise as_failure(error) from None  # the cause may hold more of a prompt than a history should

    async def _draft(self, request: DraftRequest) -> Draft:
        await self._threads.run(lambda: self._desk.objectives.open(request.objective))
        self._gateway.profile_of(ROLE)  # before any other work: without a model there is no plan
        asked = await self._threads.run(lambda: self._request(request))
        step_id, key = _step(request, request.round), _key(request, request.round)
        asker = self._desk.asker(request.objective, key, ROLE, step_id=step_id)
        if await self._gateway.faults(key, FaultKind.CONTEXT_LENGTH):
            asked = asked.model_copy(update={"messages": (asked.messages[0], _shorter(asked.messages[1]))})
        answer = await self._gateway.ask(asker, asked)
        return await self._threads.run(lambda: self._take(request, answer))

    def _request(self, request: DraftRequest) -> ModelRequest:
        objective = request.objective
        said = [prompt.request(objective, self._files(objective), self._taught(objective), objective.id)]
        if request.plan is not None:
            said.append(self._what_happened(request, request.plan))
        system = f"{text_of('planner')}\n\n{self._resources}"
        messages = [Message(role="system", content=system), Message(role="user", content="\n\n".join(said))]
        for earlier in range(1, request.round):
            messages += self._sent_back(request, earlier)
        return ModelRequest(
            messages=tuple(messages),
            output=OutputSpec(name="plan", json_schema=portable_schema(Proposal)),
            max_output_tokens=OUTPUT_TOKENS,
            cache_key=ROLE,
        )

    def _sent_back(self, request: DraftRequest, earlier: int) -> list[Message]:
        """An earlier draft and what was wrong with it."""
        kept = self._ledger.kept(_key(request, earlier))
        if kept is None:
            return []
        text = str(kept.response.get("text", ""))
        told = "\n".join(f"- {fault}" for fault in self._faults(request, earlier, text))
        return [
            Message(role="assistant", content=text[:MOST_ANSWER]),
            Message(role="user", content=f"This plan does not hold:\n{told}\nAnswer with the whole plan, corrected."),
        ]

    def _faults(self, request: DraftRequest, round_: int, text: str) -> tuple[str, ...]:
        try:
            self._plan(request, round_, text, "")
        except (Malformed, Faulty) as error:
            return error.faults
        return ()

    def _take(self, request: DraftRequest, answer: Answer) -> Draft:
        objective = request.objective
        try:
            plan = self._plan(request, request.round, answer.response.text, f"{answer.response.model} (model)")
        except (Malformed, Faulty) as error:
            faults = "; ".join(error.faults)
            self._desk.objectives.note_draft(objective.id, _step(request, request.round), faults)
            return Draft(faults=faults[:600])
        ref = self._desk.artifacts.put("plan.json", plan.model_dump_json().encode(), PLAN_MEDIA_TYPE)
        self._desk.objectives.planned(objective.id, plan, ref.sha256, replan=request.replan)
        return Draft(outline=outline_page(ref, plan, 0))

    def _plan(self, request: DraftRequest, round_: int, text: str, made_by: str) -> Plan:
        """Raises Malformed or Faulty."""
        proposal = parse_output(text, Proposal)
        before = self._desk.plan(request.plan) if request.plan else None
        bounds = Bounds(
            objective=request.objective,
            catalogue=self._catalogue,
            capabilities=self._capabilities,
            kept=self._kept(before) if before else (),
            used_ids=self._used_ids(request) if before else frozenset(),
            merge_chains=round_ < MAX_ROUNDS,
        )
        return plan_of(proposal, bounds, made_by)

    def _kept(self, before: Plan) -> tuple[Task, ...]:
        approved = self._desk.work.approved(before.objective_id, [task.id for task in before.tasks])
        return tuple(task for task in before.tasks if task.id in approved)

    def _used_ids(self, request: DraftRequest) -> frozenset[str]:
        """Of the tasks of all plans before this one: a new task with an old id would find the old one's steps.

        Where a person wants the plan changed, tasks that nobody has begun may keep their ids.
        """
        if request.instructions:
            return self._desk.work.begun(request.objective.id)
        made = [row for row in self._journal(request.objective.id) if row.kind == "plan.made"][: request.replan]
        return frozenset(str(task["id"]) for row in made for task in _tasks(row.data.get("tasks")))

    def _what_happened(self, request: DraftRequest, digest: str) -> str:
        objective = request.objective
        before = self._desk.plan(digest)
        kept = self._kept(before)
        names = tuple(task.id for task in kept)
        reasons = {row.task_id: row.text for row in self._journal(objective.id) if row.kind == "task.rejected"}
        failed = {task.id: reasons.get(task.id, "") for task in before.tasks if task.id not in names}
        handoffs = self._desk.work.handoffs(objective.id, names)
        return prompt.replan(before, kept, failed, handoffs, digest, request.instructions)

    def _journal(self, objective_id: str) -> tuple[JournalRow, ...]:
        with self._desk.reading() as connection:
            return journal.read(connection, objective_id)

    def _files(self, objective: Objective) -> dict[str, str]:
        if not objective.files:
            return {}
        with StoreWorkspace(self._desk.artifacts, objective.files, self._desk.scratch) as workspace:
            return {
                ref.name: summarise(workspace.path(ref.name), ref.name, ref.media_type)
                for ref in objective.files[:MOST_FILES]
            }

    def _taught(self, objective: Objective) -> tuple[Lesson, ...]:
        return self._lessons.fitting(objective.tenant, "", objective.text)


def _step(request: DraftRequest, round_: int) -> str:
    return f"draft-{request.replan}-{round_}"


def _key(request: DraftRequest, round_: int) -> str:
    return step_key(request.objective.id, "", 0, _step(request, round_))


def _shorter(message: Message) -> Message:
    """Its second half: the objective stands at the end."""
    return message.model_copy(update={"content": message.content[len(message.content) // 2 :]})


def _tasks(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [task for task in value if isinstance(task, dict)] if isinstance(value, list) else []
