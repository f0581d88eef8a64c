from hypothesis import given
from hypothesis import strategies as st

from workflows.domain.artifact import ArtifactRef
from workflows.domain.plan import OUTLINE_PAGE_BYTES, Plan, PlanOutline, Step, Task, faults_in_graph, outline_pages

STEP = Step(id="s", tool="t", title="s")


def task(task_id: str, *needs: str, title: str = "A task") -> Task:
    return Task(id=task_id, title=title, needs=needs, steps=(STEP,))


def test_names_the_circle() -> None:
    faults = faults_in_graph([("a", ("c",)), ("b", ("a",)), ("c", ("b",))])
    assert len(faults) == 1
    assert "circle" in faults[0][1]


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=30))
def test_a_graph_whose_needs_point_back_only_has_no_faults(needs: list[list[int]]) -> None:
    tasks = [(f"t{n}", tuple({f"t{m}" for m in each if m < n})) for n, each in enumerate(needs)]
    assert faults_in_graph(tasks) == ()


def test_needs_of_a_task_are_all_that_it_builds_on_nearest_first() -> None:
    tasks = (task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"))
    assert Plan(objective_id="o", playbook="p", tasks=tasks).needs_of("d") == ("b", "c", "a")


def test_an_outline_of_many_tasks_is_cut_into_pages_that_fit_an_event() -> None:
    tasks = tuple(
        task(f"task-{n:03}", *(f"task-{m:03}" for m in range(max(0, n - 3), n)), title="x" * 80) for n in range(300)
    )
    pages = outline_pages(tasks)
    assert [outline.id for page in pages for outline in page] == [each.id for each in tasks]
    assert len(pages) > 1
    ref = ArtifactRef(sha256="0" * 64, name="plan.json", size=1)
    sizes = [len(PlanOutline(plan=ref, tasks=page, next_page=1).model_dump_json()) for page in pages]
    assert max(sizes) < OUTLINE_PAGE_BYTES + 700 < 8192
