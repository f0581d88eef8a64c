"""From what a person typed to an objective that can be done: everything is checked before anything starts."""

import mimetypes
import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from activities.catalogue import catalogue
from activities.playbooks.compiler import Given, compile_tasks
from activities.playbooks.document import Document, PlaybookError
from activities.playbooks.inputs import typed_inputs
from activities.store.artifacts import ArtifactStore
from activities.tools.data.delimited import BadTable
from activities.tools.data.intake import inspect_table
from api.cli.errors import BadInput
from api.cli.limits import Limits, of_worker
from api.cli.person import person
from api.cli.planning import Models, PlanBy, choose
from config.settings import BudgetSettings
from workflows.domain.artifact import ArtifactRef
from workflows.domain.objective import Mode, Objective

MAX_TEXT = 4000
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Asked(BaseModel):
    """What a person typed."""

    model_config = ConfigDict(frozen=True)

    text: str
    files: tuple[Path, ...] = ()
    playbook: str | None = None
    inputs: tuple[str, ...] = ()
    out: Path | None = None
    mode: Mode = Mode.AUTO
    plan: PlanBy = PlanBy.AUTO
    limits: Limits = Limits()


class Chosen(BaseModel):
    """The playbook that an objective goes by."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    document: Document
    text: str
    inputs: dict[str, JsonValue]


class Request(BaseModel):
    """What was asked for, once it is known to be good."""

    model_config = ConfigDict(frozen=True)

    objective_id: str
    text: str
    files: tuple[tuple[str, Path], ...]
    chosen: Chosen | None = Field(description="none: a model plans")
    mode: Mode
    out: Path
    limits: Limits
    warnings: tuple[str, ...]

    @property
    def needs_model(self) -> bool:
        return self.chosen is None or self.chosen.document.playbook.needs_model


def take_in(asked: Asked, models: Models, report: Callable[[str], None]) -> Request:
    """Raises BadInput with everything that is wrong."""
    objective_id = _new_id(asked.text)
    out = Path(os.path.abspath(asked.out or Path("deliverables") / objective_id))
    _check_text(asked.text)
    _check_out(out)
    named = _named(asked.files)
    try:
        found = choose(asked.text, named, asked.playbook, asked.plan, models, report)
        chosen, warnings = _chosen(found, asked, objective_id, named, report)
    except PlaybookError as error:
        raise BadInput(*error.faults) from error
    return Request(
        objective_id=objective_id,
        text=asked.text,
        files=named,
        chosen=chosen,
        mode=asked.mode,
        out=out,
        limits=asked.limits,
        warnings=warnings,
    )


def store(request: Request, artifacts: ArtifactStore, budget: BudgetSettings) -> Objective:
    """Copies the files and the playbook into the store; from here on the originals are no longer needed."""
    files = tuple(artifacts.put_file(name, path, _media_type(name)) for name, path in request.files)
    chosen = request.chosen
    return Objective(
        id=request.objective_id,
        text=request.text,
        files=files,
        playbook=_stored(chosen, artifacts) if chosen else None,
        inputs=chosen.inputs if chosen else {},
        mode=request.mode,
        asked_by=person(),
        budget=request.limits.of_objective(budget),
        worker_budget=of_worker(budget),
        on_limit=request.limits.on_limit,
    )


def _stored(chosen: Chosen, artifacts: ArtifactStore) -> ArtifactRef:
    return artifacts.put(f"{chosen.document.playbook.name}.yaml", chosen.text.encode(), "application/yaml")


def _chosen(
    found: tuple[Document, str] | None,
    asked: Asked,
    objective_id: str,
    named: Sequence[tuple[str, Path]],
    report: Callable[[str], None],
) -> tuple[Chosen | None, tuple[str, ...]]:
    """The playbook with its inputs, and what is to be said about the files. What a model plans takes any files."""
    pairs = _pairs(asked.inputs)
    if found is None:
        if pairs:
            raise BadInput("--input is for a playbook, and a model plans this; name the playbook with --playbook")
        return None, ()
    document, text = found
    inputs = typed_inputs(document, pairs)
    _check_count(document, len(named))
    warnings = _check_files(document, named, inputs, report)
    compile_tasks(document, catalogue(), _trial(objective_id, asked.text, named, inputs))
    return Chosen(document=document, text=text, inputs=inputs), warnings


def _new_id(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", text.lower())[:4]
    stem = "-".join(words)[:40].strip("-") or "objective"
    return f"{stem}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"


def _check_text(text: str) -> None:
    if not text.strip():
        raise BadInput(
            'the objective is empty; say what you want, as in: botted run "What drives delays?" --file a.csv'
        )
    if len(text) > MAX_TEXT:
        raise BadInput(f"the objective has {len(text):,} characters, at most {MAX_TEXT:,}; put the rest into a --file")


def _check_out(out: Path) -> None:
    """Whether the deliverables could be put there, found out before the work rather than after it."""
    # os.path, because Path.exists raises for what lies in a folder that may not be entered.
    there = next(parent for parent in (out, *out.parents) if os.path.exists(parent))
    if not there.is_dir():
        raise BadInput(f"--out {out}: {there} is a file, not a folder; name another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise BadInput(f"--out {out}: no permission to write in {there}; name another folder")


def _named(files: Sequence[Path]) -> tuple[tuple[str, Path], ...]:
    taken: dict[str, Path] = {}
    for path in files:
        _check_reachable(path)
        if path.is_dir():
            raise BadInput(f"--file {path}: this is a folder; name the files in it, each with its own --file")
        if not os.access(path, os.R_OK):
            raise BadInput(f"--file {path}: no permission to read it")
        name, n = path.name, 2
        while name in taken:
            name, n = f"{path.stem}-{n}{path.suffix}", n + 1
        taken[name] = path
    return tuple(taken.items())


def _check_reachable(path: Path) -> None:
    try:
        path.stat()
    except PermissionError:
        raise BadInput(f"--file {path}: no permission to enter its folder") from None
    except (OSError, ValueError):
        raise BadInput(f"--file {path}: there is no such file") from None


def _pairs(inputs: Sequence[str]) -> dict[str, JsonValue]:
    pairs: dict[str, JsonValue] = {}
    for text in inputs:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise BadInput(f"--input {text}: write it as name=value")
        pairs[name.strip()] = value
    return pairs


def _check_count(document: Document, count: int) -> None:
    spec = document.playbook.files
    if spec.min <= count <= spec.max:
        return
    wanted = f"at least {spec.min}" if count < spec.min else f"at most {spec.max}"
    kind = "tabular file" if spec.kind == "tables" else "file"
    raise BadInput(
        f"the playbook {document.playbook.name!r} takes {wanted} {kind}(s), you gave {count}: use --file PATH"
    )


def _check_files(
    document: Document, files: Sequence[tuple[str, Path]], inputs: dict[str, JsonValue], report: Callable[[str], None]
) -> tuple[str, ...]:
    if document.playbook.files.kind != "tables":
        return ()
    faults: list[str] = []
    warnings: list[str] = []
    for name, path in files:
        report(f"checking {name}")
        try:
            facts = inspect_table(path, name, single_column=bool(inputs.get("single_column")))
        except BadTable as error:
            faults.append(f"--file {path}: {error}")
        else:
            warnings += [f"{name}: {warning}" for warning in facts.warnings]
    if faults:
        raise BadInput(*faults)
    return tuple(warnings)


def _trial(objective_id: str, text: str, files: Sequence[tuple[str, Path]], inputs: dict[str, JsonValue]) -> Given:
    """The plan is made once here only to find what is wrong with it before anything is stored."""
    refs = tuple(
        ArtifactRef(sha256="0" * 64, name=name, media_type=_media_type(name), size=path.stat().st_size)
        for name, path in files
    )
    return Given(objective_id=objective_id, text=text, files=refs, inputs=inputs)


def _media_type(name: str) -> str:
    return mimetypes.guess_type(PurePosixPath(name).name)[0] or "application/octet-stream"
