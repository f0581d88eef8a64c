"""Objectives that models plan, do and verify, on a real Temporal, a real Postgres and a real (scripted) provider."""

import asyncio

from tests.fakes.cast import Cast, calls, opinion, plan, role_of, submit, task, write, writes
from tests.fakes.llm_server import FakeLlm
from tests.objectives import Objectives
from workflows.domain.objective import Stage


async def test_plans_works_checks_and_delivers(objectives: Objectives, llm: FakeLlm) -> None:
    cast = Cast(
        plans=[plan(task("a"), task("b", needs=["a"], criteria=["It says final."]), criteria=["Both are there."])],
        work={"Task a": writes("a.txt"), "Task b": writes("b.txt", "final indeed")},
    )
    llm.responder = cast.answer
    running = await objectives.ask("Write two files.")
    result = await asyncio.wait_for(running.result(), 60)
    for row in objectives.journal(running):
        print(row.seq, row.kind, row.task_id, row.actor, row.text[:150], row.data.get("decision", ""))
    assert result.stage is Stage.DELIVERED, result.reason
    assert objectives.read(result, "b.txt") == "final indeed"
