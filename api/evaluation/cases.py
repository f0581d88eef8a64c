"""From a suite's file to cases that can be run: everything is checked before anything starts."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum, auto
from pathlib import Path

import yaml
from pydantic import JsonValue, ValidationError

from activities.catalogue import CHECKS, catalogue
from activities.playbooks import library
from activities.playbooks.compiler import Given, compile_tasks
from activities.playbooks.document import Document, PlaybookError
from activities.playbooks.inputs import typed_inputs
from activities.playbooks.places import FaultyYaml, Places, read
from activities.playbooks.schema import CheckSpec, Playbook
from api.evaluation.sources import NoSource, name_of, source_of
from api.evaluation.suite import (
    MOST_ARTIFACT,
    ArtifactSpec,
    Expectation,
    ObjectiveCase,
    Suite,
    Truth,
    VerdictCase,
)
from workflows.domain.artifact import ArtifactRef
from workflows.domain.budget import Budget
from workflows.domain.model import Model

BUILT_IN = Path(__file__).parent / "suites"
JUDGED = "submit-for-judgement"
"""The playbook of verdict cases."""
_CHECKS = {check.name: check.input_model for check in CHECKS}


class SuiteError(FaultyYaml):
    """What is wrong with a suite, one sentence per fault, each with file, line and field."""


class Kind(StrEnum):
    OBJECTIVE = auto()
    VERDICT = auto()


class Chosen(Model):
    """A playbook with its inputs."""

    name: str
    text: str
    inputs: dict[str, JsonValue]
    needs_model: bool


class Case(Model):
    """One objective to run, and what is known of its outcome: an expectation, or the truth about the work."""

    id: str
    kind: Kind
    text: str
    files: tuple[Path, ...] = ()
    chosen: Chosen | None = None
    budget: Budget
    minutes: float
    expect: Expectation = Expectation()
    truth: Truth | None = None
    planted: str = ""

    @property
    def needs_model(self) -> bool:
        return self.chosen is None or self.chosen.needs_model


class LoadedSuite(Model):
    name: str
    version: str
    description: str
    source: str
    cases: tuple[Case, ...]


def built_in() -> tuple[LoadedSuite, ...]:
    return tuple(load(path, path.name) for path in sorted(BUILT_IN.glob("*.yaml")))


def find(name_or_path: str) -> LoadedSuite:
    """By the name of a built-in suite or by path. Raises SuiteError."""
    path = BUILT_IN / f"{name_or_path}.yaml"
    if "/" in name_or_path or not path.is_file():
        return load(Path(name_or_path).expanduser(), name_or_path)
    return load(path, path.name)


def load(path: Path, source: str) -> LoadedSuite:
    """`source` is the name to use in messages. Raises SuiteError with everything that is wrong."""
    text = _text(path, source)
    try:
        suite, places = read(text, source, Suite, "suite", "name, version, description, objectives and verdicts")
    except FaultyYaml as error:
        raise SuiteError(error.faults) from error
    taken = _Intake(path.parent, places)
    cases = taken.cases(suite)
    if taken.faults:
        raise SuiteError(dict.fromkeys(taken.faults))
    return LoadedSuite(
        name=suite.name, version=suite.version, description=suite.description, source=source, cases=cases
    )


def _text(path: Path, source: str) -> str:
    if path.is_dir():
        raise SuiteError([f"{source}: this is a folder; name the suite's YAML file"])
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        names = ", ".join(sorted(path.stem for path in BUILT_IN.glob("*.yaml")))
        raise SuiteError(
            [f"{source}: there is no such suite file, and no built-in suite of this name; built in: {names}"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError([f"{source}: cannot be read: {error}"]) from error


class _Intake:
    """Collects cases, and what is wrong with them."""

    def __init__(self, folder: Path, places: Places) -> None:
        self._folder = folder
        self._places = places
        self.faults: list[str] = []

    def cases(self, suite: Suite) -> tuple[Case, ...]:
        if not suite.objectives and not suite.verdicts:
            self.faults.append(f"{self._places.place()}: a suite needs objectives or verdicts")
        self._note_doubles(suite)
        objectives = [self._objective(n, case) for n, case in enumerate(suite.objectives)]
        verdicts = [self._verdict(n, case) for n, case in enumerate(suite.verdicts)]
        return (*objectives, *verdicts)

    def _note_doubles(self, suite: Suite) -> None:
        seen: set[str] = set()
        groups: Mapping[str, tuple[ObjectiveCase | VerdictCase, ...]] = {
            "objectives": suite.objectives,
            "verdicts": suite.verdicts,
        }
        for group, cases in groups.items():
            for n, case in enumerate(cases):
                if case.id in seen:
                    self.faults.append(f"{self._places.place(group, n, 'id')}: the id {case.id!r} is used twice")
                seen.add(case.id)

    def _objective(self, n: int, case: ObjectiveCase) -> Case:
        places = self._places.below("objectives", n)
        files = tuple(self._files(case.files, places))
        chosen = self._chosen(case, files, places)
        self.faults += _faults_in_checks(case.expect.checks, places.below("expect", "checks"))
        self.faults += _faults_in_expectation(case, files, places)
        return Case(
            id=case.id,
            kind=Kind.OBJECTIVE,
            text=case.text.strip(),
            files=files,
            chosen=chosen,
            budget=case.budget,
            minutes=case.minutes,
            expect=case.expect,
        )

    def _files(self, named: Iterable[str], places: Places) -> Iterator[Path]:
        taken: set[str] = set()
        for m, name in enumerate(named):
            try:
                path = source_of(name, self._folder)
            except NoSource as error:
                self.faults.append(f"{places.place('files', m)}: {error}")
                continue
            if name_of(path) in taken:
                self.faults.append(f"{places.place('files', m)}: two files are called {name_of(path)!r}")
            taken.add(name_of(path))
            yield path

    def _chosen(self, case: ObjectiveCase, files: tuple[Path, ...], places: Places) -> Chosen | None:
        try:
            found = self._playbook(case.playbook, places)
            if found is None:
                return None
            document, text = found
            inputs = typed_inputs(document, case.inputs)
            compile_tasks(document, catalogue(), _trial(case, files, inputs))
        except PlaybookError as error:
            self.faults += [_placed(fault, places.place("playbook"), self._places.source) for fault in error.faults]
            return None
        name, needs_model = document.playbook.name, document.playbook.needs_model
        return Chosen(name=name, text=text, inputs=inputs, needs_model=needs_model)

    def _playbook(self, asked: JsonValue, places: Places) -> tuple[Document, str] | None:
        match asked:
            case None:
                return None
            case str():
                beside = self._folder / asked
                return library.find(str(beside) if beside.is_file() else asked)
            case _:
                inner = places.below("playbook")
                try:
                    document = Document(Playbook.model_validate(asked), inner)
                except ValidationError as error:
                    raise PlaybookError(inner.sentences(error)) from error
                return document, yaml.safe_dump(asked, allow_unicode=True, sort_keys=False)

    def _verdict(self, n: int, case: VerdictCase) -> Case:
        places = self._places.below("verdicts", n)
        if case.truth is Truth.DEFECT and not case.planted:
            self.faults.append(f"{places.place('truth')}: a defect needs `planted`, which says what it is")
        names = [artifact.name for artifact in case.artifacts]
        if len(set(names)) < len(names):
            self.faults.append(f"{places.place('artifacts')}: two artifacts have one name")
        texts = {spec.name: self._artifact(spec, places.below("artifacts", m)) for m, spec in enumerate(case.artifacts)}
        return Case(
            id=case.id,
            kind=Kind.VERDICT,
            text=case.task.strip(),
            chosen=_submitting(case, texts),
            budget=case.budget,
            minutes=case.minutes,
            truth=case.truth,
            planted=case.planted,
        )

    def _artifact(self, spec: ArtifactSpec, places: Places) -> str:
        if bool(spec.text) == bool(spec.file):
            self.faults.append(f"{places.place()}: give either text or file")
            return spec.text
        if spec.text:
            return spec.text
        try:
            text = source_of(spec.file, self._folder).read_text("utf-8")
        except (NoSource, OSError, UnicodeDecodeError) as error:
            self.faults.append(f"{places.place('file')}: {error}")
            return ""
        if len(text) > MOST_ARTIFACT:
            many = f"{spec.file} has {len(text):,} characters, at most {MOST_ARTIFACT:,}"
            self.faults.append(f"{places.place('file')}: {many}")
        return text


def _submitting(case: VerdictCase, texts: Mapping[str, str]) -> Chosen:
    """A playbook whose one task submits these texts as they are: verifiers judge them as any worker's.

    All that the suite says comes in by inputs: inside the playbook it would be taken for templates.
    """
    title = case.task.strip().splitlines()[0][:80]
    criteria = {f"criterion_{m}": criterion for m, criterion in enumerate(case.criteria, 1)}
    names = {f"name_{m}": name for m, name in enumerate(texts, 1)}
    contents = {f"text_{m}": text for m, text in enumerate(texts.values(), 1)}
    inputs: dict[str, JsonValue] = {"title": title, **criteria, **names, **contents}
    written = zip(map(_input, names), map(_input, contents), strict=True)
    task = {
        "id": "work",
        "title": _input("title"),
        "steps": [{"tool": "file.write", "with": {"name": name, "content": content}} for name, content in written],
        "criteria": [_input(key) for key in criteria],
        "review": {"max_attempts": 1, "quorum": 1, "when_uncertain": "reject"},
        "deliverables": [_input(key) for key in names],
    }
    playbook = {
        "name": JUDGED,
        "version": "1.0.0",
        "description": "Submits a work as it is, for verifiers to judge.",
        "inputs": {key: {"required": True} for key in inputs},
        "tasks": [task],
    }
    text = yaml.safe_dump(playbook, allow_unicode=True, sort_keys=False)
    return Chosen(name=JUDGED, text=text, inputs=inputs, needs_model=True)


def _input(name: str) -> str:
    return f"{{{{ inputs.{name} }}}}"


def _trial(case: ObjectiveCase, files: tuple[Path, ...], inputs: dict[str, JsonValue]) -> Given:
    refs = tuple(ArtifactRef(sha256="0" * 64, name=name_of(path), size=path.stat().st_size) for path in files)
    return Given(objective_id=f"eval-{case.id}"[:60].rstrip("-"), text=case.text, files=refs, inputs=inputs)


def _placed(fault: str, place: str, source: str) -> str:
    """Faults of a playbook in another file say where they are; the others get the place of the playbook."""
    return fault if fault.startswith(f"{source}:") else f"{place}: {fault}"


def _faults_in_checks(checks: Iterable[CheckSpec], places: Places) -> Iterator[str]:
    for m, spec in enumerate(checks):
        model = _CHECKS.get(spec.check)
        if model is None:
            there_are = ", ".join(sorted(_CHECKS))
            yield f"{places.place(m, 'check')}: there is no check {spec.check!r}; there are {there_are}"
            continue
        try:
            model.model_validate(spec.with_)
        except ValidationError as error:
            yield from places.below(m, "with").sentences(error)


def _faults_in_expectation(case: ObjectiveCase, files: tuple[Path, ...], places: Places) -> Iterator[str]:
    expect = case.expect
    if expect.stage == "not_delivered" and (expect.answer or expect.checks):
        yield f"{places.place('expect')}: what is not delivered has no answer and no checks"
    if expect.answer and not expect.answer.artifact.endswith(".json") and not files:
        yield f"{places.place('expect', 'answer')}: an answer in a text is checked against files, and there are none"
