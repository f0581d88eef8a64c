"""The smallest thing that fits a schema of the OpenAPI document: what it names as an example, or what it requires."""

from typing import Any

SHA256 = "^[0-9a-f]{64}$"


def sample(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    if reference := schema.get("$ref"):
        return sample(document["components"]["schemas"][reference.rpartition("/")[2]], document)
    for name in ("const", "default", "example"):
        if name in schema:
            return schema[name]
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if name in schema:
            return sample(schema[name][0], document)
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: sample(properties[name], document) for name in schema.get("required", ())}
        case "array":
            return [sample(schema["items"], document)] * schema.get("minItems", 0)
        case "integer" | "number":
            return max(1, schema.get("minimum", 0))
        case "boolean":
            return True
        case "string" if schema.get("pattern") == SHA256:
            return "0" * 64
        case _:
            return "x" * schema.get("minLength", 1)


def body_of(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """Keyword arguments for a client's request."""
    operation = document["paths"][path.replace(":path", "")][method.lower()]
    content = operation.get("requestBody", {}).get("content", {})
    query = {
        each["name"]: sample(each["schema"], document) if "example" not in each else each["example"]
        for each in operation.get("parameters", ())
        if each["in"] == "query" and each.get("required")
    }
    if "application/json" in content:
        return {"params": query, "json": sample(content["application/json"]["schema"], document)}
    return {"params": query, "content": b"content"} if content else {"params": query}
