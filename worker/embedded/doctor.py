"""Looks at everything the stack needs and says what is well, what is not, and what to do; changes nothing."""

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from importlib import metadata
from pathlib import Path

import psutil
import psycopg

from config.settings import Settings
from worker.embedded import identity, ports, postgres, temporal_server
from worker.embedded.doctor_models import examine_models
from worker.embedded.errors import StackError
from worker.embedded.finding import Finding, Health
from worker.embedded.folder import FORMAT, ROOM_NEEDED, Folder
from worker.embedded.local_model import LocalModel
from worker.embedded.stack import find
from worker.embedded.state import StackState, libpq_url

__all__ = ["Finding", "Health", "examine"]

OLDEST_PYTHON = (3, 11)
MEMORY_WANTED = 1_000_000_000  # bytes
PATIENCE = 3  # seconds, for anything asked over the network


def examine(settings: Settings) -> tuple[Finding, ...]:
    """Takes a few seconds at most, also when servers do not answer."""
    return tuple(_findings(settings))


def _findings(settings: Settings) -> Iterator[Finding]:
    running = find(settings)
    folder = Folder(settings.folder)
    yield _python()
    yield from _postgres_programs(settings, folder)
    yield from _temporal_program(settings)
    yield _data_folder(folder)
    yield _disk(folder)
    yield _memory()
    yield _stack(settings, running)
    yield from _postgres_answers(settings, running)
    yield from _temporal_answers(settings, running)
    if running and running.addresses and running.addresses.web_ui:
        yield _web_ui(running.addresses.web_ui)
    if running and "api" in running.ports:
        yield _api(running)
    yield from _local_model(settings, running)
    yield from examine_models(settings, os.environ, running)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= OLDEST_PYTHON:
        return Finding(name="Python", text=version)
    return Finding(name="Python", state=Health.PROBLEM, text=version, fix="Install Python 3.11 or newer.")


def _postgres_programs(settings: Settings, folder: Folder) -> Iterator[Finding]:
    if settings.database.url:
        return
    try:
        binaries = postgres.find_binaries()
    except StackError as error:
        yield Finding(name="Postgres", state=Health.PROBLEM, text="not installed", fix=str(error))
        return
    yield _version("Postgres", binaries / "postgres")
    yield _user(folder, binaries)


def _temporal_program(settings: Settings) -> Iterator[Finding]:
    if settings.temporal.address:
        return
    try:
        yield _version("Temporal", temporal_server.find_binary())
    except StackError as error:
        yield Finding(name="Temporal", state=Health.PROBLEM, text="not installed", fix=str(error))


def _version(name: str, program: Path) -> Finding:
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(
            name=name,
            state=Health.PROBLEM,
            text=f"{program} does not run: {error}",
            fix="Install botted's dependencies again, on a platform for which they are built.",
        )
    return Finding(name=name, text=answer.stdout.strip())


def _user(folder: Folder, binaries: Path) -> Finding:
    name = "Postgres's user"
    if os.geteuid() != 0:
        return Finding(name=name, text="the present one")
    if identity.namespaces_work():
        return Finding(name=name, text="root, through a user namespace")
    if wall := identity.closed_to_others(binaries) or identity.closed_to_others(_nearest(folder.path.parent)):
        return Finding(
            name=name,
            state=Health.PROBLEM,
            text=f"Postgres refuses root, user namespaces are refused here, and others cannot enter {wall}",
            fix="Set BOTTED_DATA_DIR to a folder that others may enter, or run botted as an ordinary user.",
        )
    return Finding(name=name, text="nobody (user namespaces are refused here)")


def _data_folder(folder: Folder) -> Finding:
    name, path = "Data folder", folder.path
    elsewhere = "Set BOTTED_DATA_DIR to another folder."
    if path.exists() and not path.is_dir():
        return Finding(name=name, state=Health.PROBLEM, text=f"{path} is not a folder", fix=elsewhere)
    if not os.access(_nearest(path), os.W_OK | os.X_OK):
        return Finding(name=name, state=Health.PROBLEM, text=f"{path} is not writable for you", fix=elsewhere)
    try:
        written = folder.written_format()
    except (StackError, OSError) as error:
        return Finding(name=name, state=Health.PROBLEM, text=str(error), fix=elsewhere)
    if written is None:
        return Finding(name=name, text=f"{path} (new)")
    if written > FORMAT:
        return Finding(
            name=name,
            state=Health.PROBLEM,
            text=f"{path} was written by a newer botted (format {written}; this one knows {FORMAT})",
            fix=f"Upgrade botted, or: {elsewhere}",
        )
    return Finding(name=name, text=f"{path} (format {written})")


def _disk(folder: Folder) -> Finding:
    free = shutil.disk_usage(_nearest(folder.path)).free
    text = f"{free / 1e9:.1f} GB free"
    if free < ROOM_NEEDED:
        return Finding(name="Disk", state=Health.PROBLEM, text=text, fix="Free some space, or move BOTTED_DATA_DIR.")
    if free < 10 * ROOM_NEEDED:
        return Finding(name="Disk", state=Health.WARNING, text=text, fix="Artifacts and logs will want more.")
    return Finding(name="Disk", text=text)


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    text = f"{available / 1e9:.1f} GB available"
    if available < MEMORY_WANTED:
        return Finding(name="Memory", state=Health.WARNING, text=text, fix="Have 1 GB available for the whole stack.")
    return Finding(name="Memory", text=text)


