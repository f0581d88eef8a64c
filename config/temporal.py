"""The connection to Temporal, the same for every process."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter


async def connect(address: str, namespace: str = "default") -> Client:
    """Raises RuntimeError when nothing answers at `address` (host:port)."""
    return await Client.connect(address, namespace=namespace, data_converter=pydantic_data_converter)
