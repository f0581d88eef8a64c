"""Turns of a worker's model, and the tool calls that it asks for."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Engine
from temporalio import activity
from typing_extensions import override

from activities.desk import Desk
from activities.failures import as_failure, is_transient
from activities.llm.asking import Asker
from activities.llm.faults import FaultKind
from activities.llm.gateway import Gateway
from activities.llm.messages import Message, ModelRequest, ToolCall, ToolSpec
from activities.llm.parsing import Malformed, parse_arguments
from activities.llm.schemas import tool_spec, wire_name
from activities.prompts.library import prompt
from activities.store import journal
from activities.store.journal import Entry
from activities.store.ledger import Ledger
from activities.store.lessons import Lesson, Lessons
from activities.store.work import SUBMIT, StepDone, StepRun
from activities.threads import Threads
from activities.tools.tool import Effect, Tool, ToolCancelled, ToolError
from activities.turns.brief import closing, opening
from activities.turns.control import (
    CONTROLS,
    RECALL,
    GiveUp,
    Handoff,
    Recall,
    Turn,
    going_in_circles,
    times_made,
)
from activities.turns.conversation import conversation
from activities.turns.history import turns_of
from activities.workspace import Sitting, StoreWorkspace, sit_through
from workflows.domain.artifact import ArtifactRef
from workflows.domain.naming import step_key
from workflows.domain.objective import Objective
from workflows.domain.plan import Guard, Plan, Task
from workflows.ports.turns import CallReceipt, CallRequest, TurnReceipt, TurnRequest, Turns

HOST = socket.gethostname()
ROLE = "executor"
MOST_SAME = 2
"""How often the same call is carried out in an attempt; after that its result is already there."""
FIRST_OUTPUT_TOKENS = 4096
SAFE_SHARE = 0.6
"""Of a model's context, what a conversation may take at four characters a token."""


@dataclass(frozen=True)
class Attempt:
    """Everything that an attempt has come to, as it lies in the store."""

    objective: Objective
    plan: Plan
    task: Task
    number: int
    salt: str
    turns: tuple[Turn, ...]
    told: tuple[str, ...]
    """What people said since the last turn."""
    done: Mapping[str, StepDone]
    visible: tuple[ArtifactRef, ...]
    earlier: tuple[ArtifactRef, ...]
    """Made in the attempt before."""

    @property
    def last(self) -> Turn | None:
        return self.turns[-1] if self.turns else None


