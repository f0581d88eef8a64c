"""The openai package as a connection, for OpenAI itself and everything that speaks its protocols."""

from collections.abc import AsyncGenerator

import httpx2
from openai import AsyncOpenAI, AsyncStream

from activities.llm.connection import Body, Event, Reply
from activities.llm.model import Profile
from activities.llm.transport import bounded_client


class OpenAiConnection:
    """Posts raw bodies and hands out raw answers: the SDK's typed methods lose what providers add to the protocol
    and pass off HTML as success. The module is imported lazily, it takes half a second."""

    def __init__(self, profile: Profile) -> None:
        key = profile.key.get_secret_value()
        # All explicit: for what is left out the SDK asks the environment and sends it to any host.
        self._client = AsyncOpenAI(
            api_key=key,
            base_url=profile.base_url,
            organization="",
            project="",
            max_retries=0,
            http_client=bounded_client(profile.base_url, {"authorization": f"Bearer {key}"}),
        )

    async def send(self, path: str, body: Body) -> Reply:
        response = await self._client.post(path, cast_to=httpx2.Response, body=body)
        return Reply(response.text, _request_id(response))

    async def stream(self, path: str, body: Body) -> AsyncGenerator[Event, None]:
        events = await self._client.post(path, cast_to=object, body=body, stream=True, stream_cls=AsyncStream[object])
        async with events:
            async for data in events:
                yield Event(data, _request_id(events.response))

    async def list_models(self) -> str:
        return (await self._client.get("/models", cast_to=httpx2.Response)).text

    async def close(self) -> None:
        await self._client.close()


def _request_id(response: httpx2.Response) -> str:
    return response.headers.get("x-request-id", "")[:100]
