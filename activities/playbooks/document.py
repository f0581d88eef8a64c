"""Reads a playbook's YAML and remembers on which line everything stands."""

from collections.abc import Iterable

import yaml
from pydantic import ValidationError

from activities.playbooks.schema import Playbook

MAX_BYTES = 1_000_000
Path = tuple[str | int, ...]


class PlaybookError(Exception):
    """What is wrong with a playbook, one sentence per fault, each with file, line and field."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class Document:
    """A playbook with the place of each of its fields."""

    def __init__(self, source: str, playbook: Playbook, lines: dict[Path, int]) -> None:
        self.source = source
        self.playbook = playbook
        self._lines = lines

    def place(self, *path: str | int) -> str:
        """`file:line: field`, of the nearest field that stands in the file."""
        return _place(self.source, self._lines, path)


def parse(text: str, source: str) -> Document:
    """`source` is the name to use in messages. Raises PlaybookError."""
    if len(text) > MAX_BYTES:
        raise PlaybookError([f"{source}: a playbook may have at most {MAX_BYTES:,} characters"])
    lines: dict[Path, int] = {}
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise PlaybookError([f"{source}:{line}: anchors (&, *) are not supported"])
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(root, yaml.MappingNode):
            raise PlaybookError([f"{source}:1: a playbook is a mapping with name, version, description and tasks"])
        faults = list(_walk(root, (), lines, source))
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PlaybookError([f"{source}:{line}: not valid YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise PlaybookError([f"{source}: not valid YAML: {error}"]) from error
    if faults:
        raise PlaybookError(faults)
    try:
        playbook = Playbook.model_validate(content)
    except ValidationError as error:
        raise PlaybookError(_sentences(error, source, lines)) from error
    return Document(source, playbook, lines)


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], source: str) -> Iterable[str]:
    lines.setdefault(path, node.start_mark.line + 1)
    match node:
        case yaml.MappingNode():
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    yield f"{source}:{key.start_mark.line + 1}: {key.value!r} stands twice in one mapping"
                seen.add(key.value)
                lines[(*path, key.value)] = key.start_mark.line + 1
                yield from _walk(value, (*path, key.value), lines, source)
        case yaml.SequenceNode():
            for index, item in enumerate(node.value):
                yield from _walk(item, (*path, index), lines, source)


def _sentences(error: ValidationError, source: str, lines: dict[Path, int]) -> list[str]:
    found: dict[str, None] = {}
    for fault in error.errors():
        what = "no such field; is it a typing mistake?" if fault["type"] == "extra_forbidden" else fault["msg"]
        given = f" (it is {fault['input']!r})" if isinstance(fault["input"], str | int | float | bool) else ""
        found[f"{_place(source, lines, fault['loc'])}: {what}{given}"] = None
    return list(found)


def _place(source: str, lines: dict[Path, int], path: Path) -> str:
    known = path
    while known not in lines:
        known = known[:-1]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f"{source}:{lines[known]}: {field or 'playbook'}"
