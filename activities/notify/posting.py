"""One POST to a receiver: bounded in time and size, to the address that was checked, and no further.

Import it lazily: few hosts tell anybody anything.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses as PHRASES
from urllib.request import getproxies, proxy_bypass

import httpx2

from activities.llm.classification import retry_after
from activities.notify.addresses import addresses_of, require_open
from activities.notify.channel import ChannelRefused, ChannelUnavailable

PATIENCE_SECONDS = 15
_CONNECT_SECONDS = 5
_BODY_SECONDS = 2
_MOST_BYTES = 1_000
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_WORD = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True)
class Answer:
    status: int
    retry_after: float | None
    word: str
    """What the body says if it is a single word, such as Slack's invalid_payload; any other may repeat a secret."""

    def __str__(self) -> str:
        parts = (str(self.status), PHRASES.get(self.status, ""), f"({self.word})" if self.word else "")
        return " ".join(part for part in parts if part)


async def deliver(url: str, body: bytes, headers: Mapping[str, str]) -> str:
    """POSTs JSON and says what came back. Raises ChannelRefused or ChannelUnavailable."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await _post(url, body, headers)
    except TimeoutError:
        raise ChannelUnavailable(f"no answer within {PATIENCE_SECONDS} s") from None
    match answer.status:
        case status if 200 <= status < 300:
            return str(answer)
        case status if 300 <= status < 400:
            raise ChannelRefused(f"it answers {answer}: redirects are not followed; set its url to where it is now")
        case HTTPStatus.GONE:
            raise ChannelRefused(f"it answers {answer}: it wants no more; take the channel out of the settings")
        case _:
            raise ChannelUnavailable(f"it answers {answer}", answer.retry_after)


async def _post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Below the client of httpx2, which would write whole addresses, and with them Slack's secret, into the log."""
    try:
        target = httpx2.URL(url)
        host = target.raw_host.decode("ascii")
        require_open(host)
        proxy = _proxy_for(target.scheme, host)
        if proxy:  # looks the name up itself, and has rules of its own
            async with httpx2.AsyncHTTPTransport(proxy=proxy, verify=await _trust()) as transport:
                return await _exchange(transport, target, target, body, headers)
        return await _post_directly(target, host, body, headers)
    except httpx2.TimeoutException:
        raise ChannelUnavailable("no answer in time") from None
    except (httpx2.TransportError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise ChannelUnavailable(_why(error)) from None


async def _post_directly(target: httpx2.URL, host: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    addresses = await addresses_of(host, target.port or (443 if target.scheme == "https" else 80))
    async with httpx2.AsyncHTTPTransport(verify=await _trust()) as transport:
        for address in addresses[:-1]:
            try:
                return await _exchange(transport, target, target.copy_with(host=address), body, headers)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await _exchange(transport, target, target.copy_with(host=addresses[-1]), body, headers)


async def _exchange(
    transport: httpx2.AsyncHTTPTransport,
    target: httpx2.URL,
    connect_to: httpx2.URL,
    body: bytes,
    headers: Mapping[str, str],
) -> Answer:
    timeout = {"connect": _CONNECT_SECONDS, "read": PATIENCE_SECONDS, "write": PATIENCE_SECONDS, "pool": 1}
    request = httpx2.Request(
        "POST",
        connect_to,
        content=body,
        headers={
            "host": target.netloc.decode("ascii"),
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": "botted",
            **headers,
        },
        extensions={"timeout": timeout, "sni_hostname": target.raw_host.decode("ascii")},
    )
    response = await transport.handle_async_request(request)
    try:
        return Answer(response.status_code, retry_after(response.headers), await _word_of(response))
    finally:
        await response.aclose()


async def _word_of(response: httpx2.Response) -> str:
    """The status has decided already: a body that is long, slow or broken changes nothing."""
    read = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) > _MOST_BYTES:
                    return ""
    except (TimeoutError, httpx2.HTTPError):
        return ""
    said = read.decode("utf-8", "replace").strip()
    return said if _WORD.fullmatch(said) else ""


async def _trust() -> ssl.SSLContext:
    """Reads a file of certificates, which takes longer than the event loop should wait."""
    return await asyncio.to_thread(httpx2.create_ssl_context)


def _proxy_for(scheme: str, host: str) -> str:
    """That of the environment, if it has one for this; none for this machine's own servers."""
    if host in _LOOPBACK or proxy_bypass(host):
        return ""
    proxies = getproxies()
    return proxies.get(scheme) or proxies.get("all", "")


def _why(error: BaseException) -> str:
    """In words of ours: an error's own may quote the address."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {seen.verify_message}"
        if isinstance(seen, ConnectionRefusedError):
            return "nothing listens at its address"
        seen = seen.__cause__ or seen.__context__
    return f"it cannot be reached ({type(error).__name__})"
