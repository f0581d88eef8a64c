"""`python -m api` as an operator runs it."""

import os
import signal
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from api.auth.keyfile import key_file
from tests.e2e.command import NEVER_PASSED_ON
from tests.objectives import Objectives
from tests.service import ServiceProcess
from worker.embedded import ports
from worker.embedded.stack import Addresses

GOOD_SECRET = "5f0c2f7e9b1d4a6c8e3f7a9b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9d"


def run(cwd: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NEVER_PASSED_ON)}
    return subprocess.run(
        [sys.executable, "-m", "api", *arguments],
        cwd=cwd,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_without_addresses_it_says_what_to_set(tmp_path: Path) -> None:
    ended = run(tmp_path)

    assert ended.returncode == 2
    assert "BOTTED_TEMPORAL__ADDRESS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_helps(tmp_path: Path) -> None:
    ended = run(tmp_path, "--help")

    assert ended.returncode == 0
    assert "BOTTED_DATABASE__URL" in ended.stdout


def test_a_wrong_setting_is_told_without_what_was_set(tmp_path: Path) -> None:
    ended = run(tmp_path, BOTTED_AUTH__JWT_SECRET="hush-hush-hush", BOTTED_AUTH__JWKS_URL="https://issuer.example")

    assert ended.returncode == 2
    assert "jwt_secret or jwks_url" in ended.stderr
    assert "hush" not in ended.stderr


def test_a_postgres_that_is_not_there_is_told(tmp_path: Path) -> None:
    url = f"postgresql://me:hush@127.0.0.1:{ports.choose(set())}/botted"
    ended = run(tmp_path, BOTTED_DATABASE__URL=url, BOTTED_TEMPORAL__ADDRESS="127.0.0.1:1")

    assert ended.returncode == 2
    assert "Postgres does not answer" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hush" not in ended.stderr


def test_in_production_it_says_everything_that_is_open_at_once(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        BOTTED_ENVIRONMENT="production",
        BOTTED_DATABASE__URL="postgresql://db.example/botted",
        BOTTED_TEMPORAL__ADDRESS="temporal.example:7233",
        BOTTED_AUTH__JWT_SECRET="secret",
        BOTTED_API__CORS_ORIGINS='["*"]',
    )

    assert ended.returncode == 2
    for name in ("BOTTED_AUTH__JWT_SECRET", "BOTTED_API__CORS_ORIGINS", "BOTTED_API__TLS_CERTIFICATE"):
        assert name in ended.stderr
    assert "BEHIND_TLS_PROXY=true" in ended.stderr


def test_in_production_it_starts_with_nothing_open(objectives: Objectives, addresses: Addresses) -> None:
    with ServiceProcess(
        objectives.engine,
        addresses.temporal_address,
        objectives.folder,
        BOTTED_ENVIRONMENT="production",
        BOTTED_API__BEHIND_TLS_PROXY="true",
        BOTTED_AUTH__JWT_SECRET=GOOD_SECRET,
    ) as service:
        assert service.client(service.key("viewer")).get("/v1/health").status_code == 200
        assert not key_file(objectives.folder).exists()


def test_it_speaks_https_by_itself(objectives: Objectives, addresses: Addresses, tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    port = ports.choose(set())
    service = ServiceProcess(
        objectives.engine,
        addresses.temporal_address,
        objectives.folder,
        BOTTED_API__PORT=str(port),
        BOTTED_API__TLS_CERTIFICATE=str(certificate),
        BOTTED_API__TLS_KEY=str(key),
    )
    service.url = f"https://127.0.0.1:{port}"
    service.trusts = ssl.create_default_context(cafile=certificate)
    with service:
        answer = service.client(service.key("viewer"), verify=service.trusts).get("/v1/health")

    assert answer.status_code == 200
    assert "max-age" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_finishes_what_is_under_way_and_ends_well(objectives: Objectives, addresses: Addresses, number: int) -> None:
    with ServiceProcess(objectives.engine, addresses.temporal_address, objectives.folder) as service:
        service.client(service.key("viewer")).get("/v1/health")
        assert service.process is not None
        process = service.process
        began = time.monotonic()
        process.send_signal(number)

        assert process.wait(15) == 0
        assert time.monotonic() - began < 6
        service.process = None
        assert process.communicate()[0] == ""


def test_a_port_that_is_taken_is_told(objectives: Objectives, addresses: Addresses) -> None:
    with ServiceProcess(objectives.engine, addresses.temporal_address, objectives.folder) as first:
        second = ServiceProcess(
            objectives.engine, addresses.temporal_address, objectives.folder, BOTTED_API__PORT=str(first.port)
        )
        ended = subprocess.run(
            [sys.executable, "-m", "api"],
            env=second.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert ended.returncode != 0
    assert "address already in use" in ended.stderr


def test_the_owners_key_is_made_where_it_is_asked_for(
    objectives: Objectives, addresses: Addresses, tmp_path: Path
) -> None:
    with ServiceProcess(
        objectives.engine, addresses.temporal_address, tmp_path / "data", BOTTED_API__OWNER_KEY="true"
    ) as service:
        path = key_file(tmp_path / "data")
        assert path.stat().st_mode & 0o777 == 0o600

        answer = service.client(path.read_text().strip()).get("/v1/keys")

    assert answer.status_code == 200


def _certificate(folder: Path) -> tuple[Path, Path]:
    """For 127.0.0.1, signed by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key
