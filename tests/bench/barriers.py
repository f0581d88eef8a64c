"""The same graph on LangGraph, whose super-steps are barriers: every task of a layer waits for the slowest of the last.

In one process and without durability: a yardstick for scheduling only.
"""

import asyncio
import operator
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph

from tests.bench.engine import Graph


class Done(TypedDict):
    done: Annotated[list[str], operator.add]


async def langgraph_makespan(graph: Graph) -> float:
    """Seconds."""
    builder = StateGraph(Done)
    needed = {need for _, needs, _ in graph.tasks for need in needs}
    for task_id, needs, steps in graph.tasks:
        builder.add_node(task_id, _work(task_id, steps, graph.nap))
        builder.add_edge(needs or START, task_id)
        if task_id not in needed:
            builder.add_edge(task_id, END)
    compiled = builder.compile()
    began = time.perf_counter()
    result = await compiled.ainvoke({"done": []}, {"recursion_limit": 1000})
    took = time.perf_counter() - began
    assert len(result["done"]) == len(graph.tasks)
    return took


def _work(task_id: str, steps: int, nap: float) -> Callable[[Done], Awaitable[Done]]:
    async def work(state: Done) -> Done:
        for _ in range(steps):
            await asyncio.sleep(nap)
        return {"done": [task_id]}

    return work
