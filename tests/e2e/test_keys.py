"""`botted keys`, and who commands act as."""

import json
from collections.abc import Iterator

import httpx2
import pytest

from config.settings import Settings
from tests.e2e.command import Botted
from worker.embedded import stack


@pytest.fixture
def api(settings: Settings, botted: Botted) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stack.api(settings, timeout=90), trust_env=False, timeout=30) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_is_printed_alone_works_and_stops_when_it_is_revoked(botted: Botted, api: httpx2.Client) -> None:
    made = botted("keys", "create", "ci", "--role", "viewer", "--role", "approver", "--expires", "90d", "--rate", 600)
    assert made.code == 0, made.err
    key = made.out.strip()
    assert "shown only now" in made.err

    assert api.get("/v1/health", headers=bearer(key)).status_code == 200
    [listed] = [each for each in json.loads(botted("keys", "list", "--json").out) if each["id"] == key.split("_")[1]]
    assert (listed["roles"], listed["requests_per_minute"]) == (["viewer", "approver"], 600)

    assert botted("keys", "revoke", key.split("_")[1]).code == 0
    assert "revoked" in botted("keys", "list").out


def test_the_stack_made_a_key_for_its_owner(botted: Botted, api: httpx2.Client, settings: Settings) -> None:
    path = settings.folder / "admin.key"

    assert path.stat().st_mode & 0o777 == 0o600
    assert api.get("/v1/keys", headers=bearer(path.read_text().strip())).status_code == 200


def test_a_viewers_key_makes_the_command_a_viewer(botted: Botted) -> None:
    viewer = botted("keys", "create", "vera", "--role", "viewer").out.strip()
    botted.environment["BOTTED_API__KEY"] = viewer

    refused = botted("keys", "create", "more", "--role", "admin")

    assert refused.code == 1
    assert "the key of vera may not do this: its roles are viewer" in refused.err


def test_what_is_changed_by_commands_is_on_record(botted: Botted, api: httpx2.Client, settings: Settings) -> None:
    key_id = botted("keys", "create", "noted", "--role", "viewer").out.split("_")[1]
    owner = (settings.folder / "admin.key").read_text().strip()

    newest = api.get("/v1/audit", headers=bearer(owner)).json()["items"][0]

    assert (newest["action"], newest["object"], newest["origin"]) == ("keys.create", f"/v1/keys/{key_id}", "cli")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", "x"), "Missing option '--role'"),
        (("create", "x", "--role", "king"), "is not one of"),
        (("create", "verifier:x", "--role", "viewer"), "machines that sign verdicts"),
        (("create", "x", "--role", "viewer", "--expires", "soon"), "say 90d"),
        (("create", "x", "--role", "viewer", "--expires", "0d"), "say 90d"),
        (("create", "x", "--role", "viewer", "--expires", "2001-01-01"), "lies in the past"),
        (("create", "x" * 121, "--role", "viewer"), "at most 120"),
        (("revoke", "nothing"), "there is no key 'nothing'"),
    ],
)
def test_what_cannot_be_done_says_why(botted: Botted, arguments: tuple[str, ...], told: str) -> None:
    ended = botted("keys", *arguments)

    assert ended.code == 2
    assert told in ended.err
    assert "Traceback" not in ended.err
