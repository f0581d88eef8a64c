"""A fake provider, and models of any wire that ask it."""

from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from pydantic import SecretStr

from activities.llm.messages import Message, ModelRequest
from activities.llm.model import LanguageModel, Profile, Wire
from activities.llm.providers import make_model
from tests.fakes.llm_server import FakeLlm

KEY = "our-own-secret-7f3a"
MakeModel = Callable[..., LanguageModel]


def profile(wire: Wire, base_url: str, changes: Mapping[str, object]) -> Profile:
    plain = {"name": f"test-{wire}", "provider": "fake", "model": "test-model", "key": SecretStr(KEY)}
    return Profile.model_validate({**plain, "wire": wire, "base_url": base_url, **changes})


def request(*messages: Message, **changes: object) -> ModelRequest:
    """Of a user who says hello, if nobody says anything else."""
    said = messages or (Message(role="system", content="Be brief."), Message(role="user", content="Hello."))
    return ModelRequest.model_validate({"messages": said, "deadline_seconds": 20, **changes})


@pytest.fixture
async def llm() -> AsyncIterator[FakeLlm]:
    async with FakeLlm() as server:
        yield server


@pytest.fixture
async def model(llm: FakeLlm) -> AsyncIterator[MakeModel]:
    made: list[LanguageModel] = []

    def make(wire: Wire, **changes: object) -> LanguageModel:
        made.append(make_model(profile(wire, llm.base_url, changes)))
        return made[-1]

    yield make
    for one in made:
        await one.close()
