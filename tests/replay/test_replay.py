from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.replay.model_scenarios import MODEL_SCENARIOS
from tests.replay.notice_scenarios import NOTICE_SCENARIOS
from tests.replay.people_scenarios import PEOPLE_SCENARIOS
from tests.replay.scenarios import SCENARIOS
from worker.app import WORKFLOWS, workflow_runner

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem.split("@")[0])
async def test_a_recorded_history_still_replays(path: Path) -> None:
    workflow_id = path.stem.split("@")[1].replace("~", "/")
    history = WorkflowHistory.from_json(workflow_id, path.read_text())  # noqa: ASYNC240 - nothing else runs here
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner(), data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history)


def test_every_scenario_is_recorded() -> None:
    recorded = {path.stem.split("@")[0] for path in HISTORIES}
    scenarios = (*SCENARIOS, *MODEL_SCENARIOS, *PEOPLE_SCENARIOS, *NOTICE_SCENARIOS)
    assert recorded == {scenario.__name__ for scenario in scenarios}
