"""`python -m worker`: a host. `python -m worker migrate`: brings the database up to date and ends."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import structlog

from config import logging
from config.settings import Environment, Settings, load

log = structlog.get_logger("worker")


def main() -> int:
    settings = load()
    logging.configure(settings.log_level)
    if settings.database.url is None or settings.temporal.address is None:
        print(
            "A host needs to know where Temporal and Postgres are: set BOTTED_TEMPORAL__ADDRESS and "
            "BOTTED_DATABASE__URL, or run `botted up`, which starts both and a host.",
            file=sys.stderr,
        )
        return 2
    if sys.argv[1:] == ["migrate"]:
        return migrate(settings.database.url)
    asyncio.run(serve(settings, settings.temporal.address, settings.database.url))
    return 0


def migrate(database_url: str) -> int:
    from activities.store import database

    engine = database.connect(database_url, pool_size=1)
    try:
        database.migrate(engine)
    except database.NewerDatabase as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        engine.dispose()
    return 0


async def serve(settings: Settings, address: str, database_url: str) -> None:
    """Polls until SIGTERM or SIGINT, then lets running steps finish for a few seconds."""
    from activities.store import database, hosts
    from activities.store.hosts import HostRow
    from config import temporal
    from config.models import known_models
    from worker.channels import channels_of
    from worker.models import with_facts_of
    from worker.scratch import own_scratch
    from worker.search_attributes import register
    from worker.wiring import build_host

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await temporal.connect(address, settings.temporal.namespace)
    await register(client)
    engine = database.connect(database_url, pool_size=2 * settings.host.max_concurrent_steps)
    await asyncio.to_thread(database.migrate, engine)
    steps = settings.host.max_concurrent_steps
    known = known_models(settings.models, os.environ, settings.local.url or "")
    for complaint in known.missing:
        log.warning("model not usable", why=complaint)
    channels = channels_of(settings.notify, os.environ, production=settings.environment is Environment.PRODUCTION)
    for channel, why in channels.faults.items():
        log.warning("channel not usable", channel=channel, why=why)
    name = f"{socket.gethostname()}:{os.getpid()}"
    await asyncio.to_thread(
        hosts.register, engine, HostRow(name=name, models=known.told(), fingerprint=known.fingerprint)
    )
    known = await asyncio.to_thread(with_facts_of, known, settings.local.url or "")
    with own_scratch(settings.folder) as scratch:
        async with build_host(
            client,
            engine,
            settings.folder,
            scratch=scratch,
            models=known,
            channels=channels,
            max_concurrent_steps=steps,
        ):
            _say_ready()
            log.info("ready", temporal=address, pid=os.getpid())
            await stop.wait()
            log.info("stopping")
    engine.dispose()


def _say_ready() -> None:
    ready_file = os.environ.get("BOTTED_READY_FILE")
    if ready_file:
        Path(ready_file).write_text(str(os.getpid()))


if __name__ == "__main__":
    sys.exit(main())
