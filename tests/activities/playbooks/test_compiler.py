from typing import Any

import pytest

from activities.catalogue import catalogue as known
from activities.playbooks.compiler import Catalogue, Given, compile_tasks
from activities.playbooks.document import PlaybookError, parse
from activities.playbooks.inputs import typed_inputs
from activities.review.basic import CHECKS
from tests.fakes.tools import TOOLS
from workflows.domain.artifact import ArtifactRef
from workflows.domain.plan import Task

CATALOGUE: Catalogue = known(TOOLS, CHECKS)
HEAD = "name: small\nversion: 1.0.0\ndescription: a test\n"
NOOP = "steps: [{tool: fake.noop}]"


def tasks_of(text: str, files: tuple[str, ...] = (), **inputs: Any) -> tuple[Task, ...]:
    document = parse(HEAD + text, "small.yaml")
    refs = tuple(ArtifactRef(sha256="0" * 64, name=name, size=1) for name in files)
    given = Given(objective_id="o-1", text="Do it", files=refs, inputs=typed_inputs(document, inputs))
    return compile_tasks(document, CATALOGUE, given)


def faults_of(text: str, files: tuple[str, ...] = (), **inputs: Any) -> str:
    with pytest.raises(PlaybookError) as error:
        tasks_of(text, files, **inputs)
    return "\n".join(error.value.faults)


def test_makes_one_task_per_combination_and_joins_them_by_pattern() -> None:
    tasks = tasks_of(
        """
tasks:
  - id: "{{ what }}-{{ file.slug }}"
    title: "{{ what }} of {{ file.name }}"
    for_each: {file: "{{ files }}", what: [a, b]}
    steps: [{tool: fake.write, with: {name: "{{ file.slug }}.txt", content: "{{ feedback }}"}}]
  - {id: end, title: End, needs: ["a-*", "b-*"], steps: [{tool: fake.noop}]}
""",
        files=("X 1.csv", "x_1.csv"),
    )
    assert [task.id for task in tasks] == ["a-x-1", "b-x-1", "a-x-1-2", "b-x-1-2", "end"]
    assert tasks[-1].needs == ("a-x-1", "a-x-1-2", "b-x-1", "b-x-1-2")
    assert tasks[0].bindings["what"] == "a"


def test_leaves_out_a_task_whose_condition_is_false_and_the_need_for_it() -> None:
    text = """
inputs: {extra: {type: boolean, default: false}}
tasks:
  - {id: extra, title: Extra, when: "{{ inputs.extra }}", steps: [{tool: fake.noop}]}
  - {id: end, title: End, needs: [extra], steps: [{tool: fake.noop}]}
"""
    assert [(task.id, task.needs) for task in tasks_of(text)] == [("end", ())]
    assert [task.id for task in tasks_of(text, extra="yes")] == ["extra", "end"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tasks:\n  - {id: a, title: A, needs: [b], " + NOOP + "}\n  - {id: b, title: B, needs: [a], " + NOOP + "}", "circle"),
        ("tasks:\n  - {id: a, title: A, needs: [zebra], " + NOOP + "}", "small.yaml:5: tasks[0]: task 'a' needs 'zebra'"),
        ("tasks:\n  - {id: a, title: A, " + NOOP + "}\n  - {id: a, title: B, " + NOOP + "}", "used twice"),
        ("tasks:\n  - id: a\n    title: A\n    steps:\n      - tool: fake.nope", "small.yaml:8: tasks[0].steps[0].tool: there is no tool 'fake.nope'"),
        ("tasks:\n  - id: a\n    title: A\n    steps:\n      - tool: fake.nap", "fake.nap needs 'seconds'"),
        ("tasks:\n  - id: a\n    title: A\n    steps:\n      - tool: fake.nap\n        with: {seconds: long}", "seconds: Input should be a valid number"),
        ("tasks:\n  - id: a\n    title: A\n    steps:\n      - tool: fake.noop\n        with: {speed: 1}", "takes no 'speed'"),
        ("tasks:\n  - id: a\n    title: '{{ wrong }}'\n    " + NOOP, "small.yaml:6: tasks[0].title: there is no variable 'wrong'"),
        ("tasks:\n  - id: a\n    title: '{{ inputs.wrong }}'\n    " + NOOP, "declares no input 'wrong'"),
        ("tasks:\n  - id: a\n    title: '{{ unclosed'\n    " + NOOP, "not a valid template"),
        ("tasks:\n  - id: a\n    title: A\n    checks: [{check: nope}]\n    " + NOOP, "there is no check 'nope'"),
        ("tasks:\n  - id: a\n    titel: A\n    " + NOOP, "small.yaml:6: tasks[0].titel: no such field"),
        ("tasks:\n  - id: a\n    id: b\n    title: A\n    " + NOOP, "small.yaml:6: 'id' stands twice"),
        ("tasks: []", "small.yaml:4: tasks: Tuple should have at least 1 item"),
        ("tasks: [", "not valid YAML"),
        ("tasks: &x [*x]", "anchors"),
        ("inputs: {n: {type: integer, default: many}}\ntasks:\n  - {id: a, title: A, " + NOOP + "}", "small.yaml:4: inputs.n.default"),
        ("tasks:\n  - {id: a, title: A, when: '{{ files[3].name }}', " + NOOP + "}", "cannot be rendered"),
        ("tasks:\n  - {id: a, title: '{{ \"a\" * 100000000 }}', " + NOOP + "}", "numbers only"),
        ("tasks:\n  - {id: a, title: '{{ objective.__class__ }}', " + NOOP + "}", "is not allowed"),
        ("tasks:\n  - {id: a, title: A, when: 'false', " + NOOP + "}", "no task is left"),
        ("tasks:\n  - {id: a, title: A, when: false, for_each: {a: [" + "1," * 200 + "1], b: [" + "1," * 200 + "1]}, " + NOOP + "}", "40,401 combinations"),
    ],
)  # fmt: skip
def test_names_file_line_and_field_of_what_is_wrong(text: str, expected: str) -> None:
    assert expected in faults_of(text)


def test_says_everything_that_is_wrong_at_once() -> None:
    faults = faults_of(
        "tasks:\n  - {id: a, title: '{{ x }}', steps: [{tool: nope}]}\n  - {id: b, title: '{{ y }}', " + NOOP + "}"
    )
    assert faults.count("small.yaml:") == 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"n": "three"}, "--input n=three: this is not of type integer"),
        ({"m": "1"}, "no such input"),
        ({}, "--input n=… is needed"),
        ({"n": "1", "how": "sideways"}, "not one of up, down"),
    ],
)
def test_names_the_input_that_is_wrong(given: dict[str, Any], expected: str) -> None:
    text = (
        "inputs: {n: {type: integer, required: true}, how: {choices: [up, down], default: up}}\n"
        "tasks:\n  - {id: a, title: A, " + NOOP + "}"
    )
    assert expected in faults_of(text, **given)


def test_a_sole_expression_keeps_its_type() -> None:
    text = (
        "inputs: {n: {type: number, default: 2}}\n"
        "tasks:\n  - {id: a, title: A, steps: [{tool: fake.nap, with: {seconds: '{{ inputs.n }}'}}]}"
    )
    assert tasks_of(text)[0].steps[0].arguments == {"seconds": "{{ inputs.n }}"}


def test_the_playbooks_that_come_with_botted_are_in_order() -> None:
    from activities.playbooks.compiler import check_playbook
    from activities.playbooks.library import built_in

    documents = built_in()
    assert [document.playbook.name for document in documents] == ["data-report"]
    for document in documents:
        check_playbook(document, known())
