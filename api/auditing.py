"""Writes down who changed what from where. It surrounds all routes: none can forget it."""

import asyncio

import structlog
from fastapi.routing import APIRoute
from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.store.audit import AuditEntry, AuditStore
from api.auth.principal import Principal

READS = frozenset({"GET", "HEAD", "OPTIONS"})
log = structlog.get_logger("api.audit")


class Auditing:
    """An answer to a change goes out only when the change is on record; refused ones are recorded too.

    Of callers who are not known there is only a line in the log: they must not be able to fill the database.
    """

    def __init__(self, app: ASGIApp, store: AuditStore) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in READS:
            return await self._app(scope, receive, send)
        state = scope.setdefault("state", {})

        async def recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._record(state.get("principal"), scope, message)
            await send(message)

        return await self._app(scope, receive, recorded)

    async def _record(self, principal: Principal | None, scope: Scope, answer: Message) -> None:
        if principal is None:
            log.info("refused", method=scope["method"], path=scope["path"], status=answer["status"])
            return
        entry = AuditEntry(
            tenant=principal.tenant,
            actor=principal.name,
            origin=principal.origin,
            action=_action(scope),
            object=_created(answer) or scope["path"],
            data={"status": answer["status"], **_key(principal)},
        )
        try:
            await asyncio.to_thread(self._store.write, entry)
        except SQLAlchemyError:  # what was asked for has happened, or not; to say something else would be wrong
            log.exception("not on record", entry=entry.model_dump())


def operation_of(route: APIRoute) -> str:
    """As in keys.create: what the audit, and clients that are generated, call it."""
    return f"{route.tags[0]}.{route.name}" if route.tags else route.name


def _action(scope: Scope) -> str:
    route = scope.get("route")
    return operation_of(route) if isinstance(route, APIRoute) else str(scope["method"])


def _created(answer: Message) -> str:
    """Where the answer says that something new is."""
    found = (value for name, value in answer.get("headers", ()) if name.lower() == b"location")
    return next(found, b"").decode("latin-1")


def _key(principal: Principal) -> dict[str, JsonValue]:
    return {"key": principal.key_id} if principal.key_id else {}
