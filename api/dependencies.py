"""What routes are given: the house, and whoever calls, once it is known that they may."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from api.auth.principal import Principal, Right
from api.house import House


def house_of(request: Request) -> House:
    house: House = request.app.state.house
    return house


TheHouse = Annotated[House, Depends(house_of)]


def needs(right: Right) -> Any:
    """For `Annotated[Principal, needs(Right.READ)]`: every route declares what its caller must be allowed to do."""
    return Depends(_Guard(right))


class _Guard:
    """Hashable and readable, so that tests can walk all routes and ask what each needs."""

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(self, request: Request) -> Principal:
        authenticate: Callable[[Request], Any] = request.app.state.authenticate
        principal: Principal = await authenticate(request)
        if not principal.may(self.right):
            raise NotAllowed(self.right)
        return principal


class NotAllowed(Exception):
    """Authenticated, but without the right."""

    def __init__(self, right: Right) -> None:
        super().__init__(f"this needs the right to {right}")
        self.right = right


Reader = Annotated[Principal, needs(Right.READ)]
Runner = Annotated[Principal, needs(Right.RUN)]
Decider = Annotated[Principal, needs(Right.DECIDE)]
Submitter = Annotated[Principal, needs(Right.WORK)]
Administrator = Annotated[Principal, needs(Right.ADMINISTER)]
