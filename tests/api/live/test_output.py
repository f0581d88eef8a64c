"""Models' words on their way: from a provider that streams, over a host and Postgres, to clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from activities.llm.asking import Asker, ModelRetry
from activities.llm.gateway import Gateway
from activities.llm.messages import Message, ModelRequest
from activities.llm.model import Price, Profile, Wire
from activities.llm.providers import make_model
from activities.llm.streaming import LiveOutput
from activities.store.ledger import Ledger
from activities.store.objectives import ObjectiveStore
from activities.store.usage import UsageStore
from activities.threads import Threads
from tests.api.live.interruptions import cut_listeners
from tests.api.live.journalist import Journalist
from tests.api.live.listening import calling, listening
from tests.fakes.cast import Cast, plan, task, writes
from tests.fakes.llm_script import Fault, Say, Trouble
from tests.fakes.llm_server import FakeLlm
from tests.objectives import Objectives, until
from tests.service import Service

KEY = "our-own-secret-7f3a"
STORY = "".join(f"And then, in chapter {n}, nothing much happened. " for n in range(40))


class Screen:
    """Shows what output events say, as clients should."""

    def __init__(self) -> None:
        self.text = ""
        self.begun = 0
        self.pieces = 0
        self.done = False

    def show(self, said: dict[str, Any]) -> None:
        assert said["offset"] in (0, len(self.text)), "neither the next piece nor a new beginning"
        if said["offset"] == 0:
            self.begun += 1
            self.text = ""
        self.text += said["text"]
        self.pieces += 1
        self.done = said["done"]


class Author:
    """A host's way to a model that streams."""

    def __init__(self, engine: Engine, llm: FakeLlm, threads: Threads) -> None:
        self.llm = llm
        profile = Profile(
            name="streaming",
            provider=f"streaming-{llm.base_url}",
            wire=Wire.CHAT,
            model="any",
            base_url=llm.base_url,
            key=SecretStr(KEY),
            price=Price(input=Decimal(1), output=Decimal(1)),
            stream=True,
            deadline_seconds=20,
        )
        self.gateway = Gateway(
            Ledger(engine),
            UsageStore(engine),
            {"streaming": make_model(profile)},
            {"streaming": profile},
            {"executor": ("streaming",)},
            threads,
            live=LiveOutput(engine, [KEY]),
        )

    async def ask(self, objective_id: str) -> str:
        asker = Asker(
            key=f"{objective_id}/chapter/1/turn-1",
            objective_id=objective_id,
            tenant="default",
            task_id="chapter",
            attempt=1,
            step_id="turn-1",
            role="executor",
            scopes=(),
        )
        request = ModelRequest(messages=(Message(role="user", content="Go on."),), max_output_tokens=2_000)
        return (await self.gateway.ask(asker, request)).response.text


@pytest.fixture
async def author(engine: Engine) -> AsyncIterator[Author]:
    threads = Threads(4)
    async with FakeLlm() as llm:
        author = Author(engine, llm, threads)
        yield author
        await author.gateway.close()
    threads.close()


async def test_words_are_seen_before_the_answer_is_there(live: Service, journalist: Journalist, author: Author) -> None:
    objective_id = journalist.open()
    author.llm.script(Say(STORY, pace=0.01))
    screen = Screen()
    async with listening(live.url, live.key(), objective_id, output="true") as ear:
        await ear.take(1)
        asking = asyncio.create_task(author.ask(objective_id))
        early = 0
        while not screen.done:
            heard = await ear.hear()
            assert heard is not None
            if heard.name == "output":
                assert heard.id == ""
                screen.show(heard.data)
                early += not asking.done()
                last = heard.data
        assert last | {"offset": 0, "text": ""} == {
            "key": f"{objective_id}/chapter/1/turn-1",
            "objective": objective_id,
            "task": "chapter",
            "attempt": 1,
            "step": "turn-1",
            "offset": 0,
            "text": "",
            "done": True,
        }
        assert ear.last_id in ("1", "2"), "output does not move the place where a client resumes"
    assert screen.text == await asking == STORY
    assert screen.begun == 1
    assert early >= 3
    assert screen.pieces < 40, "collected, not one by one"


