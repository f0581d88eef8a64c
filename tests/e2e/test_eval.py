"""`botted eval` on a stack of its own whose models are scripted."""

import json
import signal
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from tests.e2e.command import Botted, Ended
from tests.fakes.cast import approving, opinion, plan, role_of, submit, task, task_of, turn_of
from tests.fakes.llm_script import Call, Fault, Reply, Say, SeenRequest, Trouble, calls
from tests.fakes.llm_server import FakeLlm
from tests.models import KEY
from worker.embedded import stack

SUITE = """
name: scripted
version: 1.0.0
description: Two questions, one of which goes wrong now and then, and four works to judge.
objectives:
  - {id: steady, text: Answer steadily., expect: {answer: {values: {answer: 42}, sql: SELECT 42 AS answer}}}
  - {id: moody, text: Answer moodily., expect: {answer: {values: {answer: 42}, sql: SELECT 42 AS answer}}}
verdicts:
  - {id: fine, task: Fine work, criteria: [It is good.], truth: good, artifacts: [{name: a.md, text: "all {{ well }}"}]}
  - {id: misjudged, task: Misjudged work, criteria: [It is good.], truth: good, artifacts: [{name: a.md, text: well}]}
  - id: broken
    task: Broken work
    criteria: [It is good.]
    truth: defect
    planted: nothing in it is right
    artifacts: [{name: a.md, text: wrong}]
  - id: doubtful
    task: Doubtful work
    criteria: [It is good.]
    truth: defect
    planted: half of it is wrong
    artifacts: [{name: a.md, text: half}]
"""
MODELS = """
[models.profiles.scripted]
provider = "compatible"
base_url = "{url}"
model = "scripted"
api_key_env = "SCRIPTED_KEY"
price = {{ input = 1, output = 4 }}
"""


class Script:
    """Plans one task per question; every second answer to the moody one is wrong; judges by the title."""

    def __init__(self) -> None:
        self._moods = count()
        self.trouble: Reply | None = None

    def answer(self, seen: SeenRequest) -> Reply:
        if self.trouble:
            return self.trouble
        match role_of(seen):
            case "planner":
                mood = "Steady" if "steadily" in seen.turns[0].text else "Moody"
                return Say(json.dumps(_plan(mood)))
            case "executor":
                return self._work(seen)
            case _:
                return _judge(seen)

    def _work(self, seen: SeenRequest) -> Reply:
        if turn_of(seen) > 1:
            return calls(submit("answer.json"))
        steady = task_of(seen) == "Steady"
        right = "not approved" in seen.turns[0].text if steady else next(self._moods) % 2 == 0
        content = '{"answer": 42, "final": true}' if right else '{"answer": 41}'
        return calls(Call("file_write", {"name": "answer.json", "content": content}))


def _plan(mood: str) -> dict[str, Any]:
    said = {"artifact": "answer.json", "contains": ["final" if mood == "Steady" else "answer"]}
    checks = [{"check": "text.says", "arguments": json.dumps(said)}]
    return plan(task("a", title=mood, tools=["file.write"], deliverables=["answer.json"], checks=checks))


def _judge(seen: SeenRequest) -> Reply:
    match task_of(seen):
        case "Fine work":
            return approving(seen)
        case "Doubtful work":
            return opinion("unsure")
        case _:
            return opinion("no")


class House:
    def __init__(self, cwd: Path, llm: FakeLlm, script: Script) -> None:
        self.llm = llm
        self.script = script
        self.botted = Botted(cwd / "data", cwd, SCRIPTED_KEY=KEY)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A stack of its own, because a host's models are those of its environment."""
    cwd = tmp_path_factory.mktemp("eval")
    script = Script()
    with FakeLlm(script.answer).serving() as llm:
        (cwd / "botted.toml").write_text(MODELS.format(url=llm.base_url))
        (cwd / "scripted.yaml").write_text(SUITE)
        try:
            yield House(cwd, llm, script)
        finally:
            stack.stop(Settings(data_dir=cwd / "data"))


@pytest.fixture(scope="module")
def scored(house: House) -> Ended:
    """One evaluation that several tests look at."""
    return house.botted("eval", "scripted.yaml", "--times", 2, "--parallel", 6, "--budget-usd", 2, "--json")


