"""Whether whoever began a stream may go on with it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from activities.store.keys import KeyStore
from api.auth import authenticator as auth
from api.auth.authenticator import Authenticator
from api.auth.failures import Failures
from api.auth.principal import Principal, Role
from tests.service import make_key


@pytest.fixture
def authenticator(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Authenticator:
    monkeypatch.setattr(auth, "REMEMBERED_SECONDS", 0.1)
    return Authenticator(KeyStore(engine), None, Failures(60))


async def test_a_key_counts_until_it_expires(authenticator: Authenticator, engine: Engine) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    principal = await authenticator.principal_of_key(make_key(engine, Role.VIEWER, expires_at=soon))

    assert await authenticator.authenticate_again(principal)
    await asyncio.sleep(0.6)
    assert not await authenticator.authenticate_again(principal)


async def test_a_revoked_key_counts_no_longer_than_it_is_remembered(
    authenticator: Authenticator, engine: Engine
) -> None:
    principal = await authenticator.principal_of_key(make_key(engine, Role.VIEWER))
    KeyStore(engine).revoke(principal.key_id, principal.tenant)

    assert await authenticator.authenticate_again(principal), "asked of the database at most every few seconds"
    await asyncio.sleep(0.2)
    assert not await authenticator.authenticate_again(principal)


async def test_a_token_counts_until_it_expires(authenticator: Authenticator) -> None:
    now = datetime.now(UTC)
    principal = Principal(name="ana", tenant="default", roles=(Role.VIEWER,), expires_at=now + timedelta(seconds=5))

    assert await authenticator.authenticate_again(principal)
    assert not await authenticator.authenticate_again(principal.model_copy(update={"expires_at": now}))
