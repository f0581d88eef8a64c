"""The search attributes that our workflows set; unregistered ones would fail every workflow task."""

import temporalio.api.enums.v1 as enums
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

NAMES = ("BottedTenant", "BottedStage", "BottedMode")


class NotRegistered(Exception):
    """The server lacks our search attributes and does not let us add them."""


async def register(client: Client) -> None:
    """Adds what is missing; several hosts may do so at once. Raises NotRegistered."""
    operator = client.operator_service
    try:
        there = await operator.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        missing = [name for name in NAMES if name not in there.custom_attributes]
        if missing:
            keyword = enums.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
            attributes = {name: keyword for name in missing}
            await operator.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=attributes)
            )
    except RPCError as error:
        commands = " ".join(f"--name {name} --type Keyword" for name in NAMES)
        raise NotRegistered(
            f"the Temporal namespace {client.namespace!r} lacks botted's search attributes and refused to add them "
            f"({error.message}); ask its operator to run: temporal operator search-attribute create {commands}"
        ) from error