def test_a_suite_is_run_several_times_and_scored(scored: Ended) -> None:
    assert scored.code == 0, scored.out + scored.err
    report = scored.json
    assert (report["schema_version"], report["complete"], report["times"]) == (1, True, 2)
    succeeded = {case["id"]: case["score"]["succeeded"] for case in report["cases"]}
    assert succeeded == {"steady": 2, "moody": 1, "fine": 2, "misjudged": 0, "broken": 2, "doubtful": 0}
    score = report["score"]
    assert (score["runs"], score["not_run"], score["succeeded"]) == (12, 0, 7)
    assert score["pass_hat"] == {"1": 0.583333, "2": 0.5}
    assert report["objectives"]["pass_hat"] == {"1": 0.75, "2": 0.5}
    assert (score["tasks"], score["reworked_tasks"], score["rework_rate"]) == (12, 2, 0.166667)
    [wrong] = [run for case in report["cases"] if case["id"] == "moody" for run in case["runs"] if not run["success"]]
    assert wrong["stage"] == "delivered"
    assert wrong["faults"] == ["answer.json: answer is 41, it should be 42"]
    assert len([line for line in scored.err.splitlines() if "/12 " in line]) == 12


def test_verifiers_are_held_against_the_truth(scored: Ended) -> None:
    assert scored.json["verdicts"]["verifier"] == {
        **{"defects": 4, "caught": 2, "missed": 0, "defects_uncertain": 2},
        **{"good": 4, "approved": 2, "wrongly_rejected": 2, "good_uncertain": 0},
    }


def test_what_was_used_is_counted_to_the_last_call(scored: Ended) -> None:
    score = scored.json["score"]
    plans, turns, verdicts = 4, 2 * 2 * 2 + 2 * 2, 8
    assert score["calls"] == plans + turns + verdicts
    assert score["input_tokens"] > score["output_tokens"] > 0
    assert score["cost_usd"] == pytest.approx((score["input_tokens"] + 4 * score["output_tokens"]) / 1e6)
    assert score["mean_cost_usd"] == pytest.approx(score["cost_usd"] / 12)
    assert score["unpriced_calls"] == 0
    assert 0 < score["mean_seconds"] <= score["max_seconds"]


def test_a_table_tells_people_and_a_rate_can_be_required(house: House) -> None:
    ended = house.botted("eval", "scripted.yaml", "--only", "misjudged", "--only", "broken", "--require", 0.75)
    assert ended.code == 1
    assert "caught 1 of 1 defects, wrongly rejected 1 of 1 good works" in ended.out
    assert "good work was rejected" in ended.out
    assert "the success rate 0.500 is below the 0.75 required" in ended.err


def test_nobody_learns_from_what_was_evaluated(house: House) -> None:
    assert "nothing was learnt yet" in house.botted("lessons").out


def test_ctrl_c_says_what_goes_on_and_how_to_stop_it(house: House) -> None:
    house.script.trouble = Say("{}", delay=60)
    before = len(house.llm.requests)
    running = house.botted.start("eval", "scripted.yaml", "--only", "steady", "--json")
    deadline = time.monotonic() + 30
    while len(house.llm.requests) == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert '"complete": false' in out
    objective_id = err.split(" cancel ")[1].split()[0]
    assert house.botted("cancel", objective_id).code == 0
    house.script.trouble = None


def test_what_no_model_answered_is_no_score(house: House) -> None:
    house.script.trouble = Fault(Trouble.UNAUTHORIZED)
    ended = house.botted("eval", "scripted.yaml", "--only", "fine", "--json")
    house.script.trouble = None
    assert ended.code == 1
    assert (ended.json["score"]["runs"], ended.json["score"]["not_run"]) == (0, 1)
    assert ended.json["score"]["success_rate"] is None
    assert "no model answered" in ended.json["cases"][0]["runs"][0]["error"]


def test_without_a_model_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "scripted.yaml").write_text(SUITE)
    botted = Botted(tmp_path / "data", tmp_path, OPENAI_API_KEY="", ANTHROPIC_API_KEY="", GEMINI_API_KEY="")
    botted.environment.pop("OPENAI_BASE_URL", None)
    ended = botted("eval", "scripted.yaml", "--only", "fine")
    assert ended.code == 2
    assert "no model is configured, and fine needs one" in ended.err
    assert "set a key: OPENAI_API_KEY" in ended.err
    assert not (tmp_path / "data").exists()
