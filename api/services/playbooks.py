"""The playbooks that come with botted."""

from pydantic import Field, JsonValue

from activities.playbooks import library
from activities.playbooks.document import Document
from activities.playbooks.schema import FilesSpec, InputType
from api.errors import NotFound
from workflows.domain.model import Model


class PlaybookShown(Model):
    name: str = Field(examples=["data-report"])
    version: str
    description: str
    files: FilesSpec
    needs_model: bool


class PlaybookList(Model):
    items: tuple[PlaybookShown, ...]


class InputShown(Model):
    name: str
    type: InputType
    description: str
    default: JsonValue
    required: bool
    choices: tuple[JsonValue, ...]


class PlaybookInDetail(PlaybookShown):
    inputs: tuple[InputShown, ...]
    yaml: str = Field(description="all of it; a changed copy can be sent as `playbook_text`")


def listed() -> PlaybookList:
    return PlaybookList(items=tuple(PlaybookShown.model_validate(_fields(one)) for one in library.built_in()))


def get(name: str) -> PlaybookInDetail:
    """Raises NotFound."""
    found = library.named(name)
    if found is None:
        raise NotFound(f"there is no playbook {name[:80]!r}")
    document, text = found
    inputs = tuple(InputShown(name=name, **spec.model_dump()) for name, spec in document.playbook.inputs.items())
    return PlaybookInDetail.model_validate({**_fields(document), "inputs": inputs, "yaml": text})


def _fields(document: Document) -> dict[str, object]:
    playbook = document.playbook
    return {
        "name": playbook.name,
        "version": playbook.version,
        "description": playbook.description.strip(),
        "files": playbook.files,
        "needs_model": playbook.needs_model,
    }
