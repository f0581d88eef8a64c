"""JSON Web Tokens over HTTP: with a secret, and with the public keys of an identity provider."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pydantic import SecretStr

from api.auth import jwks
from config.settings import AuthSettings
from tests.objectives import Objectives
from tests.service import Service
from worker.embedded.stack import Addresses

SECRET = "5f0c2f7e9b1d4a6c8e3f7a9b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9d"
AUDIENCE, ISSUER = "botted-tests", "https://issuer.example"
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
Open = Callable[..., Service]


class Provider:
    """Publishes keys on loopback, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        self.works = True
        provider = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                self.send_response(200 if provider.works else 500)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": provider.keys}).encode())

            def log_message(self, format: str, *args: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/keys"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def publish(self, kid: str, key: Any, **more: str) -> None:
        algorithm = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
        name = next((text for kind, text in algorithm.items() if isinstance(key, kind)), "EdDSA")
        document = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
        self.keys.append({**document, "kid": kid, **more})


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def open_service(objectives: Objectives, addresses: Addresses) -> Iterator[Open]:
    opened: list[Service] = []

    def open_with(auth: AuthSettings) -> Service:
        service = Service(objectives.engine, addresses.temporal_address, objectives.folder, auth=auth)
        opened.append(service)
        return service.__enter__()

    yield open_with
    for service in opened:
        service.__exit__()


@pytest.fixture(scope="module")
def with_secret(objectives: Objectives, addresses: Addresses) -> Iterator[Service]:
    auth = AuthSettings(jwt_secret=SecretStr(SECRET), audience=AUDIENCE, issuer=ISSUER)
    with Service(objectives.engine, addresses.temporal_address, objectives.folder, auth=auth) as service:
        yield service


def claims(**changes: Any) -> dict[str, Any]:
    now = time.time()
    usual = {"sub": "ana", "exp": now + 60, "aud": AUDIENCE, "iss": ISSUER, "tenant": "default", "roles": ["viewer"]}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def token(key: Any = SECRET, algorithm: str = "HS256", kid: str | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _encoded(part: dict[str, Any]) -> str:
    return _text(json.dumps(part).encode())


def status(service: Service, text: str) -> int:
    return service.client(text).get("/v1/health").status_code


def reason(service: Service, text: str) -> str:
    answer = service.client(text).get("/v1/health")
    assert answer.status_code == 401, answer.text
    return str(answer.json()["detail"])


def test_a_token_says_who_calls_for_whom_and_with_which_rights(with_secret: Service) -> None:
    made = with_secret.client(token(roles=["admin", "people"], tenant="acme")).post(
        "/v1/keys", json={"name": "ci", "roles": ["viewer"]}
    )

    assert made.status_code == 201
    assert (made.json()["key"]["created_by"], made.json()["key"]["tenant"]) == ("ana", "acme")


def test_api_keys_work_beside_tokens(with_secret: Service) -> None:
    assert status(with_secret, with_secret.key("viewer")) == 200


def test_clocks_may_differ_by_half_a_minute_and_no_more(with_secret: Service) -> None:
    now = time.time()

    assert status(with_secret, token(exp=now - 20)) == 200
    assert status(with_secret, token(nbf=now + 20)) == 200
    assert reason(with_secret, token(exp=now - 40)) == "the token has expired"
    assert reason(with_secret, token(nbf=now + 40)) == "the token is not valid yet"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": None}, "lacks a claim"),
        ({"sub": None}, "lacks a claim"),
        ({"aud": None}, "lacks a claim"),
        ({"iss": None}, "lacks a claim"),
        ({"aud": "another"}, "for another audience"),
        ({"iss": "https://another.example"}, "from another issuer"),
        ({"sub": "verifier:facts"}, "machines that sign verdicts"),
        ({"sub": "workflow"}, "machines that sign verdicts"),
        ({"sub": "a\x00b"}, "cannot be a name"),
        ({"sub": "x" * 121}, "longer than 120"),
        ({"tenant": None}, "names no tenant"),
        ({"tenant": 7}, "names no tenant"),
        ({"tenant": "a\x00b"}, "names no tenant"),
    ],
)
def test_a_token_that_is_refused_says_what_it_lacks(with_secret: Service, changes: dict[str, Any], why: str) -> None:
    assert why in reason(with_secret, token(**changes))


@pytest.mark.parametrize("roles", [None, [], "people", 7, {"admin": True}, [["admin"]]])
def test_without_a_role_that_we_know_nothing_may_be_done(with_secret: Service, roles: object) -> None:
    assert status(with_secret, token(roles=roles)) == 403


def test_one_role_may_stand_alone_and_several_in_one_text(with_secret: Service) -> None:
    assert status(with_secret, token(roles="viewer")) == 200
    assert status(with_secret, token(roles="people viewer")) == 200


def test_an_expiry_beyond_all_calendars_is_no_error(with_secret: Service) -> None:
    assert status(with_secret, token(exp=10**12)) == 200


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "a.b.c",
        "..",
        "e30.e30.",
        _text(b"[" * 30_000) + ".e30.x",
        _text(b'{"alg":"HS256","kid":7}') + ".e30.x",
        _text(b'{"alg":null}') + ".e30.x",
    ],
)
def test_what_is_no_token_is_refused_and_never_an_error(with_secret: Service, text: str) -> None:
    assert reason(with_secret, text)


