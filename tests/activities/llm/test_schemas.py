"""Schemas that every provider takes, and the refusal of those that none can enforce."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, JsonValue, RootModel

from activities.llm.schemas import portable_schema, tool_spec, wire_name


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(9, ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str | None = None


class Home(BaseModel):
    """Where they live."""

    title: str = Field(description="what it is called")
    default: list[str] = Field([], max_length=3)
    pet: Annotated[Cat | Dog, Field(discriminator="kind", description="who lives there")]
    other: Cat | None = Field(None, description="a second one")
    since: date
    place: Path
    price: Decimal


class Nested(BaseModel):
    parts: list["Nested"] = []
    main: Cat = Field(description="a reference with words of its own")


class Loose(BaseModel):
    query: str
    options: dict[str, int] = {}


def _keywords(schema: JsonValue) -> set[str]:
    if isinstance(schema, list):
        return {word for part in schema for word in _keywords(part)}
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for key, part in schema.items():
        named = list(part.values()) if key in ("properties", "$defs") and isinstance(part, dict) else part
        found |= _keywords(named)
    return found


def test_portable_schemas_are_closed_complete_and_plain() -> None:
    schema = portable_schema(Home)
    assert schema["required"] == ["title", "default", "pet", "other", "since", "place", "price"]
    assert schema["additionalProperties"] is False
    assert not _keywords(schema) & {"title", "default", "discriminator", "examples", "oneOf", "allOf"}
    assert json.loads(json.dumps(schema))["properties"]["default"]["maxItems"] == 3
    assert '"description": "who lives there"' in json.dumps(schema)


def test_formats_and_patterns_that_are_not_understood_are_left_out() -> None:
    properties = json.loads(json.dumps(portable_schema(Home)))["properties"]
    assert properties["since"] == {"type": "string", "format": "date"}
    assert properties["place"] == {"type": "string"}
    assert "(?" not in json.dumps(properties["price"])


def test_references_stand_alone_and_may_be_recursive() -> None:
    schema = json.loads(json.dumps(portable_schema(Nested)))
    assert schema["properties"]["parts"] == {"type": "array", "items": {"$ref": "#/$defs/Nested"}}
    assert schema["$defs"]["Nested"]["properties"]["main"] == {
        "anyOf": [{"$ref": "#/$defs/Cat"}],
        "description": "a reference with words of its own",
    }


class AnyValue(BaseModel):
    value: JsonValue


class AnyList(BaseModel):
    values: list[JsonValue]


class OpenTuple(BaseModel):
    pair: tuple[int, str]


class Inside(BaseModel):
    loose: list[Loose]


class Several(RootModel[list[int]]):
    pass


@pytest.mark.parametrize("model", [Loose, AnyValue, AnyList, OpenTuple, Inside, Several])
def test_open_schemas_are_refused(model: type[BaseModel]) -> None:
    with pytest.raises(TypeError):
        portable_schema(model)


def test_tools_are_strict_where_they_can_be() -> None:
    strict = tool_spec("data.query", "Asks the data.", Cat)
    assert (strict.name, strict.strict) == ("data_query", True)
    assert strict.parameters["required"] == ["kind", "lives"]
    loose = tool_spec("data.options", "Asks loosely.", Loose)
    assert (loose.name, loose.strict) == ("data_options", False)
    assert loose.parameters["required"] == ["query"]


def test_names_fit_every_wire() -> None:
    assert wire_name("data.query") == "data_query"
    assert wire_name("größe/x y") == "gr__e_x_y"
    assert len(wire_name("x" * 100)) == 64
