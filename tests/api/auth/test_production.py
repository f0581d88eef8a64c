"""What must not be in production, and what may."""

import base64
import secrets
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.production import complaints, faults_of_tls_files, weakness_of
from config.settings import ApiSettings, AuthSettings, Environment, Settings


def production(*, secret: str | None = None, **api: object) -> Settings:
    return Settings(
        environment=Environment.PRODUCTION,
        api=ApiSettings.model_validate({"behind_tls_proxy": True, **api}),
        auth=AuthSettings(jwt_secret=SecretStr(secret) if secret is not None else None),
    )


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "x" * 31,
        "x" * 64,
        "0123456789abcdef" * 4,
        "change-me-change-me-change-me-change-me",
        "your-jwt-secret-key-please-change",
        "default-secret-default-secret-default-secret",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
    ],
)
def test_secrets_that_one_guesses_are_weak(secret: str) -> None:
    assert weakness_of(secret)
    [complaint] = complaints(production(secret=secret))
    assert "BOTTED_AUTH__JWT_SECRET" in complaint
    assert len(secret) < 10 or secret not in complaint


def test_random_ones_are_not_in_whatever_notation() -> None:
    for _ in range(200):
        data = secrets.token_bytes(32)
        for text in (data.hex(), base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
            assert weakness_of(text) == ""
            assert complaints(production(secret=text)) == ()


def test_public_keys_and_no_tokens_at_all_need_no_secret() -> None:
    assert complaints(production()) == ()
    keys = AuthSettings(jwks_url="https://issuer.example/keys")
    assert complaints(production().model_copy(update={"auth": keys})) == ()


def test_an_empty_secret_is_none() -> None:
    assert AuthSettings.model_validate({"jwt_secret": "", "jwks_url": ""}) == AuthSettings()


def test_everything_that_is_open_is_said_at_once() -> None:
    said = complaints(production(secret="secret", cors_origins=("*",), behind_tls_proxy=False))

    assert [next(name for name in ("SECRET", "CORS", "TLS") if name in line) for line in said] == [
        "SECRET",
        "CORS",
        "TLS",
    ]


def test_named_origins_are_not_open() -> None:
    assert complaints(production(cors_origins=("https://app.example",))) == ()


def test_in_development_nothing_of_it_matters() -> None:
    open_settings = Settings(api=ApiSettings(cors_origins=("*",)), auth=AuthSettings(jwt_secret=SecretStr("x")))

    assert complaints(open_settings) == ()


def test_half_a_certificate_is_none(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.touch()

    [half] = faults_of_tls_files(Settings(api=ApiSettings(tls_certificate=certificate)))
    [missing] = faults_of_tls_files(Settings(api=ApiSettings(tls_certificate=certificate, tls_key=tmp_path / "key")))

    assert "BOTTED_API__TLS_KEY too" in half
    assert "BOTTED_API__TLS_KEY" in missing
    assert "cannot be read" in missing
