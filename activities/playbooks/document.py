"""Reads a playbook's YAML and remembers on which line everything stands."""

import yaml

from activities.playbooks.places import LOADER, FaultyYaml, Places, read
from activities.playbooks.schema import Playbook
from activities.playbooks.writing import dump

BY_HAND = {"name": "by-hand", "version": "1.0.0"}


class PlaybookError(FaultyYaml):
    """What is wrong with a playbook, one sentence per fault, each with file, line and field."""


class Document:
    """A playbook with the place of each of its fields."""

    def __init__(self, playbook: Playbook, places: Places) -> None:
        self.source = places.source
        self.playbook = playbook
        self._places = places

    def place(self, *path: str | int) -> str:
        """`file:line: field`, of the nearest field that stands in the file."""
        return self._places.place(*path)


def parse(text: str, source: str) -> Document:
    """`source` is the name to use in messages. Raises PlaybookError."""
    try:
        playbook, places = read(text, source, Playbook, "playbook", "name, version, description and tasks")
    except FaultyYaml as error:
        raise PlaybookError(error.faults) from error
    return Document(playbook, places)


def parse_plan(text: str, source: str, description: str) -> tuple[Document, str]:
    """A plan that a person wrote: the YAML of a playbook in which name, version and description may be left out.

    Comes with the YAML as planners read it, in which they are filled in. Raises PlaybookError.
    """
    defaults = {**BY_HAND, "description": description}
    try:
        playbook, places = read(text, source, Playbook, "plan", "tasks", defaults)
    except FaultyYaml as error:
        raise PlaybookError(error.faults) from error
    content = yaml.load(text, Loader=LOADER)
    missing = {name: value for name, value in defaults.items() if name not in content}
    whole = dump({**missing, **content}) if missing else text
    return Document(playbook, places), whole
