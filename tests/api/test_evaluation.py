"""Suites, answers, scores, and the suite that ships."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import combinations
from pathlib import Path

import duckdb
import pytest
from pydantic import JsonValue

from activities.store.journal import JournalRow
from api.evaluation import cases
from api.evaluation.answers import faults_of
from api.evaluation.cases import Case, Kind, LoadedSuite, SuiteError
from api.evaluation.report import make_report
from api.evaluation.runs import Judged, Run, attempts_in, judged_in
from api.evaluation.scoring import pass_hat, score
from api.evaluation.sources import name_of, unpacked
from api.evaluation.suite import Expectation, KnownAnswer, Truth
from workflows.domain.artifact import ArtifactRef
from workflows.domain.budget import Budget

HEAD = "name: mine\nversion: 1.0.0\ndescription: a suite\n"
QUESTION = "objectives:\n  - id: one\n    text: How many?\n"
WORK = """verdicts:
  - id: one
    task: Do it
    criteria: [It is done.]
    truth: good
    artifacts: [{name: a.md, text: done}]
"""


def loaded(folder: Path, text: str) -> LoadedSuite:
    path = folder / "mine.yaml"
    path.write_text(HEAD + text)
    return cases.load(path, "mine.yaml")


def faults(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(SuiteError) as caught:
        loaded(folder, text)
    return caught.value.faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "mine.yaml:1: suite: a suite needs objectives or verdicts"),
        (QUESTION + "    txt: again\n", "mine.yaml:7: objectives[0].txt: no such field; is it a typing mistake?"),
        (QUESTION + "    files: [none.csv]\n", "mine.yaml:7: objectives[0].files[0]: there is no file"),
        (QUESTION + "    files: ['demo:none.csv']\n", "the demo's data has no 'none.csv'; it has airlines.csv,"),
        (
            QUESTION + "    expect:\n      checks:\n        - {check: text.sings}\n",
            "mine.yaml:9: objectives[0].expect.checks[0].check: there is no check 'text.sings'; there are",
        ),
        (
            QUESTION + "    expect:\n      checks:\n        - {check: text.says, with: {artefact: a.md}}\n",
            "mine.yaml:9: objectives[0].expect.checks[0].with.artefact: no such field",
        ),
        (QUESTION + "    expect: {stage: done}\n", "mine.yaml:7: objectives[0].expect.stage: Input should be"),
        (
            QUESTION + "    expect: {stage: not_delivered, checks: [{check: text.says, with: {artifact: a}}]}\n",
            "objectives[0].expect: what is not delivered has no answer and no checks",
        ),
        (
            QUESTION + "    playbook: nowhere\n",
            "mine.yaml:7: objectives[0].playbook: nowhere: there is no such playbook",
        ),
        (
            QUESTION + "    playbook:\n      name: inline\n      tasks: []\n",
            "mine.yaml:7: objectives[0].playbook.version: Field required",
        ),
        (
            QUESTION + "    playbook:\n      name: inline\n      version: 1.0.0\n      description: d\n      tasks:\n"
            "        - {id: a, title: A, steps: [{tool: file.burn}]}\n",
            "mine.yaml:12: objectives[0].playbook.tasks[0].steps[0].tool: there is no tool 'file.burn'",
        ),
        (WORK.replace("truth: good", "truth: perhaps"), "mine.yaml:8: verdicts[0].truth: Input should be"),
        (WORK.replace("truth: good", "truth: defect"), "mine.yaml:8: verdicts[0].truth: a defect needs `planted`"),
        (WORK.replace("text: done", "file: a.md"), "mine.yaml:9: verdicts[0].artifacts[0].file: there is no file"),
        (WORK.replace(", text: done", ""), "mine.yaml:9: verdicts[0].artifacts[0]: give either text or file"),
        (WORK.replace("a.md", "../a.md"), "mine.yaml:9: verdicts[0].artifacts[0].name: String should match"),
        (QUESTION + WORK, "mine.yaml:8: verdicts[0].id: the id 'one' is used twice"),
        (QUESTION + "    ? [a]\n    : b\n", "a field's name must be plain text"),
    ],
)
def test_what_is_wrong_with_a_suite_is_told_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in "\n".join(faults(tmp_path, text))


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = QUESTION + "    files: [a.csv, b.csv]\n    expect: {checks: [{check: nothing}]}\n"
    assert len(faults(tmp_path, text)) == 3


def test_there_is_no_such_suite() -> None:
    with pytest.raises(SuiteError, match="no built-in suite of this name; built in: data-questions"):
        cases.find("nothing")


def test_templates_in_a_work_are_text(tmp_path: Path) -> None:
    [case] = loaded(tmp_path, WORK.replace("text: done", 'text: "{{ objective.id }} {% if"')).cases
    assert case.chosen is not None
    assert case.chosen.inputs["text_1"] == "{{ objective.id }} {% if"
    assert case.needs_model


def test_a_playbook_without_a_model_needs_none(tmp_path: Path) -> None:
    steps = "tasks: [{id: a, title: A, steps: [{tool: file.write, with: {name: a.md, content: hi}}]}]"
    playbook = f"    playbook: {{name: inline, version: 1.0.0, description: d, {steps}}}\n"
    [case] = loaded(tmp_path, QUESTION + playbook).cases
    assert not case.needs_model


# ---- scores ----


@pytest.mark.parametrize(("runs", "succeeded", "k"), [(5, 3, 1), (5, 3, 2), (5, 3, 3), (5, 3, 4), (4, 4, 4), (3, 0, 1)])
def test_pass_hat_is_the_share_of_samples_that_all_succeed(runs: int, succeeded: int, k: int) -> None:
    outcomes = [n < succeeded for n in range(runs)]
    samples = [all(sample) for sample in combinations(outcomes, k)]
    assert pass_hat(runs, succeeded, k) == pytest.approx(sum(samples) / len(samples))


def test_pass_hat_needs_as_many_runs_as_it_speaks_of() -> None:
    assert pass_hat(2, 2, 3) is None


def case_of(id_: str, truth: Truth | None = None) -> Case:
    kind = Kind.VERDICT if truth else Kind.OBJECTIVE
    return Case(id=id_, kind=kind, text="?", budget=Budget(), minutes=1, truth=truth)


def run_of(case: str, n: int, **changes: object) -> Run:
    return Run.model_validate({"case": case, "n": n, "objective_id": f"eval-{case}-{n}", **changes})


def test_over_cases_pass_hat_is_the_mean_of_theirs() -> None:
    runs = [run_of("a", n, success=True) for n in (1, 2)] + [run_of("b", n, success=n == 1) for n in (1, 2)]
    found = score(runs, [case_of("a"), case_of("b")], 2)
    assert found.pass_hat == {1: 0.75, 2: 0.5}
    assert found.success_rate == 0.75


def test_what_could_not_be_run_counts_in_no_rate_but_in_the_cost() -> None:
    runs = [run_of("a", 1, success=True, cost_usd=Decimal("0.5")), run_of("a", 2, error="no", cost_usd=Decimal("0.1"))]
    found = score(runs, [case_of("a")], 2)
    assert (found.runs, found.not_run, found.success_rate, found.pass_hat) == (1, 1, 1.0, {1: 1.0})
    assert found.cost_usd == Decimal("0.6")


def test_nothing_run_is_no_rate() -> None:
    found = score([], [case_of("a")], 1)
    assert (found.success_rate, found.rework_rate, found.pass_hat, found.mean_seconds) == (None, None, {}, 0.0)


def test_doubt_is_neither_caught_nor_wrongly_rejected() -> None:
    planted, good = case_of("bad", Truth.DEFECT), case_of("good", Truth.GOOD)
    said = [Judged.REJECTED, Judged.APPROVED, Judged.UNCERTAIN]
    runs = [run_of(case.id, n, judged=judged) for case in (planted, good) for n, judged in enumerate(said, 1)]
    truth = score(runs, [planted, good], 3).verifier
    assert (truth.defects, truth.caught, truth.missed, truth.defects_uncertain) == (3, 1, 1, 1)
    assert (truth.good, truth.approved, truth.wrongly_rejected, truth.good_uncertain) == (3, 1, 1, 1)


def verdict_row(actor: str, subject: str, decision: str, seq: int = 1) -> JournalRow:
    data: dict[str, JsonValue] = {"subject": subject, "decision": decision}
    return JournalRow(
        seq=seq,
        at=datetime.now(UTC),
        kind="verdict",
        actor=actor,
        task_id="work",
        attempt=1,
        step_id="",
        text="",
        data=data,
    )


@pytest.mark.parametrize(
    ("opinions", "panel", "judged"),
    [
        (["approved"], "approved", Judged.APPROVED),
        (["rejected"], "rejected", Judged.REJECTED),
        (["uncertain"], "rejected", Judged.UNCERTAIN),
        ([], "rejected", None),
        (["approved"], "", None),
    ],
)
def test_a_rejection_by_doubt_is_told_apart(opinions: Sequence[str], panel: str, judged: Judged | None) -> None:
    rows = [verdict_row("verifier:checks", "opinion", "approved")]
    rows += [verdict_row("verifier:judge#1", "opinion", decision) for decision in opinions]
    rows += [verdict_row("verifier:panel", "task", panel)] if panel else []
    assert judged_in(rows) == judged
    assert attempts_in(rows) == {"work": 1}


def test_a_report_is_complete_when_every_run_is_in_it() -> None:
    suite = LoadedSuite(name="mine", version="1.0.0", description="d", source="mine.yaml", cases=(case_of("a"),))
    now = datetime.now(UTC)
    report = make_report(suite, suite.cases, [run_of("a", 1, success=True)], 2, {}, now, now)
    assert not report.complete
    assert report.model_dump(mode="json")["score"]["cost_usd"] == 0.0


# ---- answers ----


class Files:
    """Artifacts in a folder; their digests are their names."""

    def __init__(self, **paths: Path) -> None:
        self._paths = paths

    def read(self, digest: str) -> bytes:
        return self._paths[digest[-1]].read_bytes()

    def file(self, digest: str, target: Path) -> Path:
        return self._paths[digest[-1]]


def judged(case: Expectation, answer: str, folder: Path, source: Path | None = None) -> str:
    """The faults in an answer."""
    assert case.answer is not None
    path = folder / case.answer.artifact
    path.write_text(answer)
    delivered = [ArtifactRef(sha256="a" * 64, name=path.name, size=len(answer))]
    given = [ArtifactRef(sha256="b" * 64, name=source.name, size=1)] if source else []
    store = Files(a=path, **({"b": source} if source else {}))
    return "\n".join(faults_of(case, given, delivered, store, folder))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ('{"n": 3, "name": " jfk ", "codes": ["A", "B"], "extra": 1}', ""),
        ('{"n": 3.004, "name": "JFK", "codes": ["A", "B"]}', ""),
        ('{"n": 3.01, "name": "JFK", "codes": ["A", "B"]}', "n is 3.01, it should be 3"),
        ('{"n": true, "name": "JFK", "codes": ["A", "B"]}', "n is True, it should be 3"),
        ('{"n": "3", "name": "JFK", "codes": ["A", "B"]}', "n is '3', it should be 3"),
        ('{"n": 3, "name": "JFK", "codes": ["B", "A"]}', "codes is ['B', 'A'], it should be ['A', 'B']"),
        ('{"n": 3, "name": "JFK"}', "answer.json has no field 'codes'"),
        ("[1]", "answer.json is not an object with the fields n, name, codes"),
        ("{", "answer.json is not valid JSON"),
    ],
)
def test_an_answer_is_held_against_what_is_known(tmp_path: Path, answer: str, fault: str) -> None:
    known = KnownAnswer(values={"n": 3, "name": "JFK", "codes": ["A", "B"]}, tolerance=0.005, sql="SELECT 1")
    found = judged(Expectation(answer=known), answer, tmp_path)
    assert fault in found
    assert bool(found) == bool(fault)


# ---- the suite that ships ----


@cache
def shipped() -> LoadedSuite:
    return cases.find("data-questions")


def questions() -> list[Case]:
    return [case for case in shipped().cases if case.kind is Kind.OBJECTIVE]


def test_the_shipped_suite_asks_enough() -> None:
    truths = [case.truth for case in shipped().cases if case.kind is Kind.VERDICT]
    assert len(questions()) >= 8
    assert truths.count(Truth.DEFECT) == truths.count(Truth.GOOD) >= 5
    assert [case.id for case in questions() if case.expect.answer is None] == []


def test_a_defect_and_its_good_twin_differ_in_nothing_but_the_work() -> None:
    works = {case.id: case for case in shipped().cases if case.kind is Kind.VERDICT}
    for good in (case for case in works.values() if case.truth is Truth.GOOD):
        bad = works[good.id.replace("-good", "-defect")]
        assert bad.text == good.text
        assert bad.chosen is not None
        assert good.chosen is not None
        apart = [key for key, value in good.chosen.inputs.items() if bad.chosen.inputs[key] != value]
        assert apart == ["text_1"]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The files of all questions by a reader of its own, each a table named after its stem."""
    folder = tmp_path_factory.mktemp("demo")
    connection = duckdb.connect()
    for path in sorted({path for case in questions() for path in case.files}):
        plain = unpacked(path, folder)
        table = Path(name_of(path)).stem
        connection.execute(f"CREATE TABLE {table} AS FROM read_csv('{plain}', nullstr = 'NA')")
    return connection


