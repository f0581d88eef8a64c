"""What the three wires have in common: the deadline, the one client, streaming, faults."""

import asyncio
import time
from abc import ABC, abstractmethod
from contextlib import aclosing
from typing import ClassVar

from pydantic import ValidationError

from activities.llm.answer import Part, Reader, finish_of, usage_of
from activities.llm.classification import body_fault, classify
from activities.llm.connection import Body, Connection
from activities.llm.faults import FaultKind, ModelFault
from activities.llm.messages import ModelRequest, ModelResponse
from activities.llm.model import OnText, Profile
from activities.llm.schema_prompt import told_in_prompt


class _Listed(Part):
    id: str


class _Listing(Part):
    data: list[_Listed]


class Adapter(ABC):
    """One provider's model. A subclass says what is sent and how it is read."""

    path: ClassVar[str]

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._model = profile.model
        self._connection: Connection | None = None

    async def ask(self, request: ModelRequest, on_text: OnText | None = None) -> ModelResponse:
        asked = request if self._profile.structured else told_in_prompt(request)
        exchange = _Exchange(asked, self._reader())
        try:
            connection = self._connected()  # before the clock starts: the first time it imports an SDK
            # Timeouts of HTTP are per read: a server that drips would never reach one.
            async with asyncio.timeout(request.deadline_seconds):
                body = self._body(asked, await self._model_name(connection))
                await self._exchanged(exchange, connection, body, on_text)
            return exchange.response(self._model)
        except Exception as error:
            # The SDK's own message may hold the key or the prompt: it must not travel on as a cause.
            raise exchange.fault(error, self._profile.key.get_secret_value()) from None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    @abstractmethod
    def _connect(self) -> Connection: ...

    @abstractmethod
    def _body(self, request: ModelRequest, model: str) -> Body: ...

    @abstractmethod
    def _reader(self) -> Reader: ...

    def _streaming(self, body: Body) -> Body:
        return {**body, "stream": True}

    async def _exchanged(
        self, exchange: "_Exchange", connection: Connection, body: Body, on_text: OnText | None
    ) -> None:
        if on_text is None and not self._profile.stream:
            await exchange.send(connection, self.path, body)
        else:
            await exchange.stream(connection, self.path, self._streaming(body), on_text or _unheard)

    def _connected(self) -> Connection:
        # No lock: nothing is awaited between the look and the making.
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    async def _model_name(self, connection: Connection) -> str:
        if not self._model:
            self._model = _first_model(await connection.list_models())
        return self._model


class _Exchange:
    """One request and its response."""

    def __init__(self, request: ModelRequest, reader: Reader) -> None:
        self._request = request
        self._reader = reader
        self._started = time.monotonic()
        self._request_id = ""
        self._first_token: float | None = None
        self._begun = False

    async def send(self, connection: Connection, path: str, body: Body) -> None:
        reply = await connection.send(path, body)
        self._request_id = reply.request_id
        try:
            self._reader.read(reply.text)
        except ValidationError:
            raise body_fault(reply.text, "A success that is no answer", reply.request_id) from None

    async def stream(self, connection: Connection, path: str, body: Body, on_text: OnText) -> None:
        async with aclosing(connection.stream(path, body)) as events:
            async for event in events:
                self._request_id, self._begun = event.request_id, True
                self._show(self._reader.read_event(event.data), on_text)
        if not self._begun:
            raise ModelFault(FaultKind.BAD_BODY, "A success that is no stream")

    def response(self, model: str) -> ModelResponse:
        answer = self._reader.answer()
        usage = usage_of(answer, self._request)
        return ModelResponse(
            finish=finish_of(answer, usage, self._request_id),
            text=answer.text,
            tool_calls=tuple(answer.calls),
            model=answer.model or model,
            response_id=answer.response_id,
            request_id=self._request_id,
            usage=usage,
            latency_seconds=time.monotonic() - self._started,
            first_token_seconds=self._first_token,
        )

    def fault(self, error: Exception, key: str) -> ModelFault:
        """What went wrong, with what has to be paid for all the same when the answer had begun."""
        fault = classify(error, (key,))
        if not self._begun:
            return fault
        if fault.kind is FaultKind.CONNECTION:
            fault.kind = FaultKind.STREAM_CUT
        fault.request_id = fault.request_id or self._request_id
        fault.usage = fault.usage or usage_of(self._reader.answer(), self._request)
        return fault

    def _show(self, piece: str, on_text: OnText) -> None:
        if not piece:
            return
        if self._first_token is None:
            self._first_token = time.monotonic() - self._started
        on_text(piece)


def _first_model(listing: str) -> str:
    try:
        models = _Listing.model_validate_json(listing).data
    except ValidationError:
        raise body_fault(listing, "The server lists no models") from None
    if not models:
        raise ModelFault(FaultKind.MODEL_NOT_FOUND, "The server lists no models and the profile names none")
    return models[0].id


def _unheard(_: str) -> None:
    pass
