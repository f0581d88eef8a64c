"""kill -9 of any part in the middle of the work: it goes on where it was, and nothing is done twice."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine, text

from activities.store import database, journal
from activities.store.journal import JournalRow
from config.settings import Settings, StackSettings
from tests.e2e.command import WITHOUT_API, Botted
from worker.embedded import stack
from worker.embedded.stack import StackState

PLAYBOOK = """
name: long
version: 1.0.0
description: Writes, counts for some seconds, and writes again.
files: {kind: tables, min: 1}
tasks:
  - id: first
    title: First
    steps: [{tool: file.write, with: {name: first.txt, content: done once}}]
    deliverables: [first.txt]
  - id: count
    title: Count
    needs: [first]
    steps:
      - {id: before, tool: file.write, with: {name: before.txt, content: done once}}
      - id: slow
        tool: data.query
        with:
          files: {t: "{{ files[0].name }}"}
          sql: "SELECT count(*) AS n FROM range(40000) a, range(20000) b WHERE hash(a.range, b.range) % 7 = 1"
          artifact: n.csv
      - {id: after, tool: file.write, with: {name: after.txt, content: done once}}
    deliverables: [before.txt, n.csv, after.txt]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, weather: Path) -> Iterator["House"]:
    """A stack of its own, because its parts are killed."""
    cwd = tmp_path_factory.mktemp("crashes")
    (cwd / "long.yaml").write_text(PLAYBOOK)
    settings = Settings(data_dir=cwd / "data", stack=StackSettings(linger_seconds=60))
    try:
        with stack.lease(settings):
            engine = database.connect(stack.ensure(settings, commands=WITHOUT_API).database_url, ping=True)
            yield House(settings, Botted(cwd / "data", cwd), engine, weather)
            engine.dispose()
    finally:
        stack.stop(settings)


class House:
    def __init__(self, settings: Settings, botted: Botted, engine: Engine, weather: Path) -> None:
        self.settings = settings
        self.botted = botted
        self.engine = engine
        self._weather = weather

    def begin(self) -> str:
        asked = ("run", "Count", "--playbook", "long.yaml", "--file", self._weather, "--detach")
        return self.botted(*asked).out.strip()

    def journal(self, objective_id: str) -> tuple[JournalRow, ...]:
        with self.engine.connect() as connection:
            return journal.read(connection, objective_id)

    def wait_for_step(self, objective_id: str, step_id: str) -> None:
        deadline = time.monotonic() + 60
        while not any(row.step_id == step_id for row in self.journal(objective_id)):
            assert time.monotonic() < deadline, f"{step_id} was not started"
            time.sleep(0.05)

    def kill(self, choose: Callable[[StackState], int]) -> None:
        found = stack.find(self.settings)
        assert found is not None
        psutil.Process(choose(found)).kill()


def part(name: str) -> Callable[[StackState], int]:
    return lambda found: found.parts[name].pid


def supervisor(found: StackState) -> int:
    return found.supervisor.pid


@pytest.mark.parametrize(
    "victim",
    [part("host"), part("temporal"), part("postgres"), supervisor],
    ids=["host", "temporal", "postgres", "supervisor"],
)
def test_the_work_goes_on_and_nothing_is_done_twice(house: House, victim: Callable[[StackState], int]) -> None:
    objective_id = house.begin()
    house.wait_for_step(objective_id, "slow")
    house.kill(victim)
    ended = house.botted("watch", objective_id, "--json", "--out", f"out-{objective_id}", seconds=150)
    assert ended.code == 0, ended.out + ended.err
    rows = house.journal(objective_id)
    finished = Counter((row.task_id, row.step_id) for row in rows if row.kind == "step.finished")
    assert set(finished.values()) == {1}
    assert len(finished) == 4
    started = Counter((row.task_id, row.step_id) for row in rows if row.kind == "step.started")
    assert [step for step, times in started.items() if times > 1 and step[1] != "slow"] == []
    with house.engine.connect() as connection:
        query = text("SELECT name, count(*) FROM files WHERE objective_id = :id AND task_id <> '' GROUP BY name")
        made = {name: times for name, times in connection.execute(query, {"id": objective_id})}
    assert made == {"first.txt": 1, "before.txt": 1, "n.csv": 1, "after.txt": 1}


def test_a_watcher_follows_through_the_death_of_everything(house: House) -> None:
    objective_id = house.begin()
    house.wait_for_step(objective_id, "slow")
    watching = house.botted.start("watch", objective_id, "--json")
    time.sleep(2)
    found = stack.find(house.settings)
    assert found is not None
    for pid in [found.supervisor.pid, *(process.pid for process in found.parts.values())]:
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess:
            continue
    out, err = watching.communicate(timeout=150)
    assert watching.returncode == 0, out + err
    assert json.loads(out)["delivered"] is True


def test_two_runs_at_once_on_a_new_folder_share_one_stack(tmp_path: Path, weather: Path) -> None:
    (tmp_path / "long.yaml").write_text(PLAYBOOK.replace("40000", "40"))
    botted = Botted(tmp_path / "data", tmp_path)
    settings = Settings(data_dir=tmp_path / "data")
    try:
        asked = ("run", "Count", "--playbook", "long.yaml", "--file", weather, "--json")
        runs = [botted.start(*asked) for _ in range(2)]
        ended = [(run.communicate(timeout=120), run.returncode) for run in runs]
        assert [code for _, code in ended] == [0, 0], ended
        assert len(json.loads(botted("list", "--json").out)) == 2
    finally:
        stack.stop(settings)
