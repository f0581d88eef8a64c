"""From a model's text to a typed value: strict first, then the usual damage undone. Pydantic always decides."""

import json
from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from activities.llm.sanitising import clean

T = TypeVar("T", bound=BaseModel)

_MOST_FAULTS = 8
# json-repair takes quadratic time for deep nesting and recurses for each level.
_LONGEST_REPAIR = 200_000
_DEEPEST_REPAIR = 60


class Malformed(Exception):
    """A text that is not what was asked for, with a sentence for each fault: "field.path: what"."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def parse_output(text: str, model: type[T]) -> T:
    """The value that the text means. Raises Malformed.

    Well-formed JSON of the wrong shape is never mended, only refused: json-repair guesses. Text that was cut
    for its length must not come here at all.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        if not _is_syntax_error(error):
            return _unwrapped(text, model, error)
    refused: ValidationError | None = None
    for value in _well_formed(_without_thinking(text)):
        try:
            return model.model_validate(value)
        except ValidationError as error:
            refused = refused or error
    if refused:
        raise Malformed(_faults(refused))
    return _mended(_without_thinking(text), model)


def parse_arguments(text: str, model: type[T]) -> T:
    """The same for the arguments of a tool call, where nothing at all means no arguments."""
    return parse_output(text.strip() or "{}", model)


def _unwrapped(text: str, model: type[T], error: ValidationError) -> T:
    """Some models write the JSON as text inside a JSON text."""
    inner: JsonValue = json.loads(text) if text.lstrip().startswith('"') else None
    if not isinstance(inner, str) or not inner.lstrip().startswith("{"):
        raise Malformed(_faults(error)) from None
    return parse_output(inner, model)


def _without_thinking(text: str) -> str:
    return text.rpartition("</think>")[2].strip()


def _well_formed(text: str) -> Iterator[JsonValue]:
    """The first JSON value in each place where models put one."""
    for candidate in (_fenced(text), text):
        start = _start(candidate)
        try:
            value: JsonValue = json.JSONDecoder().raw_decode(candidate, start)[0]
        except (ValueError, RecursionError):
            continue
        yield value


def _fenced(text: str) -> str:
    """What stands between the first two fences, or the whole text."""
    _, opening, rest = text.partition("```")
    if not opening:
        return text
    inside = rest.partition("```")[0]
    return inside.removeprefix("json").removeprefix("JSON")


def _start(text: str) -> int:
    return min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=0)


def _mended(text: str, model: type[T]) -> T:
    candidate = _fenced(text)
    candidate = candidate[_start(candidate) :]
    value = _repaired(candidate)
    if not value:
        raise Malformed(("$: not JSON",))
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Malformed(("$: not valid JSON", *_faults(error))) from None


def _repaired(text: str) -> JsonValue:
    """What json-repair makes of it if that is an object or a list: it makes texts of prose and never fails."""
    if len(text) > _LONGEST_REPAIR or _depth(text) > _DEEPEST_REPAIR:
        return None
    import json_repair

    try:
        value = json_repair.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) else None


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest


def _is_syntax_error(error: ValidationError) -> bool:
    return any(fault["type"] == "json_invalid" for fault in error.errors())


def _faults(error: ValidationError) -> tuple[str, ...]:
    return tuple(_sentence(fault) for fault in error.errors(include_url=False)[:_MOST_FAULTS])


def _sentence(fault: ErrorDetails) -> str:
    path = ".".join(str(part) for part in fault["loc"]) or "$"
    return clean(f"{path}: {fault['msg']}", 300)
