"""From what a person typed to an objective that can be done: everything is checked before anything starts."""

import getpass
import mimetypes
import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, JsonValue

from activities.catalogue import catalogue
from activities.playbooks import library
from activities.playbooks.compiler import Given, compile_tasks
from activities.playbooks.document import Document, PlaybookError
from activities.playbooks.inputs import typed_inputs
from activities.store.artifacts import ArtifactStore
from activities.tools.data.delimited import BadTable
from activities.tools.data.intake import inspect_table
from api.cli.errors import BadInput
from workflows.domain.artifact import ArtifactRef
from workflows.domain.objective import Mode, Objective

MAX_TEXT = 4000
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Request(BaseModel):
    """What was asked for, once it is known to be good."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    objective_id: str
    text: str
    files: tuple[tuple[str, Path], ...]
    playbook_text: str
    playbook: Document
    inputs: dict[str, JsonValue]
    mode: Mode
    out: Path
    warnings: tuple[str, ...]


def take_in(
    text: str,
    *,
    files: Sequence[Path],
    playbook: str | None,
    inputs: Sequence[str],
    out: Path | None,
    mode: Mode,
    report: Callable[[str], None],
) -> Request:
    """Raises BadInput with everything that is wrong."""
    objective_id = _new_id(text)
    out = Path(os.path.abspath(out or Path("deliverables") / objective_id))
    _check_text(text)
    _check_out(out)
    named = _named(files)
    try:
        document, playbook_text = library.find(playbook) if playbook else _fitting(named, report)
        given = typed_inputs(document, _pairs(inputs))
        _check_count(document, len(named))
        warnings = _check_files(document, named, given, report)
        compile_tasks(document, catalogue(), _trial(objective_id, text, named, given))
    except PlaybookError as error:
        raise BadInput(*error.faults) from error
    return Request(
        objective_id=objective_id,
        text=text,
        files=named,
        playbook_text=playbook_text,
        playbook=document,
        inputs=given,
        mode=mode,
        out=out,
        warnings=warnings,
    )


def store(request: Request, artifacts: ArtifactStore) -> Objective:
    """Copies the files and the playbook into the store; from here on the originals are no longer needed."""
    files = tuple(artifacts.put_file(name, path, _media_type(name)) for name, path in request.files)
    name = f"{request.playbook.playbook.name}.yaml"
    return Objective(
        id=request.objective_id,
        text=request.text,
        files=files,
        playbook=artifacts.put(name, request.playbook_text.encode(), "application/yaml"),
        inputs=request.inputs,
        mode=request.mode,
        asked_by=_person(),
    )


def _new_id(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", text.lower())[:4]
    stem = "-".join(words)[:40].strip("-") or "objective"
    return f"{stem}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


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


def _fitting(files: Sequence[tuple[str, Path]], report: Callable[[str], None]) -> tuple[Document, str]:
    """The one built-in playbook that is made for files like these; no guess when it is not clear."""
    fitting = [document for document in library.built_in() if _fits(document, files)]
    if len(fitting) != 1:
        raise BadInput(
            "no playbook was named, and none clearly fits"
            + (" an objective without files" if not files else f" {', '.join(name for name, _ in files[:5])}"),
            "`botted playbooks` lists what there is; name one with --playbook NAME, or your own with --playbook FILE",
        )
    name = fitting[0].playbook.name
    report(f"playbook: {name} (it fits these files; --playbook names another)")
    return library.find(name)


def _fits(document: Document, files: Sequence[tuple[str, Path]]) -> bool:
    spec = document.playbook.files
    return spec.kind == "tables" and bool(files) and spec.min <= len(files) <= spec.max


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