class ModelTurns(Turns):
    def __init__(
        self,
        engine: Engine,
        desk: Desk,
        tools: Mapping[str, Tool],
        gateway: Gateway,
        ledger: Ledger,
        lessons: Lessons,
        threads: Threads,
        *,
        host: str = HOST,
    ) -> None:
        self._engine = engine
        self._desk = desk
        self._tools = tools
        self._by_wire_name = {wire_name(name): name for name in tools}
        self._gateway = gateway
        self._ledger = ledger
        self._lessons = lessons
        self._threads = threads
        self._host = host

    @override
    @activity.defn
    async def take_turn(self, request: TurnRequest) -> TurnReceipt:
        try:
            return await self._take(request)
        except Exception as error:
            raise as_failure(error) from None  # the cause may hold more of a prompt than a history should

    @override
    @activity.defn
    async def call_tool(self, request: CallRequest) -> CallReceipt:
        summary = await sit_through(self._threads, lambda sitting: self._call(request, sitting))
        return CallReceipt(summary=summary)

    async def _take(self, request: TurnRequest) -> TurnReceipt:
        attempt = await self._threads.run(lambda: self._attempt(request, request.turn))
        ended = await self._threads.run(lambda: self._settle(attempt, request.turn))
        if ended is not None:
            return ended
        key = step_key(request.objective_id, request.task_id, request.attempt, f"turn-{request.turn}")
        squeezed = await self._gateway.faults(key, FaultKind.CONTEXT_LENGTH)
        asked = await self._threads.run(lambda: self._request(attempt, request, squeezed))
        answer = await self._gateway.ask(self._asker(attempt, request, key), asked, profile=request.profile)
        turn = Turn(number=request.turn, response=answer.response)
        alone = turn.submission or turn.surrender
        if alone is not None and not turn.calls:
            taken = replace(attempt, turns=(*attempt.turns, turn))
            settled = await self._threads.run(lambda: self._settle(taken, request.turn + 1))
            if settled is not None:
                return settled
        calls = [call for _, call in turn.calls]
        guards = {n: guard for n, call in enumerate(calls) if (guard := self._guard(call)) is not None}
        return TurnReceipt(calls=tuple(call.name[:60] for call in calls), guards=guards)

    def _guard(self, call: ToolCall) -> Guard | None:
        tool = self._tools.get(self._by_wire_name.get(call.name, call.name))
        return tool.guard() if tool is not None else None

    def _attempt(self, request: TurnRequest | CallRequest, before: int) -> Attempt:
        """What there was before the turn `before`."""
        plan = self._desk.plan(request.plan)
        task = plan.task(request.task_id)
        where = (request.objective_id, request.task_id)
        number = request.attempt
        with self._engine.connect() as connection:
            told = journal.told(connection, *where, number)
        turns, pending = turns_of(self._ledger.answers(*where, number), told, before)
        return Attempt(
            objective=self._desk.objective(request.objective_id),
            plan=plan,
            task=task,
            number=number,
            salt=request.plan,
            turns=turns,
            told=pending,
            done=self._desk.work.done(*where, number),
            visible=self._desk.work.visible(request.objective_id, plan.needs_of(task.id), task.id, number),
            earlier=self._desk.work.made(*where, number - 1) if number > 1 else (),
        )

    def _settle(self, attempt: Attempt, now: int) -> TurnReceipt | None:
        """The end of the attempt, if the turn before `now` ended it."""
        last = attempt.last
        assert attempt.task.brief is not None
        if last is not None and last.surrender is not None:
            return TurnReceipt(stopped=f"the worker gave up: {_reason(last.surrender)}"[:600])
        if last is not None and last.submission is not None and self._submit(attempt, last, last.submission):
            return TurnReceipt(submitted=True)
        circles = going_in_circles(attempt.turns)
        if circles:
            self._alert(attempt, circles)
            return TurnReceipt(stopped=circles)
        if now > attempt.task.brief.max_turns:
            return TurnReceipt(stopped=f"nothing was submitted within {attempt.task.brief.max_turns} turns")
        return None

    def _submit(self, attempt: Attempt, turn: Turn, call: ToolCall) -> bool:
        """Whether the submission holds; if not, the worker reads why in its next turn."""
        place = turn.response.tool_calls.index(call)
        run = self._run(attempt, turn.step_id(place), SUBMIT)
        known = attempt.done.get(run.step_id)
        if known is not None:
            return not known.refused
        made = self._desk.work.made(attempt.objective.id, attempt.task.id, attempt.number)
        there = {ref.name: ref for ref in (*attempt.earlier, *made)}
        self._desk.work.begin(run, "submit")
        try:
            handoff = parse_arguments(call.arguments, Handoff)
            fault = _fault_in(handoff, attempt.task, list(there))
        except Malformed as error:
            handoff, fault = None, "; ".join(error.faults)
        if handoff is None or fault:
            told = f"error: not accepted: {fault}"[:2000]
            self._desk.work.finish(run, "submit", "not accepted", (), output=told, refused=True)
            return False
        again = [ref for name, ref in there.items() if name in _wanted(handoff, attempt.task) and ref not in made]
        self._desk.work.finish(run, "submit", handoff.summary[:300], again, output=handoff.model_dump_json())
        return True

    def _request(self, attempt: Attempt, request: TurnRequest, squeezed: int) -> ModelRequest:
        profile = self._gateway.profile_of(ROLE, name=request.profile)
        room = int(profile.context_tokens * 4 * SAFE_SHARE) // 2**squeezed
        made = self._desk.work.made(attempt.objective.id, attempt.task.id, attempt.number)
        return ModelRequest(
            messages=self._messages(attempt, request, made, room),
            tools=(*self._offered(attempt.task), *CONTROLS),
            tool_choice="required",
            max_output_tokens=min(FIRST_OUTPUT_TOKENS, profile.max_output_tokens),
            cache_key=f"{ROLE}-{attempt.task.id}"[:60],
        )

    def _messages(
        self, attempt: Attempt, request: TurnRequest, made: tuple[ArtifactRef, ...], room: int
    ) -> tuple[Message, ...]:
        task = attempt.task
        # As the attempt found it, so that the beginning of the conversation never changes.
        given = [ref for ref in attempt.visible if ref not in made]
        return conversation(
            prompt("executor"),
            opening(
                attempt.objective.text,
                task,
                [*given, *attempt.earlier],
                self._desk.work.handoffs(attempt.objective.id, attempt.plan.needs_of(task.id)),
                self._taught(attempt),
                attempt.number,
                request.feedback,
                attempt.salt,
            ),
            attempt.turns,
            attempt.done,
            attempt.told,
            closing(task, request.turn, made, attempt.turns, attempt.done),
            room=room,
            salt=attempt.salt,
        )

    def _taught(self, attempt: Attempt) -> tuple[Lesson, ...]:
        """From other objectives: what this one taught is in its feedback."""
        assert attempt.task.brief is not None
        words = f"{attempt.task.title} {attempt.task.brief.instructions}"
        found = self._lessons.fitting(attempt.objective.tenant, attempt.task.capability, words)
        return tuple(lesson for lesson in found if lesson.objective_id != attempt.objective.id)

    def _offered(self, task: Task) -> list[ToolSpec]:
        assert task.brief is not None
        tools = [self._tools[name] for name in sorted(task.brief.tools) if name in self._tools]
        return [tool_spec(wire_name(tool.name), tool.description, tool.input_model) for tool in tools]

    def _asker(self, attempt: Attempt, request: TurnRequest, key: str) -> Asker:
        return self._desk.asker(
            attempt.objective,
            key,
            ROLE,
            task=attempt.task,
            attempt=request.attempt,
            step_id=f"turn-{request.turn}",
        )

    def _call(self, request: CallRequest, sitting: Sitting) -> str:
        attempt = self._attempt(request, request.turn + 1)
        turn = attempt.last
        assert turn is not None
        place, call = turn.calls[request.call]
        name = self._by_wire_name.get(call.name, call.name)
        run = self._run(attempt, turn.step_id(place), name[:120])
        done = self._desk.work.begin(run, name[:120])
        if done is not None:
            return done
        try:
            if request.refusal:
                raise ToolError(request.refusal)
            return self._carry_out(attempt, self._edited(call, request), name, run, sitting, allowed=request.allowed)
        except ToolCancelled:
            raise
        except (ToolError, Malformed) as error:
            return self._refuse(run, error)
        except Exception as error:
            if not is_transient(error):
                return self._refuse(run, error)
            self._desk.work.fail(run, run.tool, as_failure(error).message, final=False)
            raise

    def _edited(self, call: ToolCall, request: CallRequest) -> ToolCall:
        """With its input as a person edited it."""
        if request.arguments is None:
            return call
        return call.model_copy(update={"arguments": self._desk.artifacts.read(request.arguments).decode()})

    def _carry_out(
        self, attempt: Attempt, call: ToolCall, name: str, run: StepRun, sitting: Sitting, *, allowed: bool
    ) -> str:
        task = attempt.task
        assert task.brief is not None
        if name == RECALL:
            return self._recall(attempt, call, run)
        tool = self._tools.get(name)
        if tool is None or name not in task.brief.tools:
            offered = ", ".join(sorted(map(wire_name, task.brief.tools))) or "none"
            raise ToolError(f"there is no tool {call.name!r} in this task; there are: {offered}, and submit, give_up")
        if tool.effect is Effect.IRREVERSIBLE and not allowed:
            raise ToolError(f"{call.name} cannot be undone, so no model may call it without a person's leave")
        if times_made(attempt.turns, call) > MOST_SAME:
            raise ToolError("this very call was made before; its result is above. Use it, or do something else")
        arguments = parse_arguments(call.arguments, tool.input_model)
        visible = (*attempt.earlier, *attempt.visible)
        with StoreWorkspace(
            self._desk.artifacts,
            visible,
            self._desk.scratch,
            lambda fraction, note: self._desk.work.progress(run, fraction, note),
        ) as workspace:
            sitting.take(workspace)
            result = tool.run(arguments, workspace)
            output = result.content or result.summary
            self._desk.work.finish(run, name, result.summary, workspace.made, output=output)
        return result.summary

    def _recall(self, attempt: Attempt, call: ToolCall, run: StepRun) -> str:
        step_id = parse_arguments(call.arguments, Recall).step
        step = attempt.done.get(step_id)
        if step is None:
            raise ToolError(f"there is no step {step_id!r}; there are: {', '.join(sorted(attempt.done)) or 'none'}")
        self._desk.work.finish(run, RECALL, f"looked at {step_id} again", (), output=step.output)
        return f"looked at {step_id} again"

    def _refuse(self, run: StepRun, error: Exception) -> str:
        faults = "; ".join(error.faults) if isinstance(error, Malformed) else str(error)
        summary = f"refused: {faults}"[:300]
        self._desk.work.finish(run, run.tool, summary, (), output=f"error: {faults}"[:4000], refused=True)
        return summary

    def _run(self, attempt: Attempt, step_id: str, tool: str) -> StepRun:
        return StepRun(
            objective_id=attempt.objective.id,
            task_id=attempt.task.id,
            attempt=attempt.number,
            step_id=step_id,
            tool=tool,
            host=self._host,
        )

    def _alert(self, attempt: Attempt, text: str) -> None:
        entry = Entry(
            objective_id=attempt.objective.id,
            kind="alert",
            actor="executor",
            task_id=attempt.task.id,
            attempt=attempt.number,
            text=text,
            data={"alert": "runaway_loop"},
            once=f"loop:{attempt.task.id}:{attempt.number}",
        )
        with self._engine.begin() as connection:
            journal.append(connection, entry)


def _fault_in(handoff: Handoff, task: Task, there: list[str]) -> str:
    unknown = [name for name in handoff.artifacts if name not in there]
    if unknown:
        return f"there is no artifact {', '.join(map(repr, unknown[:5]))}; there are: {', '.join(there) or 'none'}"
    missing = task.undelivered(there)
    return f"promised and not made: {', '.join(missing)}" if missing else ""


def _wanted(handoff: Handoff, task: Task) -> set[str]:
    return {*handoff.artifacts, *task.deliverables}


def _reason(call: ToolCall) -> str:
    try:
        return parse_arguments(call.arguments, GiveUp).reason
    except Malformed:
        return "it gave no reason"
