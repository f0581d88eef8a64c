"""What waits for people, decided by botted, in a terminal, and by Temporal's own command line."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.auth.principal import Role
from tests.e2e.command import Botted
from tests.e2e.people import TWO_NOTES, Here, People
from tests.service import make_key
from workflows.domain.approval import ApprovalPolicy
from workflows.domain.objective import Oversight, Stage
from workflows.domain.outcome import TaskState


def verdict(approval: str, decision: str = "approved", **more: object) -> str:
    return json.dumps({"approval": approval, "decision": decision, "by": "ana", **more})


def test_what_waits_is_listed_decided_and_done_again_in_part(botted: Botted, here: Here, people: People) -> None:
    id_ = people.begin()
    people.waiting(id_, "plan")
    [listed] = json.loads(botted("approvals", "--objective", id_[:-2], "--json").out)
    assert (listed["id"], listed["state"], listed["deadline"] is None) == (f"{id_}.plan.1", "open", False)
    assert botted("approve", f"{id_}.plan.1").out == f"approved the plan of {id_}\n"
    people.waiting(id_, "result")
    assert people.done(id_) == [("a", 1), ("b", 1), ("both", 1)]

    sent_back = botted("revise", id_[:-2], "--with", "in blue, please", "--only", "b")
    assert sent_back.out == f"sent back the result of {id_}\n", sent_back.err
    people.until(id_, lambda view: [wait.approval for wait in view.waits.values()] == [f"{id_}.result.2"])
    assert people.done(id_) == [("a", 1), ("b", 1), ("b", 2), ("both", 1), ("both", 2)]
    seen = here("approvals", f"{id_}.result.2").out
    assert "b, attempt 2 in blue, please" in seen
    assert "a, attempt 1" in seen
    assert f"botted revise {id_}.result.2 --with" in seen

    late = here("approve", f"{id_}.result.1", f"{id_}.plan.1", f"{id_}.result.2", "nobody.plan.1")
    assert late.code == 1
    assert late.out == f"approved the result of {id_}\n"  # what is refused holds up none of the others
    assert f"{id_}.result.1: too late: " in late.err
    assert "has decided: revise" in late.err
    assert f"{id_}.plan.1: too late: " in late.err
    assert "there is no objective 'nobody'" in late.err
    assert people.until(id_, lambda view: view.stage.ended).stage is Stage.DELIVERED


def test_a_task_that_is_denied_ends_and_one_may_go_on_without_it(here: Here, people: People) -> None:
    id_ = people.begin(oversight=Oversight.TASK)
    plan = people.waiting(id_, "plan")
    people.temporal("workflow", "signal", "-w", f"objective/{id_}", "--name", "verdict", "-i", verdict(plan.id))
    people.waiting(id_, "task", "a")
    people.waiting(id_, "task", "b")
    which = here("approve", id_)
    assert which.code == 2
    assert f"2 things of {id_} wait for you; say which one" in which.err
    assert f"botted approve {id_}.task.a.1.1   (the task 'Write a')" in which.err
    assert here("deny", id_, "--task", "b", "--because", "nobody wants it").out == f"rejected the task b of {id_}\n"
    assert here("approve", id_, "--task", "a", "--because", "fine").code == 0
    asked = people.waiting(id_, "exhausted")
    assert asked.text == "how to go on: 2 of 3 tasks are not approved (b)"
    view = people.view(id_)
    assert (view.tasks["b"].state, view.tasks["b"].attempt) == (TaskState.REJECTED, 1)  # it is not done again
    assert here("approve", id_).out == f"{id_} goes on without what is not approved\n"
    people.waiting(id_, "task", "both")
    shown = here("show", id_).out
    assert "– Write b  " in shown
    assert "goes on without it" in shown
    assert "manual mode  1 of 3 tasks approved" in shown
    assert f"botted approve {id_}.task.both.1.1" in shown


def test_of_a_plan_only_some_tasks_may_be_approved(here: Here, people: People) -> None:
    id_ = people.begin()
    people.waiting(id_, "plan")
    refused = here("approve", id_, "--only", "a", "--only", "both")
    assert refused.code == 1
    assert refused.err == "botted: 'both' needs 'b', which is not among them\n"
    assert "there is no task c; there are: a, b, both" in here("approve", id_, "--only", "c").err
    assert here("approve", id_, "--only", "a").code == 0
    people.waiting(id_, "result")
    assert here("approve", id_).code == 0
    view = people.until(id_, lambda view: view.stage.ended)
    assert view.stage is Stage.DELIVERED
    assert {task.state for task in view.tasks.values()} == {TaskState.APPROVED, TaskState.SKIPPED}
    assert people.done(id_) == [("a", 1)]
    assert "missing Write b: " in here("show", id_).out


def test_what_was_made_is_shown_in_part_and_cannot_play_with_the_terminal(here: Here, people: People) -> None:
    lines = "\\n".join(["\\e[2J\\u202emirrored", *map(str, range(100))])
    id_ = people.begin(TWO_NOTES.replace('"a, attempt {{ attempt }} {{ feedback }}"', f'"{lines}"'))
    plan = people.waiting(id_, "plan")
    people.temporal("workflow", "signal", "-w", f"objective/{id_}", "--name", "verdict", "-i", verdict(plan.id))
    people.waiting(id_, "result")
    seen = here("approvals", f"{id_}.result.1").out
    assert "    \ufffd[2J\ufffdmirrored\n    0\n" in seen
    assert "    … and 41 more lines" in seen
    assert "\n    58\n" in seen
    assert "\n    59\n" not in seen
    assert "→ both.txt  15 bytes, text/plain" in seen


def test_who_watches_decides_on_the_spot_and_somebody_else_may_be_faster(
    botted: Botted, people: People, tmp_path: Path
) -> None:
    (tmp_path / "plan.yaml").write_text(TWO_NOTES)
    asked = ("run", "Write notes", "--plan", "plan.yaml", "--mode", "manual", "--oversight", "end")
    terminal = botted.in_terminal(*asked)
    try:
        terminal.see("Approve the plan? [a]pprove, [d]eny, or decide [l]ater")
        assert "both  Write both   needs a, b" in terminal.shown
        id_ = terminal.shown.split("objective: ")[1].split()[0]
        terminal.type("a\n")
        terminal.see("Approve the result? [a]pprove, [r]evise, [d]eny, or decide [l]ater")
        assert "both, attempt 1" in terminal.shown
        terminal.type("r\n")
        terminal.see("What is to change?")
        terminal.type("more of it\n")
        terminal.see(f"sent back the result of {id_}")
        terminal.see(f"{id_}.result.2: the result")
        terminal.see("both, attempt 2")
        people.temporal(
            *("workflow", "update", "execute", "-w", f"objective/{id_}", "--name", "decide"),
            *("-i", verdict(f"{id_}.result.2", "revise", feedback="even more", tasks=["a"])),
        )
        people.waiting(id_, "result")
        terminal.type("a\n")
        terminal.see("too late: ana has decided: revise")
        terminal.see(f"{id_}.result.3: the result")
        terminal.type("a\n")
        assert terminal.end() == 0
    finally:
        terminal.close()
    assert people.done(id_) == [("a", 1), ("a", 2), ("b", 1), ("both", 1), ("both", 2), ("both", 3)]


def test_a_step_is_shown_with_its_input_and_approved_with_another(botted: Botted, here: Here, people: People) -> None:
    id_ = people.begin(oversight=Oversight.STEP)
    plan = people.waiting(id_, "plan")
    people.temporal("workflow", "signal", "-w", f"objective/{id_}", "--name", "verdict", "-i", verdict(plan.id))
    people.waiting(id_, "step", "a")
    people.waiting(id_, "step", "b")
    terminal = botted.in_terminal("approve", f"{id_}.step.a.1.1", f"{id_}.step.b.1.1")
    try:
        terminal.see("file.write, with this input:")
        terminal.see('"content": "a, attempt {{ attempt }} {{ feedback }}"')
        terminal.see("Approve step 1 of the task 'Write a'? [a]pprove, [d]eny, or decide [l]ater")
        terminal.type("l\n")
        terminal.see("Approve step 1 of the task 'Write b'?")
        terminal.type("d\n")
        terminal.see("Why not?")
        terminal.type("not needed\n")
        assert terminal.end() == 0
    finally:
        terminal.close()
    people.waiting(id_, "step", "b", attempt=2)  # an attempt without it has failed
    edited = json.dumps({"name": "a.txt", "content": "written by a person"})
    assert here("approve", f"{id_}.step.a.1.1", "--input", edited[1:]).code == 2
    assert people.waiting(id_, "step", "a").attempt == 1
    assert here("approve", f"{id_}.step.a.1.1", "--input", edited).code == 0
    people.waiting(id_, "task", "a")
    assert "written by a person" in here("approvals", f"{id_}.task.a.1.1").out


def test_temporals_own_command_line_decides_by_signal_and_by_update(people: People) -> None:
    id_ = people.begin()
    people.waiting(id_, "plan")
    update = ("workflow", "update", "execute", "-w", f"objective/{id_}", "--name", "decide", "-i")
    stale = people.temporal(*update, verdict(f"{id_}.plan.7"))
    assert stale.returncode == 1
    assert f"'{id_}.plan.7' does not wait for anybody here; what waits: {id_}.plan.1" in stale.stderr
    garbage = people.temporal(*update, '{"approval": 7}')
    assert garbage.returncode == 1

    signal = ("workflow", "signal", "-w", f"objective/{id_}", "--name", "verdict", "-i")
    assert people.temporal(*signal, "[1, 2]").returncode == 0
    assert people.temporal(*signal, verdict(f"{id_}.plan.1")).returncode == 0
    people.waiting(id_, "result")
    answered = people.temporal(*update, verdict(f"{id_}.result.1"))
    assert answered.returncode == 0, answered.stderr
    assert people.until(id_, lambda view: view.stage.ended).stage is Stage.DELIVERED
    ignored = [row.text for row in people.journal(id_) if row.kind == "signal.ignored"]
    assert len(ignored) == 1
    assert ignored[0].startswith("a verdict that cannot be read")


def test_who_may_not_decide_is_refused_with_the_reason(
    here: Here, people: People, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = people.begin(approvals=ApprovalPolicy(deciders=("bea",)))
    people.waiting(id_, "plan")
    foreign = here("deny", id_)
    assert foreign.code == 1
    assert "may not decide this; bea may" in foreign.err
    monkeypatch.setenv("BOTTED_API__KEY", make_key(engine, Role.VIEWER, name="vera"))
    for refused in (here("approve", id_), here("pause", id_)):
        assert refused.code == 1
        assert "the key of vera may not do this: its roles are viewer" in refused.err
    assert "it takes one of these: admin, operator; set BOTTED_API__KEY" in refused.err
    monkeypatch.setenv("BOTTED_API__KEY", make_key(engine, Role.ADMIN, tenant="another"))
    assert f"there is no objective '{id_}'" in here("deny", id_).err
    assert f"there is no objective '{id_}'" in here("deny", f"{id_}.plan.1").err
    assert here("approvals").out.startswith("nothing waits for you now")
    monkeypatch.setenv("BOTTED_API__KEY", make_key(engine, Role.APPROVER, name="bea"))
    assert here("deny", id_, "--because", "not now").out == f"rejected the plan of {id_}\n"
    ended = people.until(id_, lambda view: view.stage.ended)
    assert (ended.stage, ended.reason) == (Stage.NOT_DELIVERED, "bea did not approve the plan: not now")
