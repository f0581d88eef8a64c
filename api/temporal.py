"""The service's connection to Temporal, which may be down when the service starts."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from temporalio.client import Client, Plugin
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime
from temporalio.service import ConnectConfig, RPCError, RPCStatusCode, ServiceClient


async def connect(address: str, namespace: str, runtime: Runtime | None = None) -> Client:
    """Connects at the first call; a server that does not answer is an RPCError then, and at each call again."""
    return await Client.connect(
        address,
        namespace=namespace,
        data_converter=pydantic_data_converter,
        lazy=True,
        runtime=runtime,
        plugins=[_LatePlugin()],
    )


class _LatePlugin(Plugin):
    def configure_client(self, config: Any) -> Any:
        return config

    async def connect_service_client(
        self, config: ConnectConfig, next: Callable[[ConnectConfig], Awaitable[ServiceClient]]
    ) -> ServiceClient:
        return _LateService(await next(config))


class _LateService(ServiceClient):
    """As the SDK's own, but for one error: before the first connection it raises a bare RuntimeError."""

    def __init__(self, inner: ServiceClient) -> None:
        super().__init__(inner.config)
        self._inner = inner

    @property
    def worker_service_client(self) -> Any:
        return self._inner.worker_service_client

    def update_rpc_metadata(self, metadata: Mapping[str, str | bytes]) -> None:
        self._inner.update_rpc_metadata(metadata)

    def update_api_key(self, api_key: str | None) -> None:
        self._inner.update_api_key(api_key)

    async def _rpc_call(self, rpc: str, req: Message, resp_type: Any, **how: Any) -> Any:
        try:
            return await self._inner._rpc_call(rpc, req, resp_type, **how)
        except RuntimeError as error:
            if isinstance(error, RPCError):
                raise
            raise RPCError(str(error), RPCStatusCode.UNAVAILABLE, b"") from error
