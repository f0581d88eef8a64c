"""The main job with models, through the front door: planned, worked on and judged by a scripted provider."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from activities.store import database, journal
from api.services.view import ObjectiveView
from config.settings import Settings
from tests import models
from tests.e2e.command import Botted, Ended
from tests.fakes.cast import Cast, approving, opinion, plan, submit, task
from tests.fakes.llm_script import Call, Reply, Say, SeenRequest, calls
from tests.fakes.llm_server import FakeLlm
from worker.embedded import stack

CONFIG = """
[models.profiles.strong]
provider = "openai"
model = "gpt-5.4"
base_url = "{url}"
deadline_seconds = 10

[models.profiles.worker]
provider = "compatible"
model = "served"
base_url = "{url}"
api_key_env = "OPENAI_API_KEY"
price = {{input = 1, output = 4, cached = 0.1}}

[models.profiles.forgotten]
provider = "gemini"

[models.roles]
planner = ["strong"]
executor = ["worker"]
verifier = ["strong"]
"""
UNCERTAIN = """
name: judged
version: 1.0.0
description: Two notes that verifiers judge, and a person where they cannot tell.
tasks:
  - id: a
    title: Task a
    work: {instructions: Write a.txt., tools: [file.write]}
    criteria: [It is good.]
    review: {when_uncertain: person}
    deliverables: [a.txt]
  - id: b
    title: Task b
    work: {instructions: Write b.txt., tools: [file.write]}
    criteria: [It is good.]
    review: {when_uncertain: person}
    deliverables: [b.txt]
"""


class House:
    """A stack of its own, what was said by every command, and the provider that its host asks."""

    def __init__(self, folder: Path, cwd: Path, llm: FakeLlm) -> None:
        self.folder = folder
        self.cwd = cwd
        self.llm = llm
        self.said: list[str] = []
        self._botted = Botted(folder, cwd, OPENAI_API_KEY=models.KEY)
        self._settings = Settings(data_dir=folder)

    def __call__(self, *arguments: object) -> Ended:
        return self._noted(self._botted(*arguments))

    def without_a_key(self, *arguments: object) -> Ended:
        return self._noted(Botted(self.folder, self.cwd)(*arguments))

    def begin(self, cast: Cast, *arguments: object) -> str:
        self.llm.responder = cast.answer
        started = self("run", *arguments, "--detach")
        assert started.code == 0, started.err
        return started.out.strip()

    def until_it_waits(self, objective_id: str, count: int = 1) -> list[tuple[str, str]]:
        """What is asked for, and by which task."""
        waits = self.until(objective_id, lambda view: len(view.waits) >= count).waits
        return sorted((wait.subject, wait.task_id) for wait in waits.values())

    def until(self, objective_id: str, condition: Callable[[ObjectiveView], bool]) -> ObjectiveView:
        """Looks into the store itself: a command takes a second to start."""
        deadline = time.monotonic() + 30
        engine = database.connect(stack.ensure(self._settings).database_url, pool_size=1)
        try:
            while True:
                view = ObjectiveView(objective_id)
                with engine.connect() as connection:
                    view.take(journal.read(connection, objective_id))
                if condition(view):
                    return view
                assert time.monotonic() < deadline, view
                time.sleep(0.1)
        finally:
            engine.dispose()

    def _noted(self, ended: Ended) -> Ended:
        self.said += [ended.out, ended.err]
        return ended


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Its stack was first started by somebody who had no key."""
    cwd = tmp_path_factory.mktemp("models")
    with FakeLlm().serving() as llm:
        (cwd / "botted.toml").write_text(CONFIG.format(url=llm.base_url))
        (cwd / "judged.yaml").write_text(UNCERTAIN)
        house = House(cwd / "data", cwd, llm)
        try:
            assert house.without_a_key("list").code == 0
            yield house
        finally:
            stack.stop(Settings(data_dir=cwd / "data"))


def write(name: str, content: str) -> Call:
    return Call("file_write", {"name": name, "content": content})


def better_when_told(name: str) -> Any:
    """A worker whose first attempt is a draft."""

    def work(seen: SeenRequest, turn: int) -> Reply:
        again = "This is attempt 2" in seen.turns[0].text
        return calls(write(name, "final" if again else "draft")) if turn == 1 else calls(submit(name))

    return work


def proposed(id_: str, **changes: Any) -> dict[str, Any]:
    return task(id_, **{"tools": ["file.read", "file.write"], **changes})


