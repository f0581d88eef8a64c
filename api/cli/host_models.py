"""Models that this command knows of, and whether the hosts that would do the work know the same ones."""

import os
from collections.abc import Callable

import click

from activities.store import hosts
from api.cli.errors import Stopped
from api.cli.session import Session, open_session
from api.services.planning import Models
from config.models import KnownModels, known_models
from config.settings import Settings
from worker.embedded import stack
from worker.embedded.doctor_models import models_here


def known_here(settings: Settings) -> KnownModels:
    """From the configuration and the environment of this command; starts nothing."""
    return models_here(settings, os.environ, stack.find(settings))


def models_for(settings: Settings) -> Models:
    """What an objective that is asked for here can be planned with."""
    return Models.of(known_here(settings), elsewhere=is_elsewhere(settings))


def is_elsewhere(settings: Settings) -> bool:
    """Whether Temporal and Postgres are somebody's own, and so are the hosts."""
    return bool(settings.temporal.address and settings.database.url)


def known_to(session: Session) -> KnownModels:
    """What a host of this stack would know if it started now."""
    url = session.settings.local.url or session.addresses.local_model or ""
    return known_models(session.settings.models, os.environ, url)


def require(settings: Settings, report: Callable[[str], None]) -> None:
    """Sees to it that the work finds our models. An embedded stack with others starts anew if nothing is under way.

    Raises Stopped when it may not.
    """
    with open_session(settings, report) as session:
        host = hosts.newest(session.engine)
        if is_elsewhere(settings):
            if host is None or not host.models.get("roles"):
                click.secho("note: the newest host of this Temporal knows no model", fg="yellow", err=True)
            return
        if host is not None and host.fingerprint == known_to(session).fingerprint:
            return
        unfinished = session.objectives.unfinished()
    if unfinished:
        raise Stopped(
            [
                "the running stack was started with other models than are configured here now, and is at work: "
                + ", ".join(unfinished),
                "`botted down`, then again: what runs goes on where it was, with the models that are configured now",
            ]
        )
    report("the running stack knows other models; starting it anew with those that are configured now")
    try:
        stack.stop(settings)
    except stack.StackError as error:
        raise Stopped(str(error).splitlines()) from error
