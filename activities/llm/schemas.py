"""JSON Schemas that every provider accepts, made from Pydantic models."""

import re

from pydantic import BaseModel, JsonValue, TypeAdapter

from activities.llm.messages import ToolSpec

_Schema = dict[str, JsonValue]
_OBJECT = TypeAdapter(_Schema)

# The subset that OpenAI strict, Gemini, Claude and llama.cpp understand. Everything else is decoration for us.
_KEPT = {
    "$defs", "$ref", "additionalProperties", "anyOf", "const", "description", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "format", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum",
    "multipleOf", "pattern", "properties", "required", "type",
}  # fmt: skip
_FORMATS = {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"}
_SAYS_WHAT = {"type", "anyOf", "$ref", "enum", "const"}
_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")


def portable_schema(model: type[BaseModel]) -> dict[str, JsonValue]:
    """The model's schema with every property required, closed objects and `anyOf` as the only choice.

    Raises TypeError where it is open: a dict, an arbitrary JSON value, a tuple of mixed kinds.
    """
    schema = _portable(_rooted(plain_schema(model)), "$")
    if schema.get("type") != "object":
        raise TypeError(f"{model.__name__} is not an object: providers want one at the root")
    return schema


def plain_schema(model: type[BaseModel]) -> dict[str, JsonValue]:
    """As Pydantic makes it: fields with defaults are optional, objects may be open."""
    return _OBJECT.validate_python(model.model_json_schema())


def tool_spec(name: str, description: str, model: type[BaseModel]) -> ToolSpec:
    """The tool as a model sees it; strict where its arguments have a portable schema."""
    try:
        parameters, strict = portable_schema(model), True
    except TypeError:
        parameters, strict = plain_schema(model), False
    return ToolSpec(name=wire_name(name), description=description, parameters=parameters, strict=strict)


def wire_name(name: str) -> str:
    """A name that every provider accepts: `data.query` becomes `data_query`."""
    return _UNSAFE.sub("_", name)[:64]


def _rooted(schema: _Schema) -> _Schema:
    """The object itself where Pydantic refers to it, as it does when a model contains itself."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    definitions = _object(schema["$defs"])
    return {**_object(definitions[reference.rpartition("/")[2]]), "$defs": definitions}


def _portable(schema: _Schema, path: str) -> _Schema:
    kept = {_renamed(key): value for key, value in schema.items() if _renamed(key) in _KEPT}
    if "$ref" in kept and len(kept) > 1:
        # OpenAI refuses keywords next to a reference.
        kept = {"anyOf": [{"$ref": kept.pop("$ref")}], **kept}
    _drop_unsupported(kept)
    _refuse_open(schema, kept, path)
    for key in ("properties", "$defs"):
        if key in kept:
            kept[key] = {name: _portable(_object(part), f"{path}.{name}") for name, part in _object(kept[key]).items()}
    if "items" in kept:
        kept["items"] = _portable(_object(kept["items"]), f"{path}[]")
    branches = kept.get("anyOf")
    if isinstance(branches, list):
        kept["anyOf"] = [_portable(_object(branch), path) for branch in branches]
    if kept.get("type") == "object":
        kept["additionalProperties"] = False
        kept["required"] = list(_object(kept["properties"]))
    return kept


def _renamed(keyword: str) -> str:
    return "anyOf" if keyword == "oneOf" else keyword


def _drop_unsupported(schema: _Schema) -> None:
    if "format" in schema and schema["format"] not in _FORMATS:
        del schema["format"]
    if "(?" in str(schema.get("pattern", "")):
        del schema["pattern"]  # look-around: refused by some, silently ignored by others


def _refuse_open(schema: _Schema, kept: _Schema, path: str) -> None:
    if not _SAYS_WHAT & kept.keys():
        raise TypeError(f"anything goes at {path}: name the kind of value")
    if "allOf" in schema or "prefixItems" in schema:
        raise TypeError(f"no portable schema for the combination at {path}")
    if kept.get("type") == "array" and "items" not in kept:
        raise TypeError(f"open list at {path}: name the kind of its items")
    if kept.get("type") != "object":
        return
    if kept.get("additionalProperties", False) is not False or "properties" not in kept:
        raise TypeError(f"open object at {path}: use a list of key and value models instead of a dict")


def _object(value: JsonValue) -> _Schema:
    return _OBJECT.validate_python(value)