@pytest.fixture(scope="module")
def delivered(house: House) -> Ended:
    """Planned, rejected, reworked, judged and delivered; several tests look at it."""
    reading = [
        calls(Call("file_read", {"name": "a.txt"}), Call("format_disk", {})),
        calls(write("b.txt", "final indeed")),
        calls(submit("b.txt")),
    ]
    drafted = plan(
        proposed("a", title="Task a"),
        proposed("b", needs=["a"], criteria=["It says final."]),
        criteria=["All is there."],
    )
    cast = Cast(plans=[plan(), drafted], work={"Task a": better_when_told("a.txt"), "Task b": reading})
    house.llm.responder = cast.answer
    (house.cwd / "notes.xyz").write_bytes(b"\x00 any file will do")
    return house("run", "Write two files, please.", "--file", "notes.xyz", "--out", "out", "--budget-usd", "2")


def asked_as(ended: Ended) -> str:
    """The id of the objective."""
    return next(line for line in ended.out.splitlines() if line.startswith("objective: ")).removeprefix("objective: ")


def test_a_stack_that_knows_other_models_starts_anew_and_says_so(delivered: Ended) -> None:
    assert delivered.code == 0, delivered.out + delivered.err
    assert "plan: by gpt-5.4 (profile strong); --playbook names one that needs no model" in delivered.out
    assert "the running stack knows other models; starting it anew" in delivered.out


def test_plans_works_reworks_judges_and_delivers(house: House, delivered: Ended) -> None:
    assert (house.cwd / "out" / "a.txt").read_text() == "final"
    assert (house.cwd / "out" / "b.txt").read_text() == "final indeed"
    for line in (
        "plan: a draft does not hold: there is no task",
        "Task a: turn 1: file.write",
        "Task a: rejected by verifier:checks",
        "Task a (attempt 2): turn 2: submit",
        "Task b: turn 1: format_disk was refused: refused: there is no tool 'format_disk'",
        "Task b: opinion: approved by verifier:strong#1",
        "Task b: approved by verifier:panel",
    ):
        assert line in delivered.out


def test_what_it_cost_is_told_at_the_end_and_as_json(house: House, delivered: Ended) -> None:
    objective_id = asked_as(delivered)
    found = house("show", objective_id, "--json").json
    usage = found["usage"]
    assert usage["calls"] == len(house.llm.requests) == 11
    assert 0 < usage["cost_usd"] < usage["limit_usd"] == 2
    assert {row["of"]: row["calls"] for row in usage["by_role"]} == {"planner": 2, "executor": 7, "verifier": 2}
    assert {row["of"]: row["calls"] for row in usage["by_task"]} == {"": 3, "a": 4, "b": 4}
    assert sum(row["input_tokens"] for row in usage["by_model"]) == usage["input_tokens"]
    assert f"models: 11 calls, {usage['input_tokens']:,} tokens in (" in delivered.out
    assert " of $2.00" in delivered.out
    assert [verdict["by"] for verdict in found["verdicts"]].count("verifier:panel") == 2
    assert {verdict["subject"] for verdict in found["opinions"]} == {"opinion"}
    assert "verdicts: 3 approved, 1 rejected; the result was approved by verifier:panel" in delivered.out
    costs = json.loads(house("costs", objective_id, "--by", "model", "--json").out)
    assert [(row["of"], row["calls"]) for row in costs] == [(row["of"], row["calls"]) for row in usage["by_model"]]
    whole = house("costs").out
    assert objective_id in whole
    assert "in all" in whole


def test_models_are_shown_with_the_health_of_their_providers_and_no_key(house: House, delivered: Ended) -> None:
    told = house("models")
    assert "OPENAI_API_KEY (set)" in told.out
    assert "not usable: profile 'forgotten': GEMINI_API_KEY is not set" in told.out
    document = house("models", "--json").json
    assert document["roles"]["executor"] == ["worker"]
    prices = {profile["name"]: profile["price"] for profile in document["profiles"]}
    assert prices["worker"] == "configured: 1 in, 4 out"
    assert prices["strong"].startswith("price list: ")
    assert {(one["state"], one["failed"]) for one in document["providers"]} == {("closed", 0)}
    assert document["note"] == ""


def test_lessons_are_listed_and_forgotten(house: House, delivered: Ended) -> None:
    listed = house("lessons")
    assert "'final'" in listed.out
    number = next(line.split()[0] for line in listed.out.splitlines()[1:] if line)
    assert house("lessons", "forget", number).out == f"forgot lesson {number}\n"
    assert house("lessons", "forget", number).code == 2


