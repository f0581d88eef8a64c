"""The calls by which a worker ends its attempt or looks back; they are not tools of the catalogue."""

import json
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from activities.llm.messages import ModelResponse, ToolCall, ToolSpec
from activities.llm.schemas import tool_spec
from activities.store.work import SUBMIT
from workflows.domain.model import Model

GIVE_UP = "give_up"
RECALL = "recall"
MOST_CALLS = 8
"""Tool calls of one turn; more are answered with a request to ask for less at once."""


class Handoff(BaseModel):
    """What a finished task gives those that build on it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    summary: str = Field(
        min_length=1, max_length=2000, description="what was done and found, for those who build on it"
    )
    artifacts: list[str] = Field(description="names of the artifacts that you submit, every promised one among them")
    open_questions: list[str] = Field(description="what stayed open; empty if nothing did")


class GiveUp(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: str = Field(min_length=1, max_length=1000, description="what is missing, and what was tried")


class Recall(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    step: str = Field(description="as it is named where the result was left out, such as turn-3-call-1")


CONTROLS: tuple[ToolSpec, ...] = (
    tool_spec(
        SUBMIT, "Ends the task: hands in your artifacts for verification. Call it alone, when all is done.", Handoff
    ),
    tool_spec(GIVE_UP, "Ends the attempt honestly: the task cannot be done with what you have.", GiveUp),
    tool_spec(RECALL, "Shows an earlier result of yours again, which was left out to save room.", Recall),
)


class Turn(Model):
    """A turn that was taken: what the model said, and what people had said before it."""

    number: int
    response: ModelResponse
    messages: tuple[str, ...] = ()

    def step_id(self, call: int) -> str:
        return f"turn-{self.number}-call-{call + 1}"

    @property
    def submission(self) -> ToolCall | None:
        return next((call for call in self.response.tool_calls if call.name == SUBMIT), None)

    @property
    def surrender(self) -> ToolCall | None:
        return next((call for call in self.response.tool_calls if call.name == GIVE_UP), None)

    @property
    def calls(self) -> tuple[tuple[int, ToolCall], ...]:
        """Those that somebody has to carry out, with their places among all calls of the turn."""
        asked = [(n, call) for n, call in enumerate(self.response.tool_calls) if call.name not in (SUBMIT, GIVE_UP)]
        return tuple(asked[:MOST_CALLS])


def fingerprint(call: ToolCall) -> str:
    """Equal for calls that ask for the same, however their arguments are written."""
    try:
        arguments = json.dumps(json.loads(call.arguments or "{}"), sort_keys=True)
    except ValueError:
        arguments = call.arguments
    return f"{call.name} {arguments}"


def times_made(turns: Sequence[Turn], call: ToolCall) -> int:
    wanted = fingerprint(call)
    return sum(fingerprint(made) == wanted for turn in turns for made in turn.response.tool_calls)


IDLE_TURNS = 3
SAME_TURNS = 4
SAME_CALL = 6


def going_in_circles(turns: Sequence[Turn]) -> str:
    """Why it makes no sense to go on; empty: it does. Waiting for a person is not a turn, so it never counts."""
    if len(turns) >= IDLE_TURNS and not any(turn.response.tool_calls for turn in turns[-IDLE_TURNS:]):
        return f"the worker talked for {IDLE_TURNS} turns and called no tool"
    said = [sorted(map(fingerprint, turn.response.tool_calls)) for turn in turns if turn.response.tool_calls]
    if len(said) >= SAME_TURNS and all(calls == said[-1] for calls in said[-SAME_TURNS:]):
        return f"the worker went in circles: {SAME_TURNS} turns in a row with the same calls"
    for call in turns[-1].response.tool_calls if turns else ():
        if times_made(turns, call) >= SAME_CALL:
            return f"the worker went in circles: it called {call.name} {SAME_CALL} times with the same arguments"
    return ""
