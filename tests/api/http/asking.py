"""Asks the service for objectives, without holding up the host that does them in the tests' own loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from tests.service import Service, ServiceProcess

PLAN = """
tasks:
  - id: write
    title: Write it
    steps: [{tool: fake.write, with: {name: out.txt, content: "{{ objective.text }}"}}]
    checks: [{check: artifact.exists, with: {artifact: out.txt}}]
    deliverables: [out.txt]
  - {id: rest, title: Rest, needs: [write], steps: [{tool: fake.noop}]}
"""


class Asking:
    """A caller with a key."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = await self.client.get(path, params=params or None)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def ask(self, text: str = "Look", **fields: Any) -> dict[str, Any]:
        if not fields.keys() & {"playbook", "playbook_text", "plan"}:
            fields.setdefault("plan_text", PLAN)
        answer = await self.client.post("/v1/objectives", json={"text": text, **fields})
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == f"/v1/objectives/{answer.json()['id']}"
        found: dict[str, Any] = answer.json()
        return found

    async def done(self, text: str = "Look", **fields: Any) -> dict[str, Any]:
        """An objective that has ended, as it is then."""
        asked = await self.ask(text, **fields)
        return await self.until(f"/v1/objectives/{asked['id']}", lambda shown: shown["result"] is not None)

    async def until(self, path: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            found = await self.get(path)
            if holds(found):
                return found
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.05)

    async def upload(self, name: str, content: bytes | AsyncIterator[bytes]) -> str:
        """Its hash."""
        answer = await self.client.post("/v1/uploads", params={"name": name}, content=content)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["sha256"])

    async def refusal(self, status: int, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The problem document."""
        answer = await self.client.request(method, path, **request)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        found: dict[str, Any] = answer.json()
        return found

    async def raw(self, sent: bytes) -> bytes:
        """What the service says to these bytes until it closes the connection."""
        reader, writer = await asyncio.open_connection(self.client.base_url.host, self.client.base_url.port)
        try:
            writer.write(sent)
            await writer.drain()
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def asking(
    service: Service | ServiceProcess, *roles: str, tenant: str, name: str = "ana"
) -> AsyncIterator[Asking]:
    key = service.key(*(roles or ("operator",)), tenant=tenant, name=name)
    async with httpx2.AsyncClient(
        base_url=service.url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
    ) as client:
        yield Asking(client)


def fields_of(problem: dict[str, Any]) -> list[str]:
    return [error["field"] for error in problem["errors"]]
