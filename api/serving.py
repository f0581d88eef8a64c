"""Uvicorn, with the goodbyes that streams need."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from config.settings import ApiSettings

BODY_OF_A_MESSAGE = 64_000
"""Bytes of what one says over a WebSocket."""


class Door(uvicorn.Server):
    """Tells open streams first that it is about to stop; only then it stops listening and waits for the others."""

    def __init__(self, app: FastAPI, settings: ApiSettings, port: int) -> None:
        self._app = app
        super().__init__(_config(app, settings, port))

    def stop(self) -> None:
        """The first time in order, the second time at once."""
        self.force_exit = self.should_exit
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Whoever runs us sees to signals: uvicorn's way ends the process by the signal, before anything is closed."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.closing.set()
        await super().shutdown(sockets)


def _config(app: FastAPI, settings: ApiSettings, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_tls_proxy,  # from anybody else they are lies
        forwarded_allow_ips=list(settings.proxies),
        timeout_graceful_shutdown=settings.shutdown_seconds,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        ws_max_size=BODY_OF_A_MESSAGE,
        ws_per_message_deflate=False,
        lifespan="on",
    )
