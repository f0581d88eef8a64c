"""The anthropic package, an extra, as a connection."""

from collections.abc import AsyncGenerator

import httpx2
from anthropic import AsyncAnthropic, AsyncStream

from activities.llm.connection import Body, Event, Reply
from activities.llm.model import Profile
from activities.llm.transport import bounded_client


class ClaudeConnection:
    """The module is imported lazily: it takes more than a second, and the package may be missing."""

    def __init__(self, profile: Profile) -> None:
        key = profile.key.get_secret_value()
        address = profile.base_url.rstrip("/").removesuffix("/v1")
        self._client = AsyncAnthropic(
            api_key=key,
            base_url=address,
            max_retries=0,
            http_client=bounded_client(address, {"x-api-key": key}),
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
        return (await self._client.get("/v1/models", cast_to=httpx2.Response)).text

    async def close(self) -> None:
        await self._client.close()


def _request_id(response: httpx2.Response) -> str:
    return response.headers.get("request-id", "")[:100]
