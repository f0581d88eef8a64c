"""YAML files that people write: read into a model, with the line of every field remembered for what is wrong."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Written in C where PyYAML has it: twenty times as fast."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
Path = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


class FaultyYaml(Exception):
    """What is wrong with a file, one sentence per fault, each with file, line and field."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True)
class Places:
    """On which line each field of a file stands. `what` the file is, such as a playbook."""

    source: str
    what: str
    lines: Mapping[Path, int]
    root: Path = ()

    def place(self, *path: str | int) -> str:
        """`file:line: field`, of the nearest field that stands in the file."""
        whole = (*self.root, *path)
        known = whole
        while known not in self.lines:
            known = known[:-1]
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in whole).lstrip(".")
        return f"{self.source}:{self.lines[known]}: {field or self.what}"

    def below(self, *path: str | int) -> "Places":
        """The same file, with paths counted from a field of it."""
        return replace(self, root=(*self.root, *path))

    def sentences(self, error: ValidationError) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for fault in error.errors():
            what = "no such field; is it a typing mistake?" if fault["type"] == "extra_forbidden" else fault["msg"]
            given = f" (it is {fault['input']!r})" if isinstance(fault["input"], str | int | float | bool) else ""
            found[f"{self.place(*fault['loc'])}: {what}{given}"] = None
        return tuple(found)


def read(
    text: str, source: str, model: type[M], what: str, has: str, defaults: Mapping[str, Any] | None = None
) -> tuple[M, Places]:
    """`source` is the name to use in messages; `has` says what stands at the top of such a file.

    `defaults` are fields at the top that may be left out. Raises FaultyYaml.
    """
    if len(text) > MAX_BYTES:
        raise FaultyYaml([f"{source}: a {what} may have at most {MAX_BYTES:,} characters"])
    lines: dict[Path, int] = {}
    try:
        content, faults = _content(text, source, what, has, lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FaultyYaml([f"{source}:{line}: not valid YAML: {error.problem}"]) from error
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:  # PyYAML's own on odd tags and dates
        raise FaultyYaml([f"{source}: not valid YAML: {error}"]) from error
    if faults:
        raise FaultyYaml(faults)
    places = Places(source, what, lines)
    try:
        return model.model_validate({**(defaults or {}), **content}), places
    except ValidationError as error:
        raise FaultyYaml(places.sentences(error)) from error


def _content(text: str, source: str, what: str, has: str, lines: dict[Path, int]) -> tuple[Any, list[str]]:
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise FaultyYaml([f"{source}:{line}: anchors (&, *) are not supported"])
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise FaultyYaml([f"{source}:{line}: this is nested too deeply"])
    root = yaml.compose(text, Loader=LOADER)
    if not isinstance(root, yaml.MappingNode):
        raise FaultyYaml([f"{source}:1: a {what} is a mapping with {has}"])
    faults = list(_walk(root, (), lines, source))
    return None if faults else yaml.load(text, Loader=LOADER), faults


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], source: str) -> Iterable[str]:
    lines.setdefault(path, node.start_mark.line + 1)
    match node:
        case yaml.MappingNode():
            seen: set[str] = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    yield f"{source}:{key.start_mark.line + 1}: a field's name must be plain text"
                    continue
                if key.value in seen:
                    yield f"{source}:{key.start_mark.line + 1}: {key.value!r} stands twice in one mapping"
                seen.add(key.value)
                lines[(*path, key.value)] = key.start_mark.line + 1
                yield from _walk(value, (*path, key.value), lines, source)
        case yaml.SequenceNode():
            for index, item in enumerate(node.value):
                yield from _walk(item, (*path, index), lines, source)
        case yaml.ScalarNode():
            fault = _fault_in(node)
            if fault:
                yield f"{source}:{node.start_mark.line + 1}: {fault}"


def _fault_in(node: yaml.ScalarNode) -> str:
    """What neither JSON nor the database can hold."""
    if _UNSTORABLE.search(node.value):
        return "a text may hold neither NUL characters nor halves of surrogate pairs"
    if node.tag == "tag:yaml.org,2002:float" and not math.isfinite(yaml.SafeLoader("").construct_yaml_float(node)):
        return f"{node.value[:40]} is no number to calculate with"
    return ""