def test_an_unsigned_token_is_refused(with_secret: Service) -> None:
    head = f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims())}"

    assert "algorithm" in reason(with_secret, f"{head}.")
    assert "algorithm" in reason(with_secret, f"{head}.c2lnbmVk")


def test_another_secret_or_algorithm_is_refused(with_secret: Service) -> None:
    assert "signature" in reason(with_secret, token(SECRET[::-1]))
    assert "algorithm" in reason(with_secret, token(SECRET * 2, "HS512"))
    assert "algorithm" in reason(with_secret, token(RSA_KEY, "RS256"))


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256"), (ED_KEY, "EdDSA")])
def test_public_keys_check_tokens(open_service: Open, provider: Provider, key: Any, algorithm: str) -> None:
    provider.publish("one", key)
    service = open_service(AuthSettings(jwks_url=provider.url, audience=AUDIENCE))

    assert status(service, token(key, algorithm, kid="one")) == 200
    assert status(service, token(key, algorithm)) == 200, "where there is but one key, a token need not name it"
    assert "signature" in reason(service, token(another_of_its_kind(key), algorithm, kid="one"))
    assert provider.asked == 1


def test_a_secret_made_of_the_public_key_is_refused(open_service: Open, provider: Provider) -> None:
    """The old confusion: HS256 with the PEM text that everybody may know."""
    provider.publish("one", RSA_KEY)
    service = open_service(AuthSettings(jwks_url=provider.url))
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = ".".join(_encoded(part) for part in ({"alg": "HS256", "typ": "JWT", "kid": "one"}, claims()))
    signature = jwt.get_algorithm_by_name("HS256").sign(head.encode(), pem)

    assert "algorithm" in reason(service, f"{head}.{_text(signature)}")


def test_a_published_secret_or_encryption_key_signs_nothing(open_service: Open, provider: Provider) -> None:
    provider.publish("real", RSA_KEY)
    provider.publish("boxes", EC_KEY, use="enc")
    provider.keys.append({"kty": "oct", "kid": "shared", "k": _text(SECRET.encode()), "alg": "HS256"})
    service = open_service(AuthSettings(jwks_url=provider.url))

    assert "does not publish" in reason(service, token(EC_KEY, "ES256", kid="boxes"))
    assert "does not publish" in reason(service, token(SECRET, "HS256", kid="shared"))
    assert "algorithm" in reason(service, token(SECRET, "HS256", kid="real"))


def test_a_new_key_is_fetched_when_one_comes_that_nobody_knows(
    open_service: Open, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.publish("old", RSA_KEY)
    service = open_service(AuthSettings(jwks_url=provider.url))
    assert status(service, token(RSA_KEY, "RS256", kid="old")) == 200
    provider.publish("new", EC_KEY)

    for number in range(5):
        assert "does not publish" in reason(service, token(EC_KEY, "ES256", kid=f"invented-{number}"))
    assert provider.asked == 1, "invented keys must not make us ask again and again"
    monkeypatch.setattr(jwks, "REFETCH_SECONDS", 0.0)

    assert status(service, token(EC_KEY, "ES256", kid="new")) == 200
    assert provider.asked == 2


def test_keys_that_were_fetched_outlive_their_provider(
    open_service: Open, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.publish("one", RSA_KEY)
    service = open_service(AuthSettings(jwks_url=provider.url))
    assert status(service, token(RSA_KEY, "RS256", kid="one")) == 200
    provider.works = False
    monkeypatch.setattr(jwks, "REFETCH_SECONDS", 0.0)
    monkeypatch.setattr(jwks, "FRESH_SECONDS", 0.0)

    assert status(service, token(RSA_KEY, "RS256", kid="one")) == 200
    assert provider.asked == 2


def test_without_any_public_keys_it_is_us_who_cannot_answer(open_service: Open, provider: Provider) -> None:
    provider.works = False
    service = open_service(AuthSettings(jwks_url=provider.url))

    answer = service.client(token(RSA_KEY, "RS256", kid="one")).get("/v1/health")

    assert answer.status_code == 503
    assert "public keys" in answer.json()["detail"]


def test_claims_may_have_other_names_and_lie_deeper(open_service: Open) -> None:
    auth = AuthSettings(
        jwt_secret=SecretStr(SECRET), tenant_claim="https://botted.example/tenant", roles_claim="access.roles"
    )
    service = open_service(auth)
    told: dict[str, Any] = {
        "https://botted.example/tenant": "deep",
        "access": {"roles": ["admin"]},
        "tenant": None,
        "roles": None,
    }

    listed = service.client(token(**told)).get("/v1/keys")

    assert listed.status_code == 200
    assert "names no tenant" in reason(service, token(tenant="shallow"))


def test_a_tenant_may_be_set_for_tokens_that_name_none(open_service: Open) -> None:
    service = open_service(AuthSettings(jwt_secret=SecretStr(SECRET), tenant="house"))

    assert status(service, token(tenant=None)) == 200


def another_of_its_kind(key: Any) -> Any:
    """Another private key of the same kind."""
    match key:
        case rsa.RSAPrivateKey():
            return rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        case ec.EllipticCurvePrivateKey():
            return ec.generate_private_key(ec.SECP256R1())
        case _:
            return ed25519.Ed25519PrivateKey.generate()
