"""What routes are given: the house, and whoever calls, once it is known that they may."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from activities.store.audit import AuditStore
from activities.store.keys import KeyStore
from api.auth.authenticator import Authenticator
from api.auth.limiter import RateLimiter
from api.auth.principal import Principal, Right
from api.errors import Forbidden
from api.house import House
from api.measures import Measures
from api.services.audit import AuditReading
from api.services.figures import MetricsPage
from api.services.health import Doctor
from api.services.keys import KeyOffice


def house_of(connection: HTTPConnection) -> House:
    house: House = connection.app.state.house
    return house


def authenticator_of(connection: HTTPConnection) -> Authenticator:
    authenticator: Authenticator = connection.app.state.authenticator
    return authenticator


def limiter_of(connection: HTTPConnection) -> RateLimiter:
    limiter: RateLimiter = connection.app.state.limiter
    return limiter


def closing_of(connection: HTTPConnection) -> asyncio.Event:
    """Set when the service is about to stop: streams say goodbye then, and their clients come back elsewhere."""
    closing: asyncio.Event = connection.app.state.closing
    return closing


def measures_of(connection: HTTPConnection) -> Measures:
    measures: Measures = connection.app.state.measures
    return measures


def keys_of(connection: HTTPConnection) -> KeyOffice:
    return KeyOffice(KeyStore(house_of(connection).engine))


def audit_of(connection: HTTPConnection) -> AuditReading:
    return AuditReading(AuditStore(house_of(connection).engine))


def doctor_of(connection: HTTPConnection) -> Doctor:
    doctor: Doctor = connection.app.state.doctor
    return doctor


def metrics_of(connection: HTTPConnection) -> MetricsPage:
    page: MetricsPage = connection.app.state.metrics
    return page


def given(find: Callable[[HTTPConnection], Any]) -> Any:
    """For `Annotated[House, given(house_of)]`: FastAPI runs plain functions in threads, and these only look up."""

    async def found(connection: HTTPConnection) -> Any:
        return find(connection)

    return Depends(found)


TheHouse = Annotated[House, given(house_of)]
TheAudit = Annotated[AuditReading, given(audit_of)]
TheDoctor = Annotated[Doctor, given(doctor_of)]
TheMetrics = Annotated[MetricsPage, given(metrics_of)]
TheKeys = Annotated[KeyOffice, given(keys_of)]
TheAuthenticator = Annotated[Authenticator, given(authenticator_of)]
"""For streams: `authenticate_again(principal)` every few seconds says whether they may go on."""
Closing = Annotated[asyncio.Event, given(closing_of)]
TheMeasures = Annotated[Measures, given(measures_of)]


def needs(right: Right) -> Any:
    """For `Annotated[Principal, needs(Right.READ)]`: every route declares what its caller must be allowed to do."""
    return Depends(Guard(right))


class Guard:
    """Hashable and readable, so that tests can walk all routes and ask what each needs."""

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(self, connection: HTTPConnection) -> Principal:
        principal = await authenticator_of(connection).authenticate(connection)
        connection.state.principal = principal  # for the audit, which asks for it once the answer is known
        await limiter_of(connection).admit(principal)
        if not principal.may(self.right):
            raise NotAllowed(self.right)
        return principal


class NotAllowed(Forbidden):
    """Authenticated, but without the right."""

    def __init__(self, right: Right) -> None:
        super().__init__(f"this needs the right to {right}; the roles of your key or token do not have it")
        self.right = right


Reader = Annotated[Principal, needs(Right.READ)]
Runner = Annotated[Principal, needs(Right.RUN)]
Decider = Annotated[Principal, needs(Right.DECIDE)]
Submitter = Annotated[Principal, needs(Right.WORK)]
Administrator = Annotated[Principal, needs(Right.ADMINISTER)]
