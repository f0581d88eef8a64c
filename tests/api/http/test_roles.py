"""Who may do what: every route with every role, with no key, with bad ones, and with another tenant's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.routing import Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from activities.store import approvals
from activities.store.objectives import ObjectiveStore
from api.auth.principal import RIGHTS, Right, Role
from api.dependencies import Guard
from api.routes.listed import ROUTERS
from tests.api.http.schema import body_of
from tests.service import Service
from workflows.domain.approval import Approval
from workflows.domain.objective import Objective
from workflows.domain.verdict import Decision, Subject

OPEN_TO_ALL = {("GET", "/v1/health/live"), ("GET", "/v1/health/ready"), ("GET", "/metrics")}
"""Routes without a right of their own; what /metrics asks of callers from elsewhere has tests of its own."""
FRAMEWORKS = {"/openapi.json", "/v1/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}
READS = {"GET", "HEAD", "WEBSOCKET"}
TENANT = "matrix"


@dataclass(frozen=True)
class Declared:
    method: str
    path: str
    rights: tuple[Right, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _declared() -> Iterator[Declared]:
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    for context in iter_route_contexts(app.routes):
        match context.original_route:
            case APIRoute():
                for method in sorted(context.methods or ()):
                    yield Declared(method, str(context.path), tuple(_rights(context.dependant)))
            case APIWebSocketRoute():
                yield Declared("WEBSOCKET", str(context.path), tuple(_rights(context.dependant)))
            case Route() if context.path in FRAMEWORKS:
                continue
            case other:
                raise AssertionError(f"{other} is no route that can declare a right")


def _rights(dependant: Dependant) -> Iterator[Right]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Guard):
            yield inner.call.right
        yield from _rights(inner)


ALL = tuple(_declared())
GUARDED = tuple(route for route in ALL if (route.method, route.path) not in OPEN_TO_ALL)
each_route = pytest.mark.parametrize("route", GUARDED, ids=str)


@pytest.fixture(scope="module")
def there(service: Service) -> dict[str, str]:
    """Things of the tenant, by the names of the parameters that address them."""
    objective = Objective(id=f"matrix-{uuid4().hex[:8]}", text="A matrix", tenant=TENANT)
    ObjectiveStore(service.engine).open(objective)
    approval = Approval(
        id=f"{objective.id}.result.1",
        objective_id=objective.id,
        subject=Subject.RESULT,
        text="the result",
        choices=(Decision.APPROVED, Decision.REJECTED),
    )
    with service.engine.begin() as connection:
        approvals.ask(connection, approval)
    operator = service.client(service.key("operator", tenant=TENANT))
    uploaded = operator.post("/v1/uploads", params={"name": "a.txt"}, content=uuid4().bytes).json()
    return {
        "objective_id": objective.id,
        "approval_id": approval.id,
        "sha256": uploaded["sha256"],
        "key_id": service.key("viewer", tenant=TENANT).split("_")[1],
    }


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.client().get("/v1/openapi.json").json()
    return found


def _ask(service: Service, route: Declared, key: str | None, values: dict[str, str], **body: Any) -> httpx2.Response:
    path = re.sub(r"{(\w+)(:path)?}", lambda found: values.get(found[1], "x"), route.path)
    if route.method == "WEBSOCKET":
        return _ask_for_socket(service, path, key)
    client = service.client(key)
    with client.stream(route.method, path, **body) as answer:
        if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            answer.read()
        return answer


def _ask_for_socket(service: Service, path: str, key: str | None) -> httpx2.Response:
    url = service.url.replace("http", "ws", 1) + path
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with connect(url, additional_headers=headers, proxy=None):
            return httpx2.Response(101)
    except InvalidStatus as refused:
        return httpx2.Response(refused.response.status_code, content=bytes(refused.response.body or b""))


def test_every_route_declares_one_right() -> None:
    assert {str(route): route.rights for route in GUARDED if len(route.rights) != 1} == {}
    assert [str(route) for route in ALL if (route.method, route.path) in OPEN_TO_ALL and route.rights] == []


def test_no_route_that_changes_something_is_for_readers() -> None:
    assert [str(route) for route in GUARDED if route.method not in READS and route.rights == (Right.READ,)] == []


@each_route
def test_a_role_may_what_the_route_declares_and_nothing_else(
    service: Service, route: Declared, there: dict[str, str]
) -> None:
    found = {}
    for role in Role:
        status = _ask(service, route, service.key(role, tenant=TENANT), {**there, "key_id": "none"}).status_code
        assert status < 500, role
        found[role] = status not in (401, 403)

    assert found == {role: route.rights[0] in RIGHTS[role] for role in Role}


@each_route
def test_without_a_key_that_counts_nothing_may_be_done(
    service: Service, route: Declared, there: dict[str, str]
) -> None:
    expired = service.key("admin", tenant=TENANT, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    revoked = service.key("admin", tenant=TENANT)
    admin = service.client(service.key("admin", tenant=TENANT))
    admin.delete(f"/v1/keys/{revoked.split('_')[1]}")

    for key in (None, expired, revoked, "botted_nonsense"):
        answer = _ask(service, route, key, there)
        assert answer.status_code == 401, answer.text


@pytest.mark.parametrize("route", [route for route in GUARDED if "{" in route.path], ids=str)
def test_what_another_tenant_has_looks_as_if_it_were_not_there(
    service: Service, route: Declared, there: dict[str, str], document: dict[str, Any]
) -> None:
    body = body_of(document, route.method, route.path)
    stranger = service.key("admin", tenant="stranger")
    nowhere = {name: value[:-1] + ("0" if value[-1] != "0" else "1") for name, value in there.items()}

    foreign = _ask(service, route, stranger, there, **body)
    unknown = _ask(service, route, stranger, nowhere, **body)

    assert foreign.status_code == unknown.status_code == 404, f"{foreign.text} {unknown.text}"
    assert _without(foreign.text, there) == _without(unknown.text, nowhere)


def _without(text: str, values: dict[str, str]) -> str:
    for name, value in sorted(values.items(), key=lambda each: -len(each[1])):  # an id may hold another
        text = text.replace(value, name)
    return text


def test_lists_hold_nothing_of_another_tenant(service: Service, there: dict[str, str]) -> None:
    stranger = service.key("admin", tenant=f"stranger-{uuid4().hex[:6]}")

    for route in GUARDED:
        if route.method == "GET" and "{" not in route.path:
            text = _ask(service, route, stranger, {}).text
            assert not [value for value in there.values() if value in text], route
