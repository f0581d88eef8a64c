"""What is sent to models for each task, on a run whose answers are recorded: it changes only with our prompts."""

import json
from collections import defaultdict
from itertools import pairwise, takewhile
from pathlib import Path

from sqlalchemy import Engine
from temporalio.client import Client

from tests import models
from tests.fakes.cast import Cast, approving, plan, role_of, submit, task, task_of
from tests.fakes.llm_script import Call, Reply, SeenRequest, calls
from tests.fakes.llm_server import FakeLlm
from tests.fakes.samples import sales
from tests.objectives import Objectives
from worker.wiring import build_host
from workflows.domain.model import Model
from workflows.domain.objective import Stage

QUERIES = 6
_SQL = "SELECT shop, avg(price) AS price FROM source WHERE id % {n} = 0 GROUP BY shop ORDER BY shop"


class PromptFigures(Model):
    calls_per_task: float
    tokens_per_task: float
    """Prompt tokens, at four characters each, of the worker's turns and the verifier's judgement."""
    planner_tokens: float
    same_share: float
    """Of the worker's prompts, what the prompt before had already: what a provider's cache can serve."""


async def prompt_figures(client: Client, engine: Engine, folder: Path) -> PromptFigures:
    with FakeLlm(_recorded().answer).serving() as llm:
        async with build_host(client, engine, folder, models=models.known(llm.base_url)):
            objectives = Objectives(client, engine, folder)
            running = await objectives.ask("How do prices differ?", files={"sales.csv": sales()})
            result = await running.result()
        assert result.stage is Stage.DELIVERED, result.reason
        return _figures(llm.requests)


def _recorded() -> Cast:
    names = {"First": "first.md", "Second": "second.md"}
    tasks = [
        task(
            title.lower(),
            title=title,
            capability="data",
            tools=["data.profile", "data.query", "file.write"],
            instructions=f"Find out how prices differ by shop, and write {name}.",
            deliverables=[name],
            checks=[{"check": "artifact.exists", "arguments": json.dumps({"artifact": name})}],
            criteria=["It says which shop is the cheapest."],
        )
        for title, name in names.items()
    ]
    work = {title: _work(name) for title, name in names.items()}
    return Cast(plans=[plan(*tasks)], work=work, judge=approving)


def _figures(seen: list[SeenRequest]) -> PromptFigures:
    by_task: dict[str, list[SeenRequest]] = defaultdict(list)
    for request in seen:
        if role_of(request) != "planner" and task_of(request):
            by_task[task_of(request)].append(request)
    asked = [request for requests in by_task.values() for request in requests]
    turns = [[_text(one) for one in requests if role_of(one) == "executor"] for requests in by_task.values()]
    same = sum(_common(before, after) for texts in turns for before, after in pairwise(texts))
    again = sum(len(after) for texts in turns for after in texts[1:])
    return PromptFigures(
        calls_per_task=len(asked) / len(by_task),
        tokens_per_task=sum(request.characters for request in asked) / 4 / len(by_task),
        planner_tokens=sum(request.characters for request in seen if role_of(request) == "planner") / 4,
        same_share=same / again,
    )


def _common(before: str, after: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


def _text(request: SeenRequest) -> str:
    """The prompt as it is sent, in order."""
    return json.dumps([request.system, request.body.get("tools"), request.body["messages"]], ensure_ascii=False)


def _work(name: str) -> tuple[Reply, ...]:
    asked = {"file": "sales.csv", "files": {}, "artifact": "", "limit": 50}
    queries = [calls(Call("data_query", {**asked, "sql": _SQL.format(n=n)})) for n in range(1, QUERIES + 1)]
    return (
        calls(Call("data_profile", {"file": "sales.csv", "artifact": f"{name}-profile.json"})),
        *queries,
        calls(Call("file_write", {"name": name, "content": "North is the cheapest shop and west the dearest."})),
        calls(submit(name)),
    )
