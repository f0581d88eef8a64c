"""What browsers are told, who may call from pages, and how WebSockets show their key."""

from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.objectives import Objectives
from tests.service import Service
from worker.embedded.stack import Addresses

PAGE = "https://app.example"


@pytest.fixture(scope="module")
def for_pages(objectives: Objectives, addresses: Addresses) -> Iterator[Service]:
    with Service(
        objectives.engine,
        addresses.temporal_address,
        objectives.folder,
        cors_origins=(PAGE,),
        behind_tls_proxy=True,
    ) as service:
        yield service


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/nothing", "/v1/health/live", "/metrics"])
def test_every_answer_is_closed_to_browsers(service: Service, path: str) -> None:
    headers = service.client(service.key()).get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
    assert "Server" not in headers
    assert "Strict-Transport-Security" not in headers


def test_behind_https_browsers_are_told_to_stay_there(for_pages: Service) -> None:
    assert "max-age" in for_pages.client().get("/v1/health/live").headers["Strict-Transport-Security"]


def test_without_origins_no_page_may_call(service: Service) -> None:
    answer = service.client(service.key()).get("/v1/keys", headers={"Origin": PAGE})

    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_of_an_origin_that_is_named_may_call_and_sees_errors_too(for_pages: Service) -> None:
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "Idempotency-Key",
    }
    client = for_pages.client()

    assert client.options("/v1/keys", headers=asked).headers["Access-Control-Allow-Origin"] == PAGE
    refused = client.get("/v1/keys", headers={"Origin": PAGE})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, PAGE)
    other = client.get("/v1/keys", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_what_callers_say_of_their_address_is_believed_of_a_proxy_only(service: Service, for_pages: Service) -> None:
    said = {"X-Forwarded-For": "203.0.113.9"}
    for asked, told in ((service, "api 127.0.0.1"), (for_pages, "api 203.0.113.9")):
        tenant = f"from-{told.split()[1]}"
        admin = asked.client(asked.key("admin", tenant=tenant))
        admin.post("/v1/keys", json={"name": "x", "roles": ["viewer"]}, headers=said)

        assert [entry["origin"] for entry in admin.get("/v1/audit").json()["items"]] == [told]


def test_a_browsers_websocket_shows_its_key_as_a_subprotocol(service: Service) -> None:
    url = service.url.replace("http", "ws", 1) + "/v1/ws"
    key = service.key("viewer")

    with connect(url, subprotocols=_showing(key), proxy=None) as socket:
        assert socket.subprotocol == "botted", "the key must not come back in the answer"
    with pytest.raises(InvalidStatus) as refused:
        connect(url, subprotocols=_showing(f"{key[:-1]}x"), proxy=None)
    assert refused.value.response.status_code == 401
    assert refused.value.response.headers["Content-Type"] == "application/problem+json"


def _showing(key: str) -> list[Subprotocol]:
    return [Subprotocol("botted"), Subprotocol(f"botted.bearer.{key}")]


def test_a_key_in_an_address_is_no_key(service: Service) -> None:
    key = service.key("viewer")

    for name in ("key", "token", "access_token", "api_key"):
        assert service.client().get("/v1/health", params={name: key}).status_code == 401


def test_the_page_with_the_documentation_may_load_its_script(service: Service) -> None:
    page = service.client().get("/docs")

    assert page.status_code == 200
    assert "/v1/openapi.json" in page.text
    assert "Content-Security-Policy" not in page.headers


def test_the_openapi_document_says_what_needs_no_key(service: Service) -> None:
    document = service.client().get("/v1/openapi.json").json()

    assert document["security"] == [{"bearer": []}, {"apiKey": []}]
    open_ones = [path for path, item in document["paths"].items() if item.get("get", {}).get("security") == []]
    assert open_ones == ["/v1/health/live", "/v1/health/ready"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation.get("description") or operation["summary"], path
            assert "application/problem+json" in operation["responses"]["422"]["content"], (method, path)
