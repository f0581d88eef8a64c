"""Artifacts as text and as JSON; whatever is wrong with one is a fault and never a crash."""

import json

from pydantic import JsonValue

from activities.tools.tool import ToolError, Workspace

_MOST_BYTES = 20_000_000
_MOST_JSON_BYTES = 50_000_000


class Unfit(Exception):
    """An artifact is not what a check needs; the message is the fault."""


def text_of(name: str, workspace: Workspace, most: int = _MOST_BYTES) -> str:
    """UTF-8 text without NUL. Raises Unfit."""
    content = _content(name, workspace, most)
    if b"\0" in content:
        raise Unfit(f"{name} is a binary file, text was expected")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unfit(f"{name} is not UTF-8 text: byte {error.start} does not fit") from error


def json_of(name: str, workspace: Workspace) -> JsonValue:
    """Raises Unfit for what is no JSON, by the letter: NaN and Infinity are none."""
    text = text_of(name, workspace, _MOST_JSON_BYTES)
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise Unfit(f"{name} is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise Unfit(f"{name} is not valid JSON: {error}") from error
    except RecursionError as error:
        raise Unfit(f"{name} is nested too deeply to be read") from error
    return value


def _content(name: str, workspace: Workspace, most: int) -> bytes:
    try:
        size = workspace.path(name).stat().st_size
        if size > most:
            raise Unfit(f"{name} has {size:,} bytes, too many for this check (at most {most:,})")
        return workspace.read(name)
    except ToolError as error:
        raise Unfit(str(error)) from error


def _refuse(constant: str) -> JsonValue:
    raise ValueError(f"it contains {constant}")