async def test_who_comes_in_the_middle_gets_what_was_said_and_then_the_rest(
    live: Service, journalist: Journalist, author: Author
) -> None:
    objective_id, key = journalist.open(), live.key()
    author.llm.script(Say(STORY, pace=0.015))
    asking = asyncio.create_task(author.ask(objective_id))
    screens = [Screen(), Screen()]
    await asyncio.sleep(0.7)
    async with listening(live.url, key, objective_id, output="true") as ear, calling(live.url, key) as caller:
        await caller.subscribe("all", output=[objective_id])
        cut_listeners(journalist.engine)  # what is missed meanwhile is read
        while not screens[0].done:
            heard = await ear.hear()
            assert heard is not None
            if heard.name == "output":
                screens[0].show(heard.data)
        while not screens[1].done:
            screens[1].show(await caller.hear("output"))
    await asking
    assert [screen.text for screen in screens] == [STORY, STORY]


async def test_another_try_begins_anew(live: Service, journalist: Journalist, author: Author) -> None:
    objective_id, key = journalist.open(), live.key()
    author.llm.script(Fault(Trouble.CUT, text=STORY), Say("All is well that ends well. " * 20, pace=0.02))
    screen = Screen()
    async with calling(live.url, key) as caller:
        await caller.subscribe([objective_id], output=[objective_id])
        with pytest.raises(ModelRetry):
            await author.ask(objective_id)
        while not screen.done:
            screen.show(await caller.hear("output"))
        assert STORY.startswith(screen.text)
        asking = asyncio.create_task(author.ask(objective_id))
        while not (screen.done and screen.begun == 2):
            screen.show(await caller.hear("output"))
    assert screen.text == await asking


async def test_keys_in_what_a_model_says_are_never_shown(live: Service, journalist: Journalist, author: Author) -> None:
    objective_id = journalist.open()
    author.llm.script(Say(f"The key is {KEY}, keep it; and {KEY} again. " * 5, pace=0.03, chunk=7))
    seen = ""
    async with listening(live.url, live.key(), objective_id, output="true") as ear:
        asking = asyncio.create_task(author.ask(objective_id))
        screen = Screen()
        while not screen.done:
            heard = await ear.hear()
            assert heard is not None
            if heard.name == "output":
                screen.show(heard.data)
                seen += heard.data["text"]
    assert KEY[:6] not in seen
    assert screen.text == await asking
    assert "[secret removed]" in screen.text


async def test_without_being_asked_for_output_is_not_sent(
    live: Service, journalist: Journalist, author: Author
) -> None:
    objective_id = journalist.open()
    author.llm.script(Say(STORY, pace=0.005))
    async with listening(live.url, live.key(), objective_id) as ear:
        await author.ask(objective_id)
        journalist.end(objective_id)
        heard = await ear.rest()
    assert [event.name for event in heard] == ["objective.asked", "model.answered", "objective.delivered", "end"]


async def test_output_of_another_tenant_is_refused(live: Service, journalist: Journalist) -> None:
    foreign = journalist.open("elsewhere")
    async with calling(live.url, live.key()) as caller:
        await caller.say("subscribe", objectives="all", output=[foreign])
        assert (await caller.hear("error", "subscribed"))["problem"]["status"] == 404


async def test_the_planner_is_seen_planning(live: Service, objectives: Objectives, llm: FakeLlm) -> None:
    """All the way: workflow, activity, gateway, provider, table, notice, service, client."""
    made = plan(task("a"))
    store = ObjectiveStore(objectives.engine)
    cast = Cast(plans=[Say(json.dumps(made), pace=0.01)], work={"Task a": writes("a.txt")})
    llm.responder = cast.answer
    try:
        running = await objectives.ask("Write a file.")
        objective_id = running.id.removeprefix("objective/")
        screen = Screen()
        await until(lambda: objective_id in store.like(objective_id))
        async with listening(live.url, live.key(), objective_id, output="true") as ear:
            heard = await ear.rest()
    finally:
        llm.responder = None
    for event in heard:
        if event.name == "output" and event.data["step"].startswith("draft"):
            screen.show(event.data)
    assert json.loads(screen.text) == made
    assert screen.pieces >= 2
    assert [event.name for event in heard][-2:] == ["objective.delivered", "end"]
