"""What an objective delivered, held against what its case expects."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import JsonValue

from activities.catalogue import CHECKS
from activities.playbooks.schema import CheckSpec
from activities.review.agreement import QueryAgrees, QueryAgreesInput
from activities.review.artifacts import Unfit, json_of
from activities.store.artifacts import ArtifactStore
from activities.tools.tool import Workspace
from activities.workspace import StoreWorkspace
from api.evaluation.suite import Expectation, KnownAnswer
from workflows.domain.artifact import ArtifactRef

_CHECKS = {check.name: check for check in CHECKS}
_ABSOLUTE = 1e-9


def faults_of(
    expect: Expectation, files: Sequence[ArtifactRef], delivered: Iterable[ArtifactRef], store: ArtifactStore, at: Path
) -> tuple[str, ...]:
    """One sentence per fault. Checks see the objective's files and what was delivered; `at` is for scratch files."""
    visible = {ref.name: ref for ref in (*files, *delivered)}
    with StoreWorkspace(store, tuple(visible.values()), at) as workspace:
        answered = tuple(_faults_of_answer(expect.answer, files, workspace)) if expect.answer else ()
        checked = [fault for spec in expect.checks for fault in _faults_of_check(spec, workspace)]
    return (*answered, *checked)


def _faults_of_answer(known: KnownAnswer, files: Sequence[ArtifactRef], workspace: Workspace) -> Iterator[str]:
    if not known.artifact.endswith(".json"):
        tables = tuple(f"{Path(ref.name).stem}={ref.name}" for ref in files)
        asked = QueryAgreesInput(artifact=known.artifact, tables=tables, sql=known.sql)
        yield from QueryAgrees().run(asked, workspace)
        return
    try:
        told = json_of(known.artifact, workspace)
    except Unfit as error:
        yield str(error)
        return
    if not isinstance(told, dict):
        yield f"{known.artifact} is not an object with the fields {', '.join(known.values)}"
        return
    for name, value in known.values.items():
        if name not in told:
            yield f"{known.artifact} has no field {name!r}"
        elif not _same(told[name], value, known.tolerance):
            yield f"{known.artifact}: {name} is {_shown(told[name])}, it should be {_shown(value)}"


def _faults_of_check(spec: CheckSpec, workspace: Workspace) -> tuple[str, ...]:
    check = _CHECKS[spec.check]()
    try:
        return check.run(check.input_model.model_validate(spec.with_), workspace)
    except Exception as error:  # as in a review: a check that cannot run does not approve
        return (f"{spec.check} could not run: {error}",)


def _same(told: JsonValue, known: JsonValue, tolerance: float) -> bool:
    """Texts without regard to case and outer space; true is not 1."""
    match told, known:
        case bool(), _:
            return told is known
        case ((int() | float()), (int() | float())) if not isinstance(known, bool):
            return abs(told - known) <= tolerance + _ABSOLUTE
        case str(), str():
            return told.strip().casefold() == known.strip().casefold()
        case list(), list():
            return len(told) == len(known) and all(map(lambda a, b: _same(a, b, tolerance), told, known))
        case _:
            return told == known


def _shown(value: JsonValue) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}…"
