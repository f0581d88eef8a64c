"""The owner's key: made once, kept from others, valid also in a new database; and who commands act as."""

import threading
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, delete

from activities.store.keys import KeyStore
from activities.store.tables import api_keys
from api.auth.keyfile import key_file
from api.auth.keys import ApiKey
from api.auth.local import NoKey, ensure_key, owner
from api.auth.principal import Right, Role
from api.cli.person import person
from config.settings import ApiSettings, Environment, Settings
from tests.service import make_key


def settings(folder: Path, key: str | None = None, environment: Environment = Environment.DEVELOPMENT) -> Settings:
    api = ApiSettings(key=SecretStr(key) if key else None)
    return Settings(data_dir=folder, api=api, environment=environment)


def test_it_is_made_on_first_use_and_only_its_owner_can_read_it(engine: Engine, tmp_path: Path) -> None:
    principal = owner(engine, settings(tmp_path))

    assert key_file(tmp_path).stat().st_mode & 0o777 == 0o600
    assert (principal.name, principal.tenant, principal.origin) == (person(), "default", "cli")
    assert all(principal.may(right) for right in Right)
    assert owner(engine, settings(tmp_path)) == principal
    assert [path.name for path in tmp_path.iterdir()] == ["admin.key"], "nothing is left of the making"


def test_of_many_that_make_it_at_once_all_have_the_same(engine: Engine, tmp_path: Path) -> None:
    barrier = threading.Barrier(8)
    seen = []

    def make() -> None:
        barrier.wait()
        seen.append(owner(engine, settings(tmp_path)).key_id)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_in_a_new_database_it_is_entered_again(engine: Engine, tmp_path: Path) -> None:
    first = owner(engine, settings(tmp_path))
    with engine.begin() as connection:
        connection.execute(delete(api_keys).where(api_keys.c.id == first.key_id))

    assert owner(engine, settings(tmp_path)) == first


def test_a_file_that_others_could_read_is_closed_to_them(engine: Engine, tmp_path: Path) -> None:
    ensure_key(engine, tmp_path)
    key_file(tmp_path).chmod(0o644)

    owner(engine, settings(tmp_path))

    assert key_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_revoked_one_is_refused_and_one_is_told_what_to_do(engine: Engine, tmp_path: Path) -> None:
    first = owner(engine, settings(tmp_path))
    KeyStore(engine).revoke(first.key_id, "default")

    with pytest.raises(NoKey, match=r"was revoked.*Delete that file"):
        owner(engine, settings(tmp_path))
    key_file(tmp_path).unlink()
    assert owner(engine, settings(tmp_path)).key_id != first.key_id


@pytest.mark.parametrize("text", ["nonsense", "botted_short_key", f"{ApiKey.mint().text}\n{ApiKey.mint().text}"])
def test_a_file_with_something_else_in_it_is_said_to_be_so(engine: Engine, tmp_path: Path, text: str) -> None:
    key_file(tmp_path).write_text(text)

    with pytest.raises(NoKey, match="Delete that file"):
        owner(engine, settings(tmp_path))


def test_a_folder_that_cannot_be_written_is_said_to_be_so(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NoKey, match="cannot be read or made"):
        owner(engine, settings(tmp_path / "file"))


def test_a_key_that_is_set_counts_more_than_the_owners(engine: Engine, tmp_path: Path) -> None:
    viewer = make_key(engine, Role.VIEWER, tenant="acme", name="vera")

    principal = owner(engine, settings(tmp_path, viewer))

    assert (principal.name, principal.tenant, principal.roles, principal.origin) == ("vera", "acme", ("viewer",), "cli")
    assert not key_file(tmp_path).exists()


def test_a_key_that_is_set_and_does_not_work_is_not_replaced_by_the_owners(engine: Engine, tmp_path: Path) -> None:
    ensure_key(engine, tmp_path)

    with pytest.raises(NoKey, match="BOTTED_API__KEY"):
        owner(engine, settings(tmp_path, ApiKey.mint().text))


def test_in_production_no_key_is_made_by_the_way(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(NoKey, match="botted keys create"):
        owner(engine, settings(tmp_path, environment=Environment.PRODUCTION))

    assert not key_file(tmp_path).exists()
