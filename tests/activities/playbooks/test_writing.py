"""A plan written out as YAML and compiled again is the same plan."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.catalogue import catalogue as known
from activities.playbooks.compiler import Catalogue, Given, acceptance, compile_tasks
from activities.playbooks.document import PlaybookError, parse, parse_plan
from activities.playbooks.inputs import typed_inputs
from activities.playbooks.library import built_in
from activities.playbooks.writing import to_yaml
from activities.review.basic import CHECKS
from tests.fakes.tools import TOOLS
from workflows.domain.artifact import ArtifactRef
from workflows.domain.budget import Budget
from workflows.domain.plan import AcceptanceCheck, Brief, Plan, ReviewPolicy, Step, Task, WhenUncertain

FAKES = known(TOOLS, CHECKS)
FILES = tuple(ArtifactRef(sha256="0" * 64, name=name, size=1) for name in ("a {{ b }}.csv", "ü 1.csv"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{"), max_size=60)
TEMPLATES = st.sampled_from(["{{", "}}", "{%", "%}", "{#", "#}", '"', "'", "\\", "\n", "- ", ": ", "é", "{{ x }}"])
NASTY = st.lists(TEXTS | TEMPLATES, min_size=1, max_size=5).map(lambda parts: "".join(parts)[:80])


def plan_of(tasks: tuple[Task, ...], **fields: Any) -> Plan:
    return Plan(objective_id="o-1", playbook="p 1.0.0", tasks=tasks, **fields)


def compiled(text: str, catalogue: Catalogue) -> Plan:
    document, whole = parse_plan(text, "plan.yaml", "what it is for")
    assert parse(whole, "whole.yaml").playbook == document.playbook
    inputs = typed_inputs(document, {})
    asked = Given(objective_id="o-1", text="Look", files=FILES, inputs=inputs)
    return plan_of(
        compile_tasks(document, catalogue, asked),
        checks=acceptance(document.playbook.checks),
        criteria=document.playbook.criteria,
        inputs=inputs,
    )


def test_every_plan_of_the_built_in_playbooks_comes_back_the_same() -> None:
    for document in built_in():
        inputs = typed_inputs(document, {})
        asked = Given(objective_id="o-1", text="Look at {{ this }}", files=FILES, inputs=inputs)
        plan = plan_of(
            compile_tasks(document, known(), asked), checks=acceptance(document.playbook.checks), inputs=inputs
        )
        assert compiled(to_yaml(plan), known()) == plan


def test_a_plan_of_a_model_comes_back_with_its_budgets_and_nested_objectives() -> None:
    brief = Brief(instructions="Look.\n\n  Then {% write %} it.  \n", tools=("fake.write",), max_turns=12)
    tasks = (
        Task(
            id="a",
            title="First: {{ really }}",
            brief=brief,
            checks=(AcceptanceCheck(check="artifact.exists", arguments={"artifact": "a.txt"}),),
            criteria=("It says {{ all }}.",),
            review=ReviewPolicy(max_attempts=2, when_uncertain=WhenUncertain.PERSON),
            budget=Budget(usd=Decimal("0.250000"), tokens=100),
            deliverables=("a {{.txt",),
        ),
        Task(id="b", title="yes", needs=("a",), capability="data", brief=Brief(instructions="1", as_objective=True)),
    )
    plan = plan_of(tasks, criteria=("The {{ whole }} is good",))
    assert compiled(to_yaml(plan), FAKES).model_dump_json() == plan.model_copy(update={}).model_dump_json()


@given(title=NASTY, criterion=NASTY, content=PLAIN, bound=NASTY, value=st.integers() | st.booleans() | NASTY)
def test_any_text_survives(title: str, criterion: str, content: str, bound: str, value: Any) -> None:
    arguments: dict[str, Any] = {"name": "{{ which.name }}", "content": f"x{content}{{{{ attempt }}}}"}
    step = Step(id="s", tool="fake.write", title=title, arguments=arguments)
    task = Task(id="a", title=title, steps=(step,), criteria=(criterion,), bindings={"which": {"name": bound}})
    plan = plan_of((task,), inputs={"given": value}, criteria=(criterion,))
    assert compiled(to_yaml(plan), FAKES).model_dump() == plan.model_dump()


def test_a_plan_by_hand_needs_no_name_and_its_faults_have_the_lines_that_the_person_sees() -> None:
    text = "tasks:\n  - {id: a, title: A, steps: [{tool: fake.noop}]}\n"
    document, whole = parse_plan(text, "plan.yaml", "Look")
    assert (document.playbook.name, document.playbook.version, document.playbook.description) == (
        "by-hand",
        "1.0.0",
        "Look",
    )
    assert parse(whole, "whole.yaml").playbook == document.playbook
    named = "name: mine\nversion: 2.0.0\ndescription: x\n" + text
    assert parse_plan(named, "plan.yaml", "Look")[1] == named
    with pytest.raises(PlaybookError, match=r"plan\.yaml:3: tasks\[0\]\.titel: no such field"):
        parse_plan("tasks:\n  - id: a\n    titel: A\n    steps: []\n", "plan.yaml", "Look")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("tasks:\n  - " + "{a: " * 5000, "nested too deeply"),
        ("tasks: 2024-13-45", "not valid YAML"),
        ("tasks: !!timestamp no", "not valid YAML"),
        ("tasks: !!python/object:os.system x", "not valid YAML"),
        ('tasks: "\\0"', "NUL"),
        ('tasks: "\\ud800"', "plan.yaml:1"),
        ("tasks:\n- {id: a, title: A, steps: [{tool: t, with: {x: .nan}}]}", ":2: .nan is no number"),
        ("tasks:\n- {id: a, title: A, steps: [{tool: t, with: {x: 1.0e+999}}]}", "is no number to calculate with"),
        ("\0", "not valid YAML"),
        ("", "a plan is a mapping with tasks"),
        ("tasks:\n- {id: a, title: A, work: {instructions: x}}", "name the tools"),
    ],
)
def test_yaml_that_means_harm_is_a_fault_like_any_other(text: str, expected: str) -> None:
    with pytest.raises(PlaybookError) as error:
        parse_plan(text, "plan.yaml", "Look")
    assert expected in str(error.value)


def test_a_template_nested_without_end_is_a_fault() -> None:
    title = "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"
    document, _ = parse_plan(f"tasks:\n- {{id: a, title: '{title}', steps: [{{tool: fake.noop}}]}}", "p.yaml", "x")
    with pytest.raises(PlaybookError, match="nested too deeply"):
        compile_tasks(document, FAKES, Given(objective_id="o", text="x", files=(), inputs={}))
