"""Turns what a person gave for a playbook's inputs into typed values."""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import AllowInfNan, JsonValue, TypeAdapter, ValidationError

from activities.playbooks.document import Document, PlaybookError
from activities.playbooks.schema import InputSpec, InputType

_TYPES: dict[InputType, TypeAdapter[JsonValue]] = {
    InputType.STRING: TypeAdapter(str),
    InputType.INTEGER: TypeAdapter(int),
    InputType.NUMBER: TypeAdapter(Annotated[float, AllowInfNan(False)]),
    InputType.BOOLEAN: TypeAdapter(bool),
    InputType.LIST: TypeAdapter(list[JsonValue]),
}


class InputFault(NamedTuple):
    """What is wrong with one input; `option` is how a command line would have it."""

    name: str
    option: str
    text: str


class FaultyInputs(PlaybookError):
    def __init__(self, by_input: Sequence[InputFault]) -> None:
        super().__init__(f"--input {fault.option}{fault.text}" for fault in by_input)
        self.by_input = tuple(by_input)


def typed_inputs(document: Document, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Every declared input with its value. Raises FaultyInputs for unknown, missing or ill-typed ones."""
    declared = document.playbook.inputs
    there_are = ", ".join(sorted(declared)) or "none"
    unknown = f": the playbook {document.playbook.name!r} has no such input; it has {there_are}"
    faults = [InputFault(name, name, unknown) for name in given if name not in declared]
    values: dict[str, JsonValue] = {}
    for name, spec in declared.items():
        if name not in given:
            if spec.required:
                faults.append(InputFault(name, f"{name}=…", f" is needed: {spec.description or spec.type}"))
            values[name] = spec.default
            continue
        try:
            values[name] = _typed(spec, given[name])
        except ValueError as error:
            faults.append(InputFault(name, f"{name}={str(given[name])[:200]}", f": {error}"))
    if faults:
        raise FaultyInputs(faults)
    return values


def faults_in_defaults(document: Document) -> list[str]:
    faults: list[str] = []
    for name, spec in document.playbook.inputs.items():
        if spec.default is None:
            continue
        try:
            _typed(spec, spec.default)
        except ValueError as error:
            faults.append(f"{document.place('inputs', name, 'default')}: {error}")
    return faults


def _typed(spec: InputSpec, value: JsonValue) -> JsonValue:
    if spec.type is InputType.LIST and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        typed = _TYPES[spec.type].validate_python(value)
    except ValidationError as error:
        raise ValueError(f"this is not of type {spec.type}") from error
    if spec.choices and typed not in spec.choices:
        raise ValueError(f"this is not one of {', '.join(map(str, spec.choices))}")
    return typed
