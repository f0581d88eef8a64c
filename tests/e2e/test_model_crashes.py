"""kill -9 of the host between a model's answer and the end of its activity: the answer is not paid for again."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, select, text

from activities.store import database, journal
from activities.store.journal import JournalRow
from activities.store.tables import budgets, model_calls
from config.settings import Settings, StackSettings
from tests import models
from tests.e2e.command import WITHOUT_API, Botted
from tests.fakes.cast import Cast, role_of, submit, turn_of
from tests.fakes.llm_script import Call, Fault, Reply, SeenRequest, Trouble, calls
from tests.fakes.llm_server import FakeLlm
from worker.embedded import stack

PLAYBOOK = """
name: written
version: 1.0.0
description: A worker writes a file.
tasks:
  - id: write
    title: Write
    work: {instructions: Write a.txt., tools: [file.write]}
    checks: [{check: text.says, with: {artifact: a.txt, contains: [final]}}]
    deliverables: [a.txt]
"""
CONFIG = """
[models.profiles.worker]
provider = "compatible"
base_url = "{base_url}"
model = "served"
api_key_env = "OPENAI_API_KEY"
price = {{input = 1, output = 4}}
"""


class House:
    def __init__(self, settings: Settings, botted: Botted, engine: Engine, llm: FakeLlm) -> None:
        self.settings = settings
        self.botted = botted
        self.engine = engine
        self.llm = llm

    def journal(self, objective_id: str) -> tuple[JournalRow, ...]:
        with self.engine.connect() as connection:
            return journal.read(connection, objective_id)

    def until(self, objective_id: str, kind: str, step_id: str = "", seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not any(row.kind == kind and step_id in row.step_id for row in self.journal(objective_id)):
            assert time.monotonic() < deadline, [row.kind for row in self.journal(objective_id)]
            time.sleep(0.05)

    def kill_host(self) -> None:
        found = stack.find(self.settings)
        assert found is not None
        os.kill(found.parts["host"].pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A stack of its own, because its host is killed, and because its host asks a provider of ours."""
    cwd = tmp_path_factory.mktemp("model-crashes")
    (cwd / "written.yaml").write_text(PLAYBOOK)
    settings = Settings(data_dir=cwd / "data", stack=StackSettings(linger_seconds=60))
    with FakeLlm().serving() as llm:
        (cwd / "botted.toml").write_text(CONFIG.format(base_url=llm.base_url))
        botted = Botted(cwd / "data", cwd, OPENAI_API_KEY=models.KEY)
        try:
            botted("list")  # starts the stack, with the key in its environment
            with stack.lease(settings):
                engine = database.connect(stack.ensure(settings, commands=WITHOUT_API).database_url, ping=True)
                yield House(settings, botted, engine, llm)
                engine.dispose()
        finally:
            stack.stop(settings)


def test_an_answer_that_was_paid_for_is_not_asked_for_again(house: House) -> None:
    held: list[Connection] = []
    holding = threading.Event()

    def work(seen: SeenRequest, turn: int) -> Reply:
        if turn == 1:
            return calls(Call("file_write", {"name": "a.txt", "content": "final"}))
        if not held:
            # What follows the answer waits for this table: the host stands still between answer and end.
            held.append(house.engine.connect())
            held[0].execute(text("LOCK TABLE steps IN EXCLUSIVE MODE"))
            holding.set()
        return calls(submit("a.txt"))

    house.llm.responder = Cast(work={"Write": work}).answer
    objective_id = house.botted("run", "Write a file", "--playbook", "written.yaml", "--detach").out.strip()
    assert holding.wait(60)
    house.until(objective_id, "model.answered", "turn-2")
    house.kill_host()
    held[0].rollback()
    held[0].close()
    house.until(objective_id, "objective.delivered")
    asked = [turn_of(seen) for seen in house.llm.requests if role_of(seen) == "executor"]
    assert asked == [1, 2]
    with house.engine.connect() as connection:
        paid = connection.execute(select(model_calls).where(model_calls.c.objective_id == objective_id)).all()
        whole = connection.execute(
            select(budgets.c.spent_usd).where(budgets.c.scope == f"objective/{objective_id}")
        ).scalar_one()
    assert [row.state for row in paid] == ["done", "done"]
    assert whole == sum(row.cost_usd for row in paid)


def test_a_call_that_was_under_way_counts_as_spent_and_is_made_again(house: House) -> None:
    under_way = threading.Event()

    def work(seen: SeenRequest, turn: int) -> Reply:
        first = not under_way.is_set()
        under_way.set()
        if first:
            time.sleep(3)  # longer than its host lives
        return (calls(Call("file_write", {"name": "a.txt", "content": "final"})), calls(submit("a.txt")))[turn - 1]

    house.llm.requests.clear()
    house.llm.responder = Cast(work={"Write": work}).answer
    objective_id = house.botted("run", "Write again", "--playbook", "written.yaml", "--detach").out.strip()
    assert under_way.wait(60)
    house.kill_host()
    house.until(objective_id, "objective.delivered")
    with house.engine.connect() as connection:
        paid = connection.execute(
            select(model_calls).where(model_calls.c.objective_id == objective_id).order_by(model_calls.c.id)
        ).all()
        whole = connection.execute(select(budgets).where(budgets.c.scope == f"objective/{objective_id}")).one()
    assert [row.state for row in paid] == ["lost", "done", "done"]
    assert whole.spent_usd == sum(row.cost_usd for row in paid)
    assert (whole.reserved_usd, whole.reserved_turns) == (0, 0)
    assert any(row.kind == "model.lost" for row in house.journal(objective_id))


def test_model_calls_wait_for_a_host_that_has_models(house: House) -> None:
    """A reboot, and a shell without the key: the work neither ends nor is lost."""
    house.llm.responder = Cast(work={"Write": [Fault(Trouble.HANG)]}).answer
    objective_id = house.botted("run", "Write later", "--playbook", "written.yaml", "--detach").out.strip()
    house.until(objective_id, "plan.made")
    stack.stop(house.settings)
    without = Botted(house.settings.folder, house.botted.cwd)
    assert objective_id in without("list").out
    time.sleep(3)
    assert not any(row.kind.startswith("objective.not") for row in house.journal(objective_id))
    house.llm.responder = Cast(
        work={"Write": (calls(Call("file_write", {"name": "a.txt", "content": "final"})), calls(submit("a.txt")))}
    ).answer
    stack.stop(house.settings)
    house.botted("list")
    house.until(objective_id, "objective.delivered", seconds=90)
