"""Checks an objective before anything starts; whoever it comes from, the same is asked of it."""

import mimetypes
import re
import secrets
from collections.abc import Callable, Collection, Sequence
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from activities.playbooks.compiler import Catalogue, Given, compile_tasks
from activities.playbooks.document import Document, PlaybookError
from activities.playbooks.inputs import FaultyInputs, typed_inputs
from activities.store.artifacts import ArtifactStore
from activities.tools.data.delimited import BadTable
from activities.tools.data.intake import inspect_table
from api.services.faults import Fault, Faulty
from api.services.planning import Models, PlanBy, choose
from workflows.domain.artifact import ArtifactRef

MAX_TEXT = 4000
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Wanted(BaseModel):
    """What was asked for, with its files where they can be read."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    text: str
    files: tuple[tuple[str, Path], ...] = ()
    given: tuple[Document, str] | None = Field(None, description="a playbook or plan, with its YAML")
    given_as: str = Field("playbook", description="the field that it was given in")
    inputs: dict[str, JsonValue] = {}
    plan: PlanBy = PlanBy.AUTO


class Chosen(BaseModel):
    """The playbook that an objective goes by."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    document: Document
    text: str
    inputs: dict[str, JsonValue]

    def stored(self, artifacts: ArtifactStore) -> ArtifactRef:
        return artifacts.put(f"{self.document.playbook.name}.yaml", self.text.encode(), "application/yaml")


class Accepted(BaseModel):
    """What there is to do, once it is known to be good."""

    model_config = ConfigDict(frozen=True)

    chosen: Chosen | None = Field(description="none: a model plans")
    warnings: tuple[str, ...] = Field((), description="about the files")

    @property
    def needs_model(self) -> bool:
        return self.chosen is None or self.chosen.document.playbook.needs_model


def accept(wanted: Wanted, catalogue: Catalogue, models: Models, report: Callable[[str], None]) -> Accepted:
    """Raises Faulty with everything that is wrong."""
    require_text(wanted.text)
    names = [name for name, _ in wanted.files]
    found = choose(wanted.text, names, wanted.given, wanted.plan, models, report)
    if found is None:
        if wanted.inputs:
            text = "inputs are for a playbook, and a model plans this; name the playbook"
            line = "--input is for a playbook, and a model plans this; name the playbook with --playbook"
            raise Faulty(Fault(("inputs",), text, line))
        return Accepted(chosen=None)
    document, text = found
    try:
        inputs = typed_inputs(document, wanted.inputs)
    except FaultyInputs as error:
        raise Faulty(*_faults_in_inputs(error)) from error
    _require_count(document, len(names))
    warnings = _look_at_tables(document, wanted.files, inputs, report)
    _try_out(document, catalogue, wanted, inputs)
    return Accepted(chosen=Chosen(document=document, text=text, inputs=inputs), warnings=warnings)


def new_id(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", text.lower())[:4]
    stem = "-".join(words)[:40].strip("-") or "objective"
    return f"{stem}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"


def media_type(name: str) -> str:
    return mimetypes.guess_type(PurePosixPath(name).name)[0] or "application/octet-stream"


def require_text(text: str) -> None:
    if not text.strip():
        line = 'the objective is empty; say what you want, as in: botted run "What drives delays?" --file a.csv'
        raise Faulty(Fault(("text",), "the objective is empty; say what you want", line))
    if len(text) > MAX_TEXT:
        many = f"the objective has {len(text):,} characters, at most {MAX_TEXT:,}; put the rest into a file"
        raise Faulty(Fault(("text",), many, many.replace("a file", "a --file")))


def require_channels(asked: Sequence[str], known: Collection[str]) -> None:
    there_are = ", ".join(sorted(known)) or "none"
    faults = [
        Fault(("notify", n), f"there is no channel {name!r}; the settings have {there_are}")
        for n, name in enumerate(asked)
        if name not in known
    ]
    if faults:
        raise Faulty(*faults)


def _faults_in_inputs(error: FaultyInputs) -> list[Fault]:
    return [
        Fault(("inputs", fault.name), fault.text.lstrip(": "), f"--input {fault.option}{fault.text}")
        for fault in error.by_input
    ]


def _require_count(document: Document, count: int) -> None:
    spec = document.playbook.files
    if spec.min <= count <= spec.max:
        return
    wanted = f"at least {spec.min}" if count < spec.min else f"at most {spec.max}"
    kind = "tabular file" if spec.kind == "tables" else "file"
    text = f"the playbook {document.playbook.name!r} takes {wanted} {kind}(s), you gave {count}"
    raise Faulty(Fault(("files",), text, f"{text}: use --file PATH"))


def _look_at_tables(
    document: Document, files: Sequence[tuple[str, Path]], inputs: dict[str, JsonValue], report: Callable[[str], None]
) -> tuple[str, ...]:
    """What is to be said about them."""
    if document.playbook.files.kind != "tables":
        return ()
    faults: list[Fault] = []
    warnings: list[str] = []
    for n, (name, path) in enumerate(files):
        report(f"checking {name}")
        try:
            facts = inspect_table(path, name, single_column=bool(inputs.get("single_column")))
        except BadTable as error:
            faults.append(Fault(("files", n), str(error)))
        else:
            warnings += [f"{name}: {warning}" for warning in facts.warnings]
    if faults:
        raise Faulty(*faults)
    return tuple(warnings)


def _try_out(document: Document, catalogue: Catalogue, wanted: Wanted, inputs: dict[str, JsonValue]) -> None:
    """The plan is made once here only to find what is wrong with it before anything is stored."""
    refs = tuple(
        ArtifactRef(sha256="0" * 64, name=name, media_type=media_type(name), size=path.stat().st_size)
        for name, path in wanted.files
    )
    try:
        compile_tasks(document, catalogue, Given(objective_id="objective", text=wanted.text, files=refs, inputs=inputs))
    except PlaybookError as error:
        raise Faulty(*(Fault((wanted.given_as,), fault) for fault in error.faults)) from error
