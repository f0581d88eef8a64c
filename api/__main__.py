"""`python -m api`: the HTTP service."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from config import logging
from config.settings import Settings, load

if TYPE_CHECKING:
    from sqlalchemy import Engine

PORT = 8420
CANNOT_START = 2
HELP = """The HTTP service of botted. It needs to know where Temporal and Postgres are:

  BOTTED_TEMPORAL__ADDRESS   host:port
  BOTTED_DATABASE__URL       postgresql://user:password@host:port/name

and listens at BOTTED_API__HOST (127.0.0.1) and BOTTED_API__PORT (8420). `botted up` starts all of it. Settings may
also stand in botted.toml; docs/api.md lists them. SIGTERM stops it in order.
"""
log = structlog.get_logger("api")


def main() -> int:
    argparse.ArgumentParser(
        prog="python -m api", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    try:
        settings = load()
    except (ValidationError, ValueError) as error:
        return _refuse(_faults(error))
    logging.configure(settings.log_level)
    if settings.database.url is None or settings.temporal.address is None:
        return _refuse(
            [
                "The API needs to know where Temporal and Postgres are: set BOTTED_TEMPORAL__ADDRESS and "
                "BOTTED_DATABASE__URL, or run `botted up`, which starts everything."
            ]
        )
    return start(settings, settings.temporal.address, settings.database.url)


def start(settings: Settings, address: str, database_url: str) -> int:
    from api.production import complaints, faults_of_tls_files

    if wrong := (*complaints(settings), *faults_of_tls_files(settings)):
        return _refuse([f"The API does not start ({settings.environment}):", *(f"  - {line}" for line in wrong)])
    return migrate(database_url) or _run(settings, address, database_url)


def migrate(database_url: str) -> int:
    """As a host does: whoever comes first brings the database up to date."""
    from sqlalchemy.exc import OperationalError

    from activities.store import database

    engine = database.connect(database_url, pool_size=1)
    try:
        database.migrate(engine)
    except database.NewerDatabase as error:
        return _refuse([str(error)])
    except OperationalError as error:
        return _refuse([f"Postgres does not answer: {error.orig}", "Check BOTTED_DATABASE__URL and that server."])
    finally:
        engine.dispose()
    return 0


def _run(settings: Settings, address: str, database_url: str) -> int:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, address, database_url))


async def serve(settings: Settings, address: str, database_url: str) -> int:
    """Until SIGTERM or SIGINT; open streams are told to come back, what is under way is finished."""
    from api.app import create_app
    from api.house import open_house
    from api.sdk_metrics import runtime_with_metrics
    from api.serving import Door

    runtime, sdk_metrics = runtime_with_metrics()
    async with open_house(settings, database_url, address, runtime=runtime, sdk_metrics=sdk_metrics) as house:
        if settings.api.owner_key:
            await asyncio.to_thread(_make_owners_key, house.engine, settings)
        door = Door(create_app(house), settings.api, settings.api.port or PORT)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, door.stop)
        gc.collect()
        gc.freeze()  # what is there now stays: to look through it for garbage would hold everybody up for 0.1 s a time
        log.info("starting", host=settings.api.host, port=settings.api.port or PORT, pid=os.getpid())
        await door.serve()
    return 0 if door.started else 1


def _make_owners_key(engine: "Engine", settings: Settings) -> None:
    from api.auth import local

    try:
        local.ensure_key(engine, settings.folder)
    except OSError as error:  # the service is of use to whoever has another key
        log.warning("owner's key not made", why=str(error))


def _faults(error: ValueError) -> list[str]:
    """Without what was set: it may be a secret."""
    if not isinstance(error, ValidationError):
        return [f"botted.toml: {error}"]
    return [f"setting {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]


def _refuse(lines: list[str]) -> int:
    print("\n".join(lines), file=sys.stderr)
    return CANNOT_START


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: native threads and modules (Temporal's, DuckDB's) now and then crash or complain on the
    # interpreter's way out. Everything of ours is closed by now.
    os._exit(code)
