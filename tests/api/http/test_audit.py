"""Every change is on record: who, from where, what, and with which answer."""

from typing import Any

from sqlalchemy import func, select

from activities.store.tables import audit
from tests.service import Service


def entries(service: Service, tenant: str) -> list[dict[str, Any]]:
    admin = service.client(service.key("admin", tenant=tenant, name="auditor"))
    found: list[dict[str, Any]] = admin.get("/v1/audit").json()["items"]
    return found


def test_a_change_is_on_record_when_its_answer_is_there(service: Service) -> None:
    key = service.key("admin", tenant="audited", name="berta")
    made = service.client(key).post("/v1/keys", json={"name": "ci", "roles": ["viewer"]})

    [entry] = entries(service, "audited")

    assert (entry["actor"], entry["origin"], entry["action"]) == ("berta", "api 127.0.0.1", "keys.create")
    assert entry["object"] == made.headers["Location"]
    assert entry["data"] == {"status": 201, "key": key.split("_")[1]}


def test_what_was_refused_is_on_record_too(service: Service) -> None:
    viewer = service.client(service.key("viewer", tenant="refused", name="carl"))
    viewer.post("/v1/keys", json={"name": "ci", "roles": ["admin"]})
    viewer.delete("/v1/keys/abc")

    assert [(entry["actor"], entry["action"], entry["data"]["status"]) for entry in entries(service, "refused")] == [
        ("carl", "keys.revoke", 403),
        ("carl", "keys.create", 403),
    ]


def test_reading_is_not(service: Service) -> None:
    admin = service.client(service.key("admin", tenant="reading"))
    admin.get("/v1/keys")
    admin.get("/v1/audit")

    assert entries(service, "reading") == []


def test_strangers_leave_no_rows(service: Service) -> None:
    before = _count(service)

    for _ in range(3):
        service.client().post("/v1/keys", json={"name": "x", "roles": ["admin"]})

    assert _count(service) == before


def test_no_secret_and_nothing_of_a_body_is_in_it(service: Service) -> None:
    admin = service.client(service.key("admin", tenant="secretive"))
    secret = admin.post("/v1/keys", json={"name": "hush-hush", "roles": ["viewer"]}).json()["secret"]

    told = admin.get("/v1/audit").text

    assert secret not in told
    assert "hush-hush" not in told


def test_one_sees_ones_own_tenant_page_by_page_the_newest_first(service: Service) -> None:
    admin = service.client(service.key("admin", tenant="long"))
    for number in range(5):
        admin.post("/v1/keys", json={"name": f"k{number}", "roles": ["viewer"]})
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = admin.get("/v1/audit", params={"limit": 2, "cursor": cursor}).json()
        seen += [entry["id"] for entry in page["items"]]
        cursor = page["next"]

    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
    for wrong in ("x", "-1", "9" * 20, "²"):
        assert admin.get("/v1/audit", params={"cursor": wrong}).status_code == 422


def _count(service: Service) -> int:
    with service.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(audit)).scalar_one()
