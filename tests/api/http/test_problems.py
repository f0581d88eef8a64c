"""Whatever goes wrong comes back as a problem document, and nothing that is sent makes the service fail."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from sqlalchemy import text

from api.bounds import MOST_NESTED
from tests.objectives import Objectives
from tests.service import Service
from worker.embedded import ports
from worker.embedded.stack import Addresses

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def small(objectives: Objectives, addresses: Addresses) -> Iterator[Service]:
    """A service with narrow bounds, and with routes that behave badly."""
    with Service(
        objectives.engine,
        addresses.temporal_address,
        objectives.folder,
        body_bytes=2_000,
        upload_bytes=20_000,
        request_seconds=1,
    ) as service:
        assert service.app is not None
        _behave_badly(service.app, service)
        yield service


def _behave_badly(app: FastAPI, service: Service) -> None:
    async def broken() -> None:
        raise KeyError("the password is swordfish")

    async def slow() -> None:
        await asyncio.sleep(30)

    def stuck() -> None:
        time.sleep(2.5)

    def slow_query(request: Request) -> None:
        with request.app.state.house.engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(10)"))

    async def count(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    for path, route in (("broken", broken), ("slow", slow), ("stuck", stuck), ("slow-query", slow_query)):
        app.add_api_route(f"/test/{path}", route)
    app.add_api_route("/v1/uploads-of-a-test", count, methods=["POST"])


def is_problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["type"].startswith("urn:botted:problem:")
    assert document["title"]
    assert document["detail"]
    return document


def begun(service: Service, *headers: str) -> bytes:
    """The answer to a POST whose body never comes."""
    head = "\r\n".join(["POST /v1/keys HTTP/1.1", "Host: x", *headers, "", ""])
    with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])), 5) as raw:
        raw.sendall(head.encode())
        return raw.recv(100)


def test_an_address_that_is_not_there(service: Service) -> None:
    for path in ("/", "/v1", "/v1/nothing", "/v1/keys/", "/%2e%2e/etc/passwd"):
        is_problem(service.client().get(path), 404)


def test_a_method_that_is_not_there_names_those_that_are(service: Service) -> None:
    answer = service.client(service.key()).request("PATCH", "/v1/keys")

    is_problem(answer, 405)
    assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"nonsense", b"\xff\xfe", b'{"name": NaN}', b"[" * 50_000, b"1" * 5_000, b'{"name": "\xc3\x28"}'],
)
def test_what_is_not_json_is_a_400(service: Service, body: bytes) -> None:
    answer = service.client(service.key()).post("/v1/keys", content=body, headers=JSON)

    if body:
        assert is_problem(answer, 400)["errors"][0]["field"] == "body"
    else:
        is_problem(answer, 422)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (rb'{"name": "a\u0000b", "roles": ["viewer"]}', "body.name"),
        (rb'{"name": "a\ud800b", "roles": ["viewer"]}', "body.name"),
        (rb'{"name": "x", "roles": ["viewer", "\u0000"]}', "body.roles.1"),
        (rb'{"na\u0000me": "x"}', "body.name"),
        (rb'{"name": 1e999}', "body.name"),
        (
            b'{"name": ' + b"[" * (MOST_NESTED + 1) + b"]" * (MOST_NESTED + 1) + b"}",
            "body.name" + ".0" * (MOST_NESTED - 1),
        ),
    ],
)
def test_what_no_database_can_hold_is_a_422_that_names_the_field(service: Service, body: bytes, field: str) -> None:
    answer = service.client(service.key()).post("/v1/keys", content=body, headers=JSON)

    assert is_problem(answer, 422)["errors"][0]["field"] == field


def test_nul_in_addresses_and_queries_is_a_422(service: Service) -> None:
    admin = service.client(service.key())

    assert is_problem(admin.get("/v1/keys?cursor=a%00b"), 422)["errors"][0]["field"] == "query.cursor"
    assert is_problem(admin.delete("/v1/keys/a%00b"), 422)["errors"][0]["field"] == "path"


def test_wrong_types_name_their_fields(service: Service) -> None:
    answer = service.client(service.key()).post("/v1/keys", json={"name": 7, "roles": "viewer", "more": 1})

    assert {error["field"] for error in is_problem(answer, 422)["errors"]} == {"body.name", "body.roles", "body.more"}


def test_a_body_that_is_not_called_json_is_not_read_as_json(service: Service) -> None:
    answer = service.client(service.key()).post(
        "/v1/keys", content=b'{"name": "x"}', headers={"Content-Type": "text/plain"}
    )

    is_problem(answer, 422)


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(small: Service) -> None:
    admin = small.client(small.key())
    just = json.dumps({"name": "x", "roles": ["viewer"]}).ljust(2_000).encode()

    assert admin.post("/v1/keys", content=just, headers=JSON).status_code == 201
    is_problem(admin.post("/v1/keys", content=just + b" ", headers=JSON), 413)
    with socket.create_connection(("127.0.0.1", int(small.url.rpartition(":")[2])), 5) as raw:
        raw.sendall(
            b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream"])
def test_a_body_that_does_not_say_how_long_it_is_is_counted(small: Service, content_type: str) -> None:
    admin = small.client(small.key())

    answer = admin.post("/v1/keys", content=(b" " * 500 for _ in range(5)), headers={"Content-Type": content_type})

    is_problem(answer, 413)


def test_uploads_have_a_limit_of_their_own(small: Service) -> None:
    client = small.client()

    assert client.post("/v1/uploads-of-a-test", content=b"x" * 20_000).json() == {"bytes": 20_000}
    is_problem(client.post("/v1/uploads-of-a-test", content=b"x" * 20_001), 413)
    is_problem(client.post("/v1/uploads-of-a-test", content=(b"x" * 9_000 for _ in range(3))), 413)


@pytest.mark.parametrize("length", ["-1", "abc", "1_0", "99999999999999999999999"])
def test_a_length_that_is_none_is_refused(small: Service, length: str) -> None:
    assert begun(small, f"Content-Length: {length}").startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))


@pytest.mark.parametrize("path", ["slow", "stuck", "slow-query"])
def test_who_waits_too_long_is_told_so(small: Service, path: str) -> None:
    began = time.monotonic()

    answer = small.client().get(f"/test/{path}")

    is_problem(answer, 504)
    assert 0.9 < time.monotonic() - began < 2


def test_a_body_that_never_comes_is_not_waited_for_either(small: Service) -> None:
    with socket.create_connection(("127.0.0.1", int(small.url.rpartition(":")[2])), 5) as raw:
        raw.sendall(
            b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 504")


def test_what_nobody_foresaw_tells_an_id_that_the_log_has(small: Service, capfd: pytest.CaptureFixture[str]) -> None:
    answer = small.client().get("/test/broken")

    incident = is_problem(answer, 500)["id"]
    assert "swordfish" not in answer.text
    assert "Traceback" not in answer.text
    assert incident in capfd.readouterr().out


def test_postgres_down_is_a_503_that_says_what_to_do(objectives: Objectives, addresses: Addresses) -> None:
    nowhere = objectives.engine.url.set(port=ports.choose(set())).render_as_string(hide_password=False)
    with Service(objectives.engine, addresses.temporal_address, objectives.folder, database_url=nowhere) as service:
        client = service.client(service.key())

        document = is_problem(client.get("/v1/keys"), 503)
        ready = is_problem(client.get("/v1/health/ready"), 503)
        assert client.get("/v1/health/live").status_code == 200
        assert "botted_postgres_up 0.0" in client.get("/metrics").text

    assert "botted doctor" in document["detail"]
    assert [error["field"] for error in ready["errors"]] == ["postgres"]


def test_the_service_starts_while_temporal_is_down_and_says_so(objectives: Objectives) -> None:
    with Service(objectives.engine, f"127.0.0.1:{ports.choose(set())}", objectives.folder) as service:
        client = service.client(service.key())

        ready = is_problem(client.get("/v1/health/ready"), 503)
        health = client.get("/v1/health").json()

        assert client.get("/v1/keys").status_code == 200, "reads do not need Temporal"
    assert [error["field"] for error in ready["errors"]] == ["temporal"]
    assert health["state"] == "down"
    assert {part["name"]: part["state"] for part in health["parts"]} == {
        "postgres": "ok",
        "temporal": "down",
        "hosts": "down",
        "api": "ok",
    }
