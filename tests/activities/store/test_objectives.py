from uuid import uuid4

from sqlalchemy import Engine

from activities.store import objectives as rows
from activities.store.objectives import ObjectiveStore
from workflows.domain.artifact import ArtifactRef
from workflows.domain.objective import Objective, ObjectiveResult, Stage
from workflows.domain.plan import Plan, Step, Task

PLAYBOOK = ArtifactRef(sha256="0" * 64, name="p.yaml", size=0)


def opened(store: ObjectiveStore, text: str = "A test") -> Objective:
    objective = Objective(id=f"row-{uuid4().hex[:8]}", text=text, playbook=PLAYBOOK)
    store.open(objective)
    return objective


def test_an_objective_that_was_not_started_can_be_taken_back_and_a_planned_one_cannot(engine: Engine) -> None:
    store = ObjectiveStore(engine)
    lost, planned = opened(store), opened(store)
    plan = Plan(
        objective_id=planned.id,
        playbook="p",
        tasks=(Task(id="a", title="A", steps=(Step(id="s", tool="t", title="s"),)),),
    )
    store.planned(planned.id, plan, "1" * 64)
    store.withdraw(lost.id)
    store.withdraw(planned.id)
    assert store.get(lost.id) is None
    assert store.get(planned.id) is not None


def test_the_first_end_counts(engine: Engine) -> None:
    store = ObjectiveStore(engine)
    objective = opened(store)
    with engine.begin() as connection:
        first = rows.end(connection, objective.id, ObjectiveResult(stage=Stage.DELIVERED))
        second = rows.end(connection, objective.id, ObjectiveResult(stage=Stage.CANCELLED, reason="late"))
    assert first == second == ObjectiveResult(stage=Stage.DELIVERED)


def test_ids_are_found_by_how_they_begin_and_patterns_mean_nothing(engine: Engine) -> None:
    store = ObjectiveStore(engine)
    objective = opened(store)
    assert store.like(objective.id[:-2]) == (objective.id,)
    assert store.like("row%") == ()
