"""`make record`: writes the histories of all scenarios anew. A command of its own, so that no test overwrites one.

`python -m tests.replay.record NAME …` writes those of these scenarios only.
"""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import WorkflowHandle

from activities.store import database
from config.settings import Settings
from tests import models, namespaces
from tests.fakes import checks, receivers, tools
from tests.fakes.llm_server import FakeLlm
from tests.objectives import Objectives
from tests.replay.model_scenarios import MODEL_SCENARIOS
from tests.replay.notice_scenarios import NOTICE_SCENARIOS
from tests.replay.people_scenarios import PEOPLE_SCENARIOS
from tests.replay.scenarios import SCENARIOS
from worker.embedded import stack
from worker.wiring import build_host

_STICKY_QUEUE = re.compile(r"^\d+@.+-(?=[0-9a-f]{32}$)")
Scenario = TypeVar("Scenario", bound=Callable[..., Any])
HISTORIES = Path(__file__).parent / "histories"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder) / "data")
        try:
            addresses = stack.ensure(settings)
            asyncio.run(record(addresses.temporal_address, addresses.database_url, Path(folder)))
        finally:
            stack.stop(settings)


async def record(address: str, database_url: str, folder: Path) -> None:
    client = await namespaces.connect(address)
    engine = database.connect(database_url)
    only = sys.argv[1:]
    for old in HISTORIES.glob("*.json"):
        if not only or old.stem.split("@")[0] in only:
            old.unlink()
    with FakeLlm().serving() as llm:
        known = models.known(llm.base_url)
        async with build_host(
            client,
            engine,
            folder,
            tools=tools.TOOLS,
            checks=checks.CHECKS,
            models=known,
            channels=receivers.channels(),
        ):
            objectives = Objectives(client, engine, folder)
            for scenario in _asked((*SCENARIOS, *PEOPLE_SCENARIOS), only):
                await save(objectives, await scenario(objectives), scenario.__name__)
            for modelled in _asked(MODEL_SCENARIOS, only):
                await save(objectives, await modelled(objectives, llm), modelled.__name__)
            for told in _asked(NOTICE_SCENARIOS, only):
                await save(objectives, await told(objectives), told.__name__)
    engine.dispose()


def _asked(scenarios: Iterable[Scenario], only: Collection[str]) -> list[Scenario]:
    return [scenario for scenario in scenarios if not only or scenario.__name__ in only]


async def save(objectives: Objectives, running: WorkflowHandle[Any, Any], scenario: str) -> None:
    """One file per workflow; its name holds the original id, which child ids derive from."""
    ids = [running.id]
    for workflow_id in ids:
        recorded = await objectives.client.get_workflow_handle(workflow_id).fetch_history()
        ids += [
            event.start_child_workflow_execution_initiated_event_attributes.workflow_id
            for event in recorded.events
            if event.HasField("start_child_workflow_execution_initiated_event_attributes")
        ]
        path = HISTORIES / f"{scenario}@{workflow_id.replace('/', '~')}.json"
        path.write_text(json.dumps(_anonymous(json.loads(recorded.to_json())), indent=1) + "\n")
        print(path.name)


def _anonymous(part: Any) -> Any:
    """Without what tells of the machine that recorded: process names and paths in stack traces."""
    match part:
        case dict():
            return {key: "" if key in ("stackTrace", "identity") else _anonymous(value) for key, value in part.items()}
        case list():
            return [_anonymous(item) for item in part]
        case str():
            return _STICKY_QUEUE.sub("host-", part)
        case _:
            return part


if __name__ == "__main__":
    main()