@pytest.mark.parametrize("case", questions(), ids=lambda case: case.id)
def test_every_stated_answer_agrees_with_its_query(database: duckdb.DuckDBPyConnection, case: Case) -> None:
    answer = case.expect.answer
    assert answer is not None
    found = database.execute(answer.sql)
    names = [column[0] for column in found.description or ()]
    [row] = found.fetchall()
    assert dict(zip(names, row, strict=True)) == answer.values


@pytest.mark.parametrize("case", questions(), ids=lambda case: case.id)
def test_the_right_answer_passes_and_each_wrong_value_fails(case: Case, tmp_path: Path) -> None:
    answer = case.expect.answer
    assert answer is not None
    if answer.artifact.endswith(".md"):
        [source] = case.files
        right = "Boeing made the most, 1,630; Airbus Industrie follows with 400, then Bombardier Inc with 368 planes."
        assert judged(case.expect, right, tmp_path, source) == ""
        assert "does not say 1,630" in judged(case.expect, right.replace("1,630", "1,360"), tmp_path, source)
        return
    assert judged(case.expect, json.dumps(answer.values), tmp_path) == ""
    for name, value in answer.values.items():
        wrong = answer.values | {name: _other(value)}
        assert f"{name} is" in judged(case.expect, json.dumps(wrong), tmp_path)


def _other(value: JsonValue) -> JsonValue:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case None:
            return 250
        case list():
            return value[1:]
        case _:
            return f"not {value}"
