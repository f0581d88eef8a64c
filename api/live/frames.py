"""What is said over the WebSocket, in both directions. Every frame is a JSON object with a `type`."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter

from api.auth.principal import Principal
from api.live.presence import Present
from api.problems import ProblemDocument
from workflows.domain.model import Model

ObjectiveId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$")]


class Subscribe(Model):
    """Replaces what was subscribed to before."""

    type: Literal["subscribe"]
    objectives: Annotated[list[ObjectiveId], Field(max_length=100)] | Literal["all"] = "all"
    cursor: str | None = Field(None, max_length=45, description="of the last event; none: only what comes from now on")
    output: list[ObjectiveId] = Field([], max_length=20, description="of which models' output is wanted, as it comes")


class Presence(Model):
    """Where this client is, for the others of its tenant."""

    type: Literal["presence"]
    where: str = Field(pattern=r"^(objective/[a-z0-9][a-z0-9-]{0,62}[a-z0-9])?$", description="empty: nowhere")


class Ping(Model):
    type: Literal["ping"]


ClientFrame = Subscribe | Presence | Ping
client_frames: TypeAdapter[ClientFrame] = TypeAdapter(Annotated[ClientFrame, Field(discriminator="type")])


class Hello(Model):
    """The first frame."""

    type: Literal["hello"] = "hello"
    name: str
    tenant: str
    roles: tuple[str, ...]

    @classmethod
    def to(cls, principal: Principal) -> Self:
        return cls(name=principal.name, tenant=principal.tenant, roles=tuple(map(str, principal.roles)))


class Subscribed(Model):
    """From here on nothing is missed. Events follow."""

    type: Literal["subscribed"] = "subscribed"
    cursor: str


class Pong(Model):
    type: Literal["pong"] = "pong"


class Somebody(Model):
    name: str
    where: str
    since: datetime


class People(Model):
    """Everybody of the tenant who is somewhere now; sent whenever that changes."""

    type: Literal["presence"] = "presence"
    people: tuple[Somebody, ...]

    @classmethod
    def of(cls, present: list[Present]) -> Self:
        return cls(people=tuple(Somebody(name=one.name, where=one.where, since=one.since) for one in present))


class Refusal(Model):
    type: Literal["error"] = "error"
    problem: ProblemDocument
