"""From settings to adapters: the only module that knows every concrete class."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Engine
from temporalio.client import Client

from activities.catalogue import CHECKS, TOOLS, catalogue
from activities.clerk import JournalClerk
from activities.desk import Desk
from activities.executor import ToolExecutor
from activities.planner import PlaybookPlanner
from activities.review.check import Check
from activities.reviewer import CheckReviewer
from activities.store.artifacts import ArtifactStore
from activities.store.objectives import ObjectiveStore
from activities.store.work import WorkStore
from activities.threads import Threads
from activities.tools.tool import Tool
from worker.app import Host


def build_host(
    client: Client,
    engine: Engine,
    data_folder: Path,
    *,
    scratch: Path | None = None,
    tools: Iterable[type[Tool]] = TOOLS,
    checks: Iterable[type[Check]] = CHECKS,
    max_concurrent_steps: int = 8,
) -> Host:
    """A host that does everything: plans, steps, reviews and the books."""
    tools, checks = tuple(tools), tuple(checks)
    desk = Desk(
        ObjectiveStore(engine),
        WorkStore(engine),
        ArtifactStore(engine, data_folder),
        scratch or data_folder / "scratch",
    )
    threads = Threads(2 * max_concurrent_steps + 4)
    return Host(
        client,
        planner=PlaybookPlanner(desk, catalogue(tools, checks), threads),
        executor=ToolExecutor(desk, {tool.name: tool() for tool in tools}, threads),
        reviewer=CheckReviewer(engine, desk, {check.name: check() for check in checks}, threads),
        clerk=JournalClerk(engine, desk, threads),
        max_concurrent_steps=max_concurrent_steps,
    )
