"""Problem documents (RFC 9457) for everything that goes wrong, and how OpenAPI tells of them."""

import json
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.routing import iter_route_contexts
from psycopg.errors import QueryCanceled
from pydantic import Field
from sqlalchemy import exc as database
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from api.errors import Invalid, NotFound, Problem, TooLarge, Unanswered, Unavailable, Unreadable
from workflows.domain.model import Model

MEDIA_TYPE = "application/problem+json"
POLICY_VIOLATION = 1008
"""How a WebSocket is closed whose server cannot answer it with a document."""
_POSTGRES_IS_AWAY = "Postgres does not answer; try again in a moment (`botted doctor` says what is wrong)"
_TEMPORAL_IS_AWAY = "Temporal does not answer; try again in a moment (`botted doctor` says what is wrong)"
log = structlog.get_logger("api")


class FieldError(Model):
    field: str = Field(description="where: body.budget.usd, query.limit, path.objective_id", examples=["body.text"])
    message: str = Field(examples=["Field required"])


class ProblemDocument(Model):
    """RFC 9457: what went wrong and what to do."""

    type: str = Field(description="names the kind of problem, for programs", examples=["urn:botted:problem:invalid"])
    title: str = Field(description="the same for all problems of a kind", examples=["The request is not valid"])
    status: int = Field(examples=[422])
    detail: str = Field(description="for people: this time", examples=["the request does not have the form it needs"])
    errors: tuple[FieldError, ...] = Field((), description="the fields that are wrong, where it is about fields")
    id: str = Field("", description="of an unexpected error in the service's log")


def document_of(problem: Problem, incident: str = "") -> ProblemDocument:
    return ProblemDocument(
        type=f"urn:botted:problem:{_slug(type(problem).__name__)}",
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        errors=tuple(FieldError(field=field, message=message) for field, message in problem.errors),
        id=incident,
    )


def response_of(problem: Problem, incident: str = "") -> Response:
    document = document_of(problem, incident).model_dump(mode="json", exclude_defaults=True)
    # What is quoted of a request may hold characters that no UTF-8 has; as escapes they do no harm.
    return Response(json.dumps(document), problem.status, problem.headers, MEDIA_TYPE)


class Failed(Problem):
    """Our fault. What went wrong is in the log, under the id that the document names."""

    status = 500
    title = "The service failed"


class WrongMethod(Problem):
    status = 405
    title = "No such method here"


class Refused(Problem):
    """What the framework refuses by itself."""

    def __init__(self, error: HTTPException) -> None:
        super().__init__(str(error.detail), headers=error.headers)
        self.status = error.status_code
        self.title = HTTPStatus(error.status_code).phrase


def unexpected(error: Exception, what: str) -> Response:
    """A response without any internals, whose id finds the error in the log."""
    incident = uuid4().hex
    log.error("request failed", id=incident, what=what, exc_info=error)
    return response_of(Failed("something went wrong that should not; the log of the service says what"), incident)


def problem_of(error: Exception) -> Problem | None:
    """What an error means to who called; None for those that nobody foresaw."""
    match error:
        case Problem():
            return error
        case RequestValidationError() | WebSocketRequestValidationError():
            return of_validation(error.errors())
        case HTTPException(status_code=Unreadable.status):
            return Unreadable(str(error.detail))
        case HTTPException(status_code=TooLarge.status):
            return TooLarge(str(error.detail), headers=error.headers)
        case HTTPException(status_code=NotFound.status):
            return NotFound("there is nothing at this address; the document /v1/openapi.json lists what there is")
        case HTTPException(status_code=WrongMethod.status):
            return WrongMethod("this method does not work at this address", headers=error.headers)
        case HTTPException():
            return Refused(error)
        case RPCError():
            return _of_temporal(error)
        case WorkflowUpdateRPCTimeoutOrCancelledError():
            return Unanswered("the objective did not answer in time; look at it before you try again")
        case database.DataError():
            return Invalid("the request holds a value that cannot be stored")
        case database.OperationalError(orig=QueryCanceled()):
            return Unanswered("Postgres took too long over this; ask for less, or again later")
        case database.OperationalError() | database.InterfaceError() | database.TimeoutError():
            return Unavailable(_POSTGRES_IS_AWAY, headers={"Retry-After": "2"})
        case _:
            return None