def test_work_waits_for_more_budget_and_goes_on_with_it(house: House) -> None:
    cast = Cast(plans=[plan(proposed("a"))], work={"Task a": better_when_told("a.txt")})
    asked = ("Write one file.", "--on-limit", "ask", "--budget-turns", "3")
    objective_id = house.begin(cast, *asked)
    assert house.until_it_waits(objective_id) == [("budget", "a")]
    changed = Botted(house.folder, house.cwd, OPENAI_API_KEY="sk-another")("run", "Write.")
    assert changed.code == 1
    assert f"with other models than are configured here now, and is at work: {objective_id}" in changed.err
    assert "3 of 3" in house("budget", objective_id).out
    raised = house("budget", objective_id, "--turns", "20", "--usd", "1")
    assert "budget of the objective: $1.00, 20 turns" in raised.out
    assert "goes on: Task a" in raised.out
    watched = house("watch", objective_id)
    assert watched.code == 0, watched.out
    assert "more budget was granted" in watched.out
    assert " of $1.00" in watched.out


def test_who_is_refused_more_budget_stops(house: House) -> None:
    cast = Cast(plans=[plan(proposed("a"))], work={"Task a": better_when_told("a.txt")})
    objective_id = house.begin(cast, "Write one file.", "--on-limit", "ask", "--budget-turns", "1")
    house.until_it_waits(objective_id)
    assert "refused more budget for the task a" in house("deny", objective_id).out
    house.until(objective_id, lambda view: any(not wait.task_id for wait in view.waits.values()))  # now for a new plan
    assert f"refused more budget for {objective_id}" in house("deny", objective_id).out
    ended = house("watch", objective_id)
    assert ended.code == 1
    assert "plan: there is no new one" in ended.out
    assert "does not cover the next call" in ended.out


def test_a_worker_is_told_something_while_it_works(house: House) -> None:
    def listening(seen: SeenRequest, turn: int) -> Reply:
        said = str(seen.turns)
        if "in blue, please" not in said:
            return Say(calls=(write("a.txt", f"draft {turn}"),), delay=0.5)
        return calls(submit("a.txt")) if "final in blue" in said else calls(write("a.txt", "final in blue"))

    proposal = plan(proposed("a", effort="large"))
    objective_id = house.begin(Cast(plans=[proposal], work={"Task a": listening}), "Write one file.")
    house.until(objective_id, lambda view: bool(view.tasks))
    told = house("tell", objective_id, "a", "in blue, please")
    assert told.code == 0, told.err
    ended = house("watch", objective_id, "--out", "blue")
    assert ended.code == 0, ended.out
    assert "says: in blue, please" in ended.out
    assert (house.cwd / "blue" / "a.txt").read_text() == "final in blue"
    assert "has ended: delivered" in house("tell", objective_id, "a", "and now in red").err


def test_a_person_decides_where_verifiers_cannot_tell(house: House) -> None:
    def doubting(seen: SeenRequest) -> Reply:
        return approving(seen) if "second" in seen.turns[0].text else opinion("unsure")

    def work(name: str) -> Any:
        def script(seen: SeenRequest, turn: int) -> Reply:
            again = "say more, please" in seen.turns[0].text
            return calls(write(name, "second" if again else "first")) if turn == 1 else calls(submit(name))

        return script

    cast = Cast(work={"Task a": work("a.txt"), "Task b": work("b.txt")}, judge=doubting)
    objective_id = house.begin(cast, "Write notes.", "--playbook", "judged.yaml")
    assert house.until_it_waits(objective_id, 2) == [("task", "a"), ("task", "b")]
    which = house("approve", objective_id)
    assert which.code == 2
    assert f"botted approve {objective_id}.task.a.1.1" in which.err
    assert f"botted approve {objective_id}.task.b.1.1" in which.err
    assert house("approve", objective_id, "--task", "a").out == f"approved the task a of {objective_id}\n"
    assert house("revise", objective_id, "--task", "b", "--with", "say more, please").code == 0
    ended = house("watch", objective_id, "--json", "--out", "notes")
    assert ended.code == 0, ended.out
    assert {row["id"]: (row["state"], row["attempts"]) for row in ended.json["tasks"]} == {
        "a": ("approved", 1),
        "b": ("approved", 2),
    }
    assert (house.cwd / "notes" / "b.txt").read_text() == "second"


def test_the_key_is_nowhere(house: House, delivered: Ended) -> None:
    assert "model.answered" in house("show", asked_as(delivered), "--journal").out
    key = models.KEY
    assert not any(key in text for text in house.said)
    for path in house.folder.rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path