def _stack(settings: Settings, running: StackState | None) -> Finding:
    name = "Stack"
    if settings.temporal.address and settings.database.url:
        return Finding(name=name, text="none needed: Temporal and Postgres are configured")
    if not running:
        return Finding(name=name, text="not running; it starts when needed")
    gone = [part for part, process in running.parts.items() if not process.is_alive()]
    if gone:
        text = f"{running.phase}; not running: {', '.join(gone)}"
        return Finding(name=name, state=Health.WARNING, text=text, fix="Its supervisor starts them again; look again.")
    parts = ", ".join(f"{part} {process.pid}" for part, process in running.parts.items())
    return Finding(name=name, text=f"{running.phase} (supervisor {running.supervisor.pid}, {parts})")


def _postgres_answers(settings: Settings, running: StackState | None) -> Iterator[Finding]:
    url = settings.database.url or (running.addresses.database_url if running and running.addresses else None)
    if not url:
        return
    try:
        with psycopg.connect(libpq_url(url), connect_timeout=PATIENCE) as connection:
            where = f"{connection.info.host}:{connection.info.port}/{connection.info.dbname}"
            text = f"{where} answers (Postgres {connection.info.server_version // 10_000})"
        yield Finding(name="Database", text=text)
    except psycopg.Error as error:
        fix = "Check BOTTED_DATABASE__URL and that server." if settings.database.url else "See logs/postgres.log."
        yield Finding(
            name="Database", state=Health.PROBLEM, text=" ".join(f"does not answer: {error}".split()), fix=fix
        )


def _temporal_answers(settings: Settings, running: StackState | None) -> Iterator[Finding]:
    embedded = running.addresses.temporal_address if running and running.addresses else None
    address = settings.temporal.address or embedded
    if not address:
        return
    if _serves(address):
        yield Finding(name="Temporal server", text=f"{address} answers")
        return
    fix = "Check BOTTED_TEMPORAL__ADDRESS and that server." if settings.temporal.address else "See logs/temporal.log."
    yield Finding(name="Temporal server", state=Health.PROBLEM, text=f"{address} does not answer", fix=fix)


def _serves(address: str) -> bool:
    """Asked through gRPC, by Temporal's own program; where that is missing, a connection must do."""
    try:
        program = temporal_server.find_binary()
    except StackError:
        return _accepts(address)
    command = [str(program), "operator", "cluster", "health", "--address", address]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return False
    return answer.returncode == 0 and "SERVING" in answer.stdout


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return port.isdecimal() and ports.answers(host, int(port), PATIENCE)


def _web_ui(url: str) -> Finding:
    if temporal_server.answers(int(url.rpartition(":")[2]), "/"):
        return Finding(name="Web UI", text=url)
    return Finding(name="Web UI", state=Health.WARNING, text=f"{url} does not answer", fix="See logs/temporal.log.")


def _api(running: StackState) -> Finding:
    url = running.addresses.api if running.addresses else None
    if url is None:
        text = "does not answer (yet); it comes some seconds after everything else"
        return Finding(name="API", state=Health.WARNING, text=text, fix="See logs/api.log.")
    if url.startswith("https:") or temporal_server.answers(running.ports["api"], "/v1/health/ready"):
        return Finding(name="API", text=url)
    return Finding(name="API", state=Health.WARNING, text=f"{url} is not ready", fix="See logs/api.log.")


def _local_model(settings: Settings, running: StackState | None) -> Iterator[Finding]:
    """Nothing at all where none is configured."""
    name = "Local model"
    if settings.local.url:
        yield _model_server(settings.local.url, "", "Check BOTTED_LOCAL__URL and that server.")
        return
    model = LocalModel.asked_for(settings.local) or (running.serves if running else None)
    if not model:
        return
    try:
        model.require_servable()
    except StackError as error:
        yield Finding(name=name, state=Health.PROBLEM, text="cannot be served", fix=str(error))
        return
    version = metadata.version("xllamacpp")
    text = f"{model.gguf} ({model.gguf.stat().st_size / 1e9:.2f} GB), by xllamacpp {version}"
    if settings.temporal.address and settings.database.url:
        fix = "Only an embedded stack serves it: set BOTTED_LOCAL__URL to a server of yours."
        yield Finding(name=name, state=Health.WARNING, text=f"{text}; not served", fix=fix)
    elif not running:
        yield Finding(name=name, text=f"{text}; served when the stack starts")
    elif running.serves != model:
        fix = "Run `botted down`; the next start serves it."
        yield Finding(name=name, state=Health.WARNING, text=f"{text}; the running stack does not serve it", fix=fix)
    elif running.addresses and running.addresses.local_model:
        yield _model_server(running.addresses.local_model, f"{text}; ", "See logs/llama.log.")


def _model_server(url: str, before: str, fix: str) -> Finding:
    if _lists_models(url):
        return Finding(name="Local model", text=f"{before}{url} answers")
    return Finding(name="Local model", state=Health.PROBLEM, text=f"{before}{url} does not answer", fix=fix)


def _lists_models(url: str) -> bool:
    """Asked without a proxy, which would not reach what is on this machine."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url.rstrip('/')}/models", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError, HTTPException):
        return False


def _nearest(path: Path) -> Path:
    """The folder itself, or the first one above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())