def install(app: FastAPI) -> None:
    """Errors that are foreseen become problems where they are raised; `api.bounds.Net` catches the others."""
    for kind in (
        *(Problem, HTTPException, RequestValidationError, WebSocketRequestValidationError),
        *(RPCError, WorkflowUpdateRPCTimeoutOrCancelledError),
        *(database.DataError, database.OperationalError, database.InterfaceError, database.TimeoutError),
    ):
        app.add_exception_handler(kind, _answer)  # type: ignore[arg-type]  # it is both: for requests and WebSockets


async def _answer(connection: HTTPConnection, error: Exception) -> Response | None:
    problem = problem_of(error)
    assert problem is not None
    if problem.status == WrongMethod.status:
        problem.headers = {"Allow": ", ".join(sorted(_methods_at(connection)))}
    if isinstance(error, database.DBAPIError):
        log.warning("database", path=connection.url.path, error=repr(error.orig))
    response = response_of(problem)
    if not isinstance(connection, WebSocket):
        return response
    if "websocket.http.response" in connection.scope.get("extensions", {}):
        await connection.send_denial_response(response)
    else:
        await connection.close(POLICY_VIOLATION, problem.detail[:120])
    return None


def _methods_at(connection: HTTPConnection) -> set[str]:
    """All of them: by itself the framework names those of the first route that it finds."""
    path = getattr(connection.scope.get("route"), "path", None)
    routes = iter_route_contexts(connection.app.routes)
    return {method for route in routes if route.path == path for method in route.methods or ()}


def of_validation(errors: Sequence[Any]) -> Problem:
    if any(error["type"] == "json_invalid" for error in errors):
        return Unreadable("the body is not JSON", errors=(("body", _where_json_ends(errors[0])),))
    fields = tuple((".".join(map(str, error["loc"])), str(error["msg"])) for error in errors[:50])
    return Invalid("the request does not have the form it needs", errors=fields)


def _where_json_ends(error: Any) -> str:
    return f"{error.get('ctx', {}).get('error', 'not JSON')} at character {error['loc'][-1]}"


def _of_temporal(error: RPCError) -> Problem | None:
    match error.status:
        case RPCStatusCode.NOT_FOUND:
            return NotFound("it does not run any more, or never did")
        case RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
            return Unanswered("Temporal did not answer in time; look whether it has happened before you try again")
        case _:
            return Unavailable(_TEMPORAL_IS_AWAY, headers={"Retry-After": "2"})


def _slug(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


_DESCRIPTIONS = {
    400: "The request cannot be read: not JSON, for one.",
    401: "No key or token, or one that is not accepted.",
    403: "The key or token does not have the right that this needs.",
    404: "There is no such thing, or it is another tenant's.",
    409: "It does not fit what is there now: too late, or already decided.",
    413: "The body is too large.",
    422: "The request does not have the form it needs; `errors` name the fields.",
    429: "Too many requests; `Retry-After` says when to try again.",
    500: "The service failed; `id` finds the error in its log.",
    503: "Postgres or Temporal does not answer.",
    504: "There was no answer in time.",
}
_REFERENCE = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": _REFERENCE}}}
    for status, text in _DESCRIPTIONS.items()
}
"""For every operation of the OpenAPI document."""


def described(openapi: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """The OpenAPI document with the schema of problems in it, to which RESPONSES refer."""

    def with_problems() -> dict[str, Any]:
        document = openapi()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update({**schema.pop("$defs"), ProblemDocument.__name__: schema})
        return document

    return with_problems
