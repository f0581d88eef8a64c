"""API keys over HTTP: made, used, listed, expired, revoked."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from activities.store.keys import KeyStore
from activities.store.tables import api_keys
from api.auth.authenticator import REMEMBERED_SECONDS
from tests.objectives import Objectives
from tests.service import Service
from worker.embedded.stack import Addresses


def test_a_key_is_shown_once_works_and_is_nowhere_in_the_database(service: Service) -> None:
    admin = service.client(service.key("admin", tenant="made"))

    made = admin.post("/v1/keys", json={"name": "ci", "roles": ["viewer", "viewer"], "requests_per_minute": 90})

    assert made.status_code == 201, made.text
    key, secret = made.json()["key"], made.json()["secret"]
    assert made.headers["Location"] == f"/v1/keys/{key['id']}"
    assert (key["tenant"], key["roles"], key["created_by"]) == ("made", ["viewer"], "ana")
    assert service.client(secret).get("/v1/health").status_code == 200
    listed = admin.get("/v1/keys").text
    assert "ci" in listed
    bare = secret.rpartition("_")[2]
    assert bare not in listed
    with service.engine.connect() as connection:
        rows = connection.execute(select(api_keys)).all()
    assert bare not in str(rows)


def test_a_key_may_come_in_a_header_of_its_own(service: Service) -> None:
    client = service.client()

    assert client.get("/v1/health", headers={"X-API-Key": service.key("viewer")}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "send an API key or a token"),
        ({"Authorization": "Basic YW5hOnB3"}, "has to be: Bearer"),
        ({"Authorization": "Bearer"}, "has to be: Bearer"),
        ({"Authorization": "Bearer botted_short"}, "look like botted_ID_SECRET"),
        ({"Authorization": f"Bearer botted_{'a' * 12}_{'0' * 64}"}, "the API key is unknown"),
        ({"X-API-Key": f"botted_{'a' * 12}_{'0' * 64}"}, "the API key is unknown"),
        ({"Authorization": "Bearer abc.def.ghi"}, "no tokens are accepted here"),
    ],
)
def test_who_is_not_known_is_told_why(service: Service, headers: dict[str, str], reason: str) -> None:
    answer = service.client().get("/v1/health", headers=headers)

    assert answer.status_code == 401
    assert reason in answer.json()["detail"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_right_id_with_a_wrong_secret_is_as_unknown_as_a_wrong_id(service: Service) -> None:
    right = service.key("viewer")
    wrong = right[:-64] + "0" * 64

    answer = service.client(wrong).get("/v1/health")

    assert answer.json()["detail"] == "the API key is unknown"
    assert service.client(right).get("/v1/health").status_code == 200


def test_an_expired_key_is_refused(service: Service) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.6)
    client = service.client(service.key("viewer", expires_at=soon))

    assert client.get("/v1/health").status_code == 200
    time.sleep(0.7)
    refused = client.get("/v1/health")

    assert (refused.status_code, refused.json()["detail"]) == (401, "the API key has expired")


def test_a_revoked_key_stops_at_once_here_and_within_seconds_in_other_processes(
    service: Service, objectives: Objectives, addresses: Addresses
) -> None:
    key_text = service.key("viewer", tenant="revoked")
    admin = service.client(service.key("admin", tenant="revoked"))
    with Service(objectives.engine, addresses.temporal_address, objectives.folder) as other:
        here, there = service.client(key_text), other.client(key_text)
        assert here.get("/v1/health").status_code == there.get("/v1/health").status_code == 200

        assert admin.delete(f"/v1/keys/{key_text.split('_')[1]}").status_code == 204
        revoked = time.monotonic()

        assert here.get("/v1/health").json()["detail"] == "the API key was revoked"
        while there.get("/v1/health").status_code != 401:
            assert time.monotonic() < revoked + REMEMBERED_SECONDS + 1
            time.sleep(0.1)


def test_another_tenants_key_is_not_there(service: Service) -> None:
    theirs = service.key("viewer", tenant="theirs")
    key_id = theirs.split("_")[1]
    admin = service.client(service.key("admin", tenant="ours"))

    assert admin.delete(f"/v1/keys/{key_id}").status_code == 404
    assert key_id not in admin.get("/v1/keys?limit=200").text
    assert service.client(theirs).get("/v1/health").status_code == 200


def test_all_keys_are_listed_page_by_page(service: Service) -> None:
    for _ in range(4):
        service.key("viewer", tenant="paged")
    admin = service.client(service.key("admin", tenant="paged"))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = admin.get("/v1/keys", params={"limit": 2, "cursor": cursor}).json()
        assert len(page["items"]) <= 2
        seen += [key["id"] for key in page["items"]]
        cursor = page["next"]

    assert len(seen) == len(set(seen)) == 5


def test_its_use_is_noted_at_most_once_a_minute(service: Service) -> None:
    key_text = service.key("viewer")
    key_id = key_text.split("_")[1]
    keys = KeyStore(service.engine)
    client = service.client(key_text)

    client.get("/v1/health")
    first = _last_used(keys, key_id)
    keys.touch(key_id)
    assert _last_used(keys, key_id) == first

    with service.engine.begin() as connection:
        long_ago = first - timedelta(minutes=2)
        connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=long_ago))
    keys.touch(key_id)
    assert _last_used(keys, key_id) > first


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"roles": ["viewer"]}, "body.name"),
        ({"name": "", "roles": ["viewer"]}, "body.name"),
        ({"name": "verifier:me", "roles": ["viewer"]}, "body.name"),
        ({"name": "Workflow", "roles": ["viewer"]}, "body.name"),
        ({"name": "a\nb", "roles": ["viewer"]}, "body.name"),
        ({"name": "x", "roles": []}, "body.roles"),
        ({"name": "x", "roles": ["king"]}, "body.roles.0"),
        ({"name": "x", "roles": ["viewer"], "expires_at": "2001-01-01T00:00:00Z"}, "body.expires_at"),
        ({"name": "x", "roles": ["viewer"], "expires_at": "2101-01-01T00:00:00"}, "body.expires_at"),
        ({"name": "x", "roles": ["viewer"], "requests_per_minute": 0}, "body.requests_per_minute"),
        ({"name": "x", "roles": ["viewer"], "tenant": "other"}, "body.tenant"),
    ],
)
def test_a_key_that_cannot_be_made_names_the_field(service: Service, body: dict[str, object], field: str) -> None:
    answer = service.client(service.key("admin")).post("/v1/keys", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def _last_used(keys: KeyStore, key_id: str) -> datetime:
    row = keys.get(key_id)
    assert row is not None
    assert row.last_used_at is not None
    return row.last_used_at
