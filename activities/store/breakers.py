"""A breaker per provider, shared by all hosts: closed, open for a while, half open for one trial."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from activities.store.tables import model_calls, providers
from workflows.domain.model import Model

TRIP = 5
"""Faults in a row that open a breaker."""
WINDOW = 20
"""Of so many last calls, half being faults opens it too."""
TRIAL_SECONDS = 10.0
"""After so long, whoever is held back by a trial looks whether it is over."""


class Cooldown(Model):
    """What a fault means for its provider."""

    counts: bool
    """False: it says nothing about the provider."""
    at_once: bool
    """True: no other call would fare better, so it opens now."""
    seconds: float
    quiet: bool = False
    """True: the provider asked for a pause, which is no news for people."""


class BreakerOpen(Exception):
    """The provider is not asked now. `seconds` until it may be."""

    def __init__(self, provider: str, seconds: float, fault: str, error: str) -> None:
        super().__init__(f"{provider} is not asked for another {seconds:.0f} s after: {error}")
        self.seconds = seconds
        self.fault = fault


def admit(connection: Connection, provider: str, seconds: float) -> None:
    """Raises BreakerOpen. Half open lets one call through, which must have ended after `seconds`."""
    row = connection.execute(
        select(providers, func.clock_timestamp().label("now"))
        .where(providers.c.name == provider, providers.c.open_until.is_not(None))
        .with_for_update()
    ).one_or_none()
    if row is None:
        return
    now: datetime = row.now
    if row.open_until > now:
        raise BreakerOpen(provider, (row.open_until - now).total_seconds(), row.fault, row.error)
    if row.trial_until is not None and row.trial_until > now:
        left = (row.trial_until - now).total_seconds()
        raise BreakerOpen(provider, min(left, TRIAL_SECONDS), row.fault, row.error)
    connection.execute(
        update(providers).where(providers.c.name == provider).values(trial_until=now + timedelta(seconds=seconds))
    )


def answered(connection: Connection, provider: str) -> None:
    """Closes a breaker that is half open. An open one stays: the answer is to a call from before.

    Writes nothing while all is well.
    """
    trial = providers.c.trial_until.is_not(None)
    unbroken = (providers.c.failures > 0) & providers.c.open_until.is_(None)
    connection.execute(
        update(providers)
        .where(providers.c.name == provider, trial | unbroken)
        .values(failures=0, open_until=None, trial_until=None)
    )


def faulted(connection: Connection, provider: str, fault: str, error: str, cooldown: Cooldown) -> bool:
    """Whether this fault opened the breaker, which was closed or half open before."""
    if not cooldown.counts:
        connection.execute(update(providers).where(providers.c.name == provider).values(trial_until=None))
        return False
    now = func.clock_timestamp()
    row = connection.execute(
        insert(providers)
        .values(name=provider, failures=1, fault=fault, error=error, error_at=now)
        .on_conflict_do_update(
            index_elements=["name"],
            set_={"failures": providers.c.failures + 1, "fault": fault, "error": error, "error_at": now},
        )
        .returning(providers.c.failures, providers.c.open_until, providers.c.trial_until, now.label("now"))
    ).one()
    trial_failed = row.trial_until is not None
    if not (cooldown.at_once or trial_failed or row.failures >= TRIP or _half_are_faults(connection, provider)):
        return False
    connection.execute(
        update(providers)
        .where(providers.c.name == provider)
        .values(open_until=row.now + timedelta(seconds=cooldown.seconds), trial_until=None)
    )
    return not cooldown.quiet and (row.open_until is None or row.open_until <= row.now)


def _half_are_faults(connection: Connection, provider: str) -> bool:
    states = (
        connection.execute(
            select(model_calls.c.state)
            .where(model_calls.c.provider == provider, model_calls.c.state.in_(("done", "failed")))
            .order_by(model_calls.c.id.desc())
            .limit(WINDOW - 1)
        )
        .scalars()
        .all()
    )
    # The fault that is being written down is not among them yet.
    return len(states) == WINDOW - 1 and (states.count("failed") + 1) * 2 >= WINDOW
