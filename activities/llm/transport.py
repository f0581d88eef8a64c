"""The HTTP client under both SDKs: it bounds what comes in and decides what goes out. Import it lazily."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

import httpx2
from typing_extensions import override

from activities.llm.answer import MOST_TEXT, too_long
from activities.llm.faults import FaultKind, ModelFault

# Escapes may double a text, and a stream wraps each token into an event of some hundred bytes.
_MOST_BYTES = 2 * MOST_TEXT
_MOST_STREAMED = 16 * MOST_TEXT
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
# The SDKs add headers from the environment (organisation, project, custom ones), whatever the host asked.
_SENT = {"accept", "anthropic-version", "connection", "content-length", "content-type", "host", "transfer-encoding"}


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, most: int) -> None:
        self._inner = inner
        self._left = most

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise too_long()
            yield chunk

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()


def bounded_client(base_url: str, credentials: Mapping[str, str]) -> httpx2.AsyncClient:
    """A client that sends no header but the needed ones and `credentials`, follows no redirect (a followed POST
    loses its body and looks like success) and reads no endless answer. It waits as long as the caller does.

    Raises ModelFault for an address that is none.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelFault(FaultKind.BAD_REQUEST, "The base URL of the model's provider is no http address")

    async def reduce_headers(request: httpx2.Request) -> None:
        for name in [name for name in request.headers if name.lower() not in _SENT]:
            del request.headers[name]
        # Uncompressed, or a few kilobytes could unfold into gigabytes.
        request.headers.update({**credentials, "accept-encoding": "identity", "user-agent": "botted"})

    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=10),
        limits=httpx2.Limits(max_connections=200, max_keepalive_connections=20),
        follow_redirects=False,
        trust_env=parts.hostname not in _LOOPBACK,  # a proxy of the environment cannot reach this machine's servers
        event_hooks={"request": [reduce_headers], "response": [_bound]},
    )


async def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ModelFault(FaultKind.BAD_BODY, "The answer is compressed, which was not asked for")
    streamed = response.headers.get("content-type", "").startswith("text/event-stream")
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream, _MOST_STREAMED if streamed else _MOST_BYTES)
