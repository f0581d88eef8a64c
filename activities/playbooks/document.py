"""Reads a playbook's YAML and remembers on which line everything stands."""

from activities.playbooks.places import FaultyYaml, Places, read
from activities.playbooks.schema import Playbook


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
