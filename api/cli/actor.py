"""Whoever types a command: acts by a key, over the services that the API uses too."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import ValidationError
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from activities.store.objectives import ObjectiveRow
from api import temporal
from api.auth.principal import Principal, Right
from api.cli.acting import acting, require
from api.cli.errors import DOCTOR, BadInput, Stopped
from api.cli.session import Session
from api.errors import Invalid, NotFound, Problem
from api.services.approvals import ApprovalInDetail, ApprovalOffice, NewDecision, WaitingApproval
from api.services.steering import Helm
from workflows.domain.approval import DecisionReceipt

PAGE, MOST = 200, 2000
T = TypeVar("T")


class Actor:
    """Raises BadInput and Stopped, with the reason, where the services raise Problems."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.principal = acting(session)

    def require(self, right: Right) -> None:
        require(self.principal, right)

    def objective(self, asked: str) -> ObjectiveRow:
        """By id, or by the beginning of one."""
        row = self._session.objective(asked)
        if self._session.settings.api.key is None:
            # Whoever has the data folder has all that is in it, also the tenants that evaluations make up.
            self.principal = self.principal.model_copy(update={"tenant": row.request.tenant})
        if row.request.tenant != self.principal.tenant:
            raise BadInput(f"there is no objective {asked!r}; `botted list` shows those that there are")
        return row

    def waiting(self, *, mine: bool, state: str | None = "open", objective_id: str = "") -> list[WaitingApproval]:
        """Newest first, at most MOST."""

        async def pages(client: Client) -> list[WaitingApproval]:
            office = self._office(client)
            found: list[WaitingApproval] = []
            cursor: str | None = None
            while len(found) < MOST:
                page = office.listed(
                    self.principal, mine=mine, state=state, objective_id=objective_id, cursor=cursor, limit=PAGE
                )
                found += page.items
                cursor = page.next
                if cursor is None:
                    break
            return found

        return self._asked(pages)

    def approval(self, approval_id: str) -> ApprovalInDetail:
        async def get(client: Client) -> ApprovalInDetail:
            return self._office(client).get(self.principal, approval_id)

        return self._asked(get)

    def decide(self, approval_id: str, decision: NewDecision) -> DecisionReceipt:
        self.require(Right.DECIDE)
        return self._asked(lambda client: self._office(client).decide(self.principal, approval_id, decision))

    def steer(self, call: Callable[[Helm, Principal], Awaitable[T]], right: Right = Right.RUN) -> T:
        self.require(right)
        return self._asked(lambda client: call(self._helm(client), self.principal))

    def plan(self, objective_id: str) -> tuple[str, str]:
        """The YAML of the plan that counts, and its SHA-256."""

        async def read(client: Client) -> tuple[str, str]:
            return self._helm(client).plan(self.principal, objective_id)

        return self._asked(read)

    def _office(self, client: Client) -> ApprovalOffice:
        return ApprovalOffice(self._session.engine, self._session.artifacts, client)

    def _helm(self, client: Client) -> Helm:
        return Helm(self._session.engine, self._session.artifacts, client)

    def _asked(self, call: Callable[[Client], Awaitable[T]]) -> T:
        addresses = self._session.addresses

        async def asked() -> T:  # connects when it asks for something, which reading does not
            return await call(await temporal.connect(addresses.temporal_address, addresses.temporal_namespace))

        try:
            return asyncio.run(asked())
        except (Invalid, NotFound) as problem:
            raise BadInput(problem.detail) from problem
        except Problem as problem:
            raise Stopped([problem.detail]) from problem
        except ValidationError as error:
            raise faults_in(error) from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise Stopped(["it was not answered in time; look with `botted show` before you try again"]) from error
        except RPCError as error:
            raise Stopped([f"Temporal at {addresses.temporal_address} refused: {error.message}", DOCTOR]) from error


def faults_in(error: ValidationError) -> BadInput:
    return BadInput(*(": ".join([*map(str, one["loc"]), one["msg"]]) for one in error.errors()))
