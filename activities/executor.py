"""Does a playbook's steps: each is one call of a tool in the task's workspace."""

import json
import socket
from collections.abc import Mapping

from pydantic import ValidationError
from temporalio import activity
from typing_extensions import override

from activities.desk import Desk
from activities.failures import as_failure, is_transient
from activities.playbooks.templates import TemplateFault, render
from activities.store.work import StepRun
from activities.threads import Threads
from activities.tools.tool import Tool, ToolCancelled, ToolError, ToolInput
from activities.workspace import Sitting, StoreWorkspace, sit_through
from workflows.domain.plan import Plan, Step
from workflows.ports.executor import Executor, StepReceipt, StepRequest

HOST = socket.gethostname()


class ToolExecutor(Executor):
    def __init__(self, desk: Desk, tools: Mapping[str, Tool], threads: Threads, *, host: str = HOST) -> None:
        self._desk = desk
        self._tools = tools
        self._threads = threads
        self._host = host

    @override
    @activity.defn
    async def execute_step(self, request: StepRequest) -> StepReceipt:
        summary = await sit_through(self._threads, lambda sitting: self._once(request, sitting))
        return StepReceipt(summary=summary)

    def _once(self, request: StepRequest, sitting: Sitting) -> str:
        plan = self._desk.plan(request.plan)
        task = plan.task(request.task_id)
        step = task.steps[request.position]
        run = StepRun(
            objective_id=request.objective_id,
            task_id=task.id,
            attempt=request.attempt,
            step_id=step.id,
            tool=step.tool,
            host=self._host,
        )
        done = self._desk.work.begin(run, step.title)
        if done is not None:
            return done
        try:
            return self._do(request, plan, step, run, sitting)
        except ToolCancelled:
            raise
        except Exception as error:
            self._desk.work.fail(run, step.title, as_failure(error).message, final=not is_transient(error))
            raise

    def _do(self, request: StepRequest, plan: Plan, step: Step, run: StepRun, sitting: Sitting) -> str:
        needs = plan.needs_of(request.task_id)
        visible = self._desk.work.visible(request.objective_id, needs, request.task_id, request.attempt)
        tool, arguments = self._call(request, plan, step)
        with StoreWorkspace(
            self._desk.artifacts,
            visible,
            self._desk.scratch,
            lambda fraction, note: self._desk.work.progress(run, fraction, note),
        ) as workspace:
            sitting.take(workspace)
            result = tool.run(arguments, workspace)
            self._desk.work.finish(run, step.title, result.summary, workspace.made)
        return result.summary

    def _call(self, request: StepRequest, plan: Plan, step: Step) -> tuple[Tool, ToolInput]:
        tool = self._tools.get(step.tool)
        if tool is None:
            raise ToolError(f"this host has no tool {step.tool!r}")
        try:
            return tool, tool.input_model.model_validate(self._arguments(request, plan, step))
        except (TemplateFault, ValidationError) as error:
            raise ToolError(f"{step.tool}: {error}") from error

    def _arguments(self, request: StepRequest, plan: Plan, step: Step) -> object:
        """As the plan says, or as a person edited them."""
        if request.arguments is not None:
            return json.loads(self._desk.artifacts.read(request.arguments))
        bindings = plan.task(request.task_id).bindings
        names = self._desk.names(plan, bindings, request.attempt, request.feedback)
        return render(step.arguments, names)
