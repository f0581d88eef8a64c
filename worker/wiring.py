"""From settings to adapters: the only module that knows every concrete class."""

from collections.abc import Callable, Iterable
from pathlib import Path

from sqlalchemy import Engine
from temporalio.client import Client

from activities.catalogue import CHECKS, TOOLS, capabilities, catalogue, descriptions
from activities.clerk import JournalClerk
from activities.delegation import StoreDelegation
from activities.desk import Desk
from activities.executor import ToolExecutor
from activities.judging.judge import ModelJudge
from activities.llm.gateway import Gateway
from activities.llm.streaming import LiveOutput
from activities.notify.channel import Channels
from activities.notify.herald import ChannelHerald
from activities.planner import PlaybookPlanner
from activities.planning.drafter import ModelDrafter
from activities.playbooks.compiler import Catalogue
from activities.review.check import Check
from activities.reviewer import CheckReviewer
from activities.store.artifacts import ArtifactStore
from activities.store.ledger import Ledger
from activities.store.lessons import Lessons
from activities.store.objectives import ObjectiveStore
from activities.store.usage import UsageStore
from activities.store.work import WorkStore
from activities.threads import Threads
from activities.tools.tool import Effect, Tool
from activities.turns.worker import ModelTurns
from config.models import KnownModels
from worker.app import Host
from worker.models import models_of, profiles_of
from workflows.domain.naming import NOTICES_QUEUE, Role, models_queue, queue_of


def build_host(
    client: Client,
    engine: Engine,
    data_folder: Path,
    *,
    scratch: Path | None = None,
    tools: Iterable[type[Tool]] = TOOLS,
    checks: Iterable[type[Check]] = CHECKS,
    models: KnownModels | None = None,
    channels: Channels | None = None,
    max_concurrent_steps: int = 8,
) -> Host:
    """A host that does everything: plans, steps, reviews and the books."""
    tools, checks = tuple(tools), tuple(checks)
    models = models or KnownModels()
    desk = Desk(
        engine,
        ObjectiveStore(engine),
        WorkStore(engine),
        ArtifactStore(engine, data_folder),
        scratch or data_folder / "scratch",
    )
    threads = Threads(2 * max_concurrent_steps + 4)
    ledger, lessons = Ledger(engine), Lessons(engine)
    known_tools = {tool.name: tool() for tool in tools}
    known_checks = {check.name: check() for check in checks}
    known = catalogue(tools, checks)
    gateway = _gateway(models, ledger, engine, threads)
    planner, clerk = PlaybookPlanner(engine, desk, known, threads), JournalClerk(engine, desk, threads)
    herald = ChannelHerald(engine, channels or Channels(), threads)
    delegation = StoreDelegation(engine, desk, desk.objectives, threads)
    executor, reviewer = ToolExecutor(desk, known_tools, threads), CheckReviewer(engine, desk, known_checks, threads)
    turns = ModelTurns(engine, desk, known_tools, gateway, ledger, lessons, threads)
    judge = ModelJudge(engine, desk, gateway, ledger, threads)
    for_models = _for_models(known, tools)
    told, able = descriptions(tools, checks), capabilities(tools)
    drafter = ModelDrafter(desk, for_models, told, able, gateway, ledger, lessons, threads)
    books: list[Callable[..., object]] = [
        *(clerk.take_note, clerk.reopen_tasks, clerk.file_submission, clerk.close_objective),
        *(planner.outline, planner.choose_mode, delegation.delegate, delegation.adopt, herald.record_delivery),
    ]
    queues: dict[Role, tuple[list[Callable[..., object]], list[Callable[..., object]]]] = {
        Role.PLANNER: ([planner.make_plan, planner.revise_plan, *books], [drafter.draft_plan]),
        Role.EXECUTOR: ([executor.execute_step, turns.call_tool], [turns.take_turn]),
        Role.VERIFIER: ([reviewer.review_task, reviewer.review_result], [judge.judge]),
    }
    activities = {queue_of(role): here for role, (here, _) in queues.items()}
    activities[NOTICES_QUEUE] = [herald.deliver_notice]
    if gateway.has_models:  # else model calls wait for a host that has some
        activities |= {models_queue(queue_of(role)): calls for role, (_, calls) in queues.items()}
    return Host(client, activities, close=gateway.close, max_concurrent_steps=max_concurrent_steps)


def _gateway(known: KnownModels, ledger: Ledger, engine: Engine, threads: Threads) -> Gateway:
    profiles = profiles_of(known)
    roles = {str(role): names for role, names in known.roles.items()}
    live = LiveOutput(engine, [profile.key.get_secret_value() for profile in profiles.values()])
    return Gateway(ledger, UsageStore(engine), models_of(profiles), profiles, roles, threads, live=live)


def _for_models(known: Catalogue, tools: Iterable[type[Tool]]) -> Catalogue:
    """Without tools whose effect cannot be undone: no model decides on those."""
    undoable = {tool.name for tool in tools if tool.effect is not Effect.IRREVERSIBLE}
    return known.model_copy(update={"tools": {name: known.tools[name] for name in known.tools if name in undoable}})
