"""The real service on a free port: in a thread with a loop of its own, or as a process of its own."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx2
from fastapi import FastAPI
from sqlalchemy import Engine

from activities.catalogue import catalogue
from activities.store.keys import KeyStore, NewKey
from api.app import create_app
from api.auth.keys import ApiKey
from api.auth.principal import Role
from api.house import open_house
from api.serving import Door
from config.settings import ApiSettings, AuthSettings, Settings, TemporalSettings
from tests.e2e.command import NEVER_PASSED_ON
from tests.fakes import checks, tools
from tests.namespaces import NAMESPACE
from worker.embedded import ports

START_SECONDS = 90
"""On a machine that is busy with other tests."""


def make_key(
    engine: Engine,
    *roles: Role | str,
    tenant: str = "default",
    name: str = "ana",
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
) -> str:
    """Directly in the store; what its holder would send."""
    key = ApiKey.mint()
    KeyStore(engine).enter(
        NewKey(
            id=key.id,
            tenant=tenant,
            name=name,
            digest=key.digest,
            roles=tuple(map(str, roles)),
            requests_per_minute=requests_per_minute,
            created_by="a test",
            expires_at=expires_at,
        )
    )
    return key.text


class _Served:
    """What tests do with a service, wherever it runs."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.url = ""
        self._clients = ExitStack()

    def key(self, *roles: Role | str, tenant: str = "default", name: str = "ana", **fields: Any) -> str:
        return make_key(self.engine, *(roles or (Role.ADMIN,)), tenant=tenant, name=name, **fields)

    def client(self, key: str | None = None, **options: Any) -> httpx2.Client:
        """Closed with the service."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        client = httpx2.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False, **options)
        return self._clients.enter_context(client)


class Service(_Served):
    """Two may run side by side, as two API processes would. `api` are fields of ApiSettings."""

    def __init__(
        self,
        engine: Engine,
        temporal_address: str,
        folder: Path,
        *,
        namespace: str = NAMESPACE,
        auth: AuthSettings | None = None,
        database_url: str = "",
        **api: Any,
    ) -> None:
        """`folder` has the artifacts. `database_url` where the service is to go another way than the tests."""
        super().__init__(engine)
        self.settings = Settings(
            data_dir=folder,
            api=ApiSettings(**api),
            auth=auth or AuthSettings(),
            temporal=TemporalSettings(namespace=namespace),
        )
        self.app: FastAPI | None = None
        self._database_url = database_url or engine.url.render_as_string(hide_password=False)
        self._temporal_address = temporal_address
        self._door: Door | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="service")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_SECONDS), "the service did not start"
        assert self.url, "the service ended before it was ready"
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()
        if self._door is not None:
            self._door.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "the service did not stop"

    async def _serve(self) -> None:
        try:
            known = catalogue(tools.TOOLS, checks.CHECKS)  # of the tests' host
            async with open_house(
                self.settings, self._database_url, self._temporal_address, tools_and_checks=known
            ) as house:
                self.app = create_app(house)
                self._door = Door(self.app, self.settings.api, port=0)
                telling = asyncio.create_task(self._tell_when_ready(self._door))
                await self._door.serve()
                await telling
        finally:
            self._ready.set()

    async def _tell_when_ready(self, door: Door) -> None:
        while not door.started and not door.should_exit:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        if door.started:
            self.url = f"http://127.0.0.1:{door.servers[0].sockets[0].getsockname()[1]}"
        self._ready.set()


class ServiceProcess(_Served):
    """`python -m api`. Settings as variables: BOTTED_API__REQUEST_SECONDS="2"."""

    def __init__(
        self, engine: Engine, temporal_address: str, folder: Path, *, namespace: str = NAMESPACE, **variables: str
    ) -> None:
        super().__init__(engine)
        self.port = ports.choose(avoiding=set())
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(NEVER_PASSED_ON)},
            "BOTTED_DATA_DIR": str(folder),
            "BOTTED_DATABASE__URL": engine.url.render_as_string(hide_password=False),
            "BOTTED_TEMPORAL__ADDRESS": temporal_address,
            "BOTTED_TEMPORAL__NAMESPACE": namespace,
            "BOTTED_API__PORT": str(self.port),
            **variables,
        }
        self.process: subprocess.Popen[str] | None = None
        self.trusts: ssl.SSLContext | bool = True
        """For HTTPS with a certificate of our own."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()
        self.stop()

    def start(self) -> None:
        """Again, too, after `stop` or `kill`, on the same port."""
        command = [sys.executable, "-m", "api"]
        self.process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        deadline = time.monotonic() + START_SECONDS
        try:
            while not self._lives():
                assert self.process.poll() is None, "the service ended"
                assert time.monotonic() < deadline, "the service did not start in time"
                time.sleep(0.05)
        except BaseException as error:
            process, self.process = self.process, None
            process.kill()
            error.add_note(process.communicate()[0][-2000:])
            raise

    def stop(self) -> str:
        """In order; what it said."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> str:
        if self.process is None:
            return ""
        process, self.process = self.process, None
        process.send_signal(number)
        try:
            return process.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise

    def _lives(self) -> bool:
        try:
            with httpx2.Client(trust_env=False, timeout=2, verify=self.trusts) as client:
                return client.get(f"{self.url}/v1/health/live").status_code == 200
        except httpx2.TransportError:
            return False
