"""A namespace of its own for hosts that tests run in their process; the stack's own host polls `default`."""

import asyncio
from datetime import timedelta

from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from config import temporal
from worker.search_attributes import NotRegistered, register

NAMESPACE = "tests"


async def connect(address: str) -> Client:
    default = await temporal.connect(address)
    request = RegisterNamespaceRequest(namespace=NAMESPACE)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
    try:
        await default.workflow_service.register_namespace(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
    client = await temporal.connect(address, NAMESPACE)
    await _until_known(client)
    return client


async def _until_known(client: Client) -> None:
    """Every part of the server knows a new namespace only after a moment."""
    for _ in range(100):
        try:
            return await register(client)
        except NotRegistered:
            await asyncio.sleep(0.1)
    return await register(client)
