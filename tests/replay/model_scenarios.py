"""The same for objectives that models plan, do and verify."""

from activities.store.ledger import Scope, set_limits
from tests.fakes.cast import Cast, opinion, plan, role_of, submit, task, write, writes
from tests.fakes.llm_script import Call, Reply, SeenRequest, calls
from tests.fakes.llm_server import FakeLlm
from tests.objectives import Objectives, Running, until
from workflows.domain.budget import Budget, BudgetAnswer, OnLimit
from workflows.domain.message import Message
from workflows.domain.objective import Stage
from workflows.domain.verdict import Decision, TaskVerdict

UNCERTAIN = """
tasks:
  - id: a
    title: Write
    work: {instructions: Write a.txt., tools: [fake.write]}
    criteria: [It is final.]
    review: {quorum: 2, when_uncertain: person}
    deliverables: [a.txt]
"""


async def planned_anew_and_judged(objectives: Objectives, llm: FakeLlm) -> Running:
    """A draft that does not hold, a task that fails, a new plan, a rejection, an approval."""
    first = plan(task("a"), task("b", needs=["a"]))
    second = plan(task("c", needs=["a"], criteria=["It is long."]), criteria=["All is there."], exists=["c.txt"])
    rejected: list[str] = []

    def judge(seen: SeenRequest) -> Reply:
        if "# The task" in seen.turns[0].text and not rejected:
            rejected.append("c")
            return opinion("no", feedback="Say more.")
        return opinion("yes", artifact="c.txt", quote="final")

    cast = Cast(
        plans=[plan(task("a", needs=["a"])), first, second],
        work={
            "Task a": (calls(write("a.txt", "final"), write("b.txt", "final")), calls(submit("a.txt"))),
            "Task b": (calls(Call("give_up", {"reason": "no way"})),),
            "Task c": writes("c.txt"),
        },
        judge=judge,
    )
    llm.responder = cast.answer
    running = await objectives.ask()
    result = await running.result()
    assert result.stage is Stage.DELIVERED, result.reason
    return running


async def asked_for_more_budget(objectives: Objectives, llm: FakeLlm) -> Running:
    llm.responder = Cast(plans=[plan(task("a"))], work={"Task a": writes("a.txt")}).answer
    running = await objectives.ask(budget=Budget(turns=2), on_limit=OnLimit.ASK)
    await until(lambda: "approval.requested" in objectives.kinds(running))
    handle = objectives.task(running, "a")
    await handle.signal("message", Message(id="1", by="ana", text="Hurry."))
    for name in (running.id, f"{running.id}/task/a"):
        scope = Scope(name=name, objective_id=running.id.removeprefix("objective/"), budget=Budget())
        with objectives.engine.begin() as connection:
            set_limits(connection, scope, Budget(turns=20))
    await handle.signal("budget", BudgetAnswer(granted=True, by="ana"))
    assert (await running.result()).stage is Stage.DELIVERED
    return running


async def an_objective_of_its_own(objectives: Objectives, llm: FakeLlm) -> Running:
    exists = [{"check": "artifact.exists", "arguments": '{"artifact": "a.txt"}'}]
    parent = plan(task("part", as_objective=True, tools=[], deliverables=["a.txt"], checks=exists))
    llm.responder = Cast(plans=[parent, plan(task("a"))], work={"Task a": writes("a.txt")}).answer
    running = await objectives.ask()
    assert (await running.result()).stage is Stage.DELIVERED
    return running


async def doubt_settled_by_a_person(objectives: Objectives, llm: FakeLlm) -> Running:
    def judge(seen: SeenRequest) -> Reply:
        assert role_of(seen) == "verifier"
        return opinion("unsure")

    llm.responder = Cast(work={"Write": writes("a.txt")}, judge=judge).answer
    running = await objectives.start(UNCERTAIN)
    await until(lambda: "approval.requested" in objectives.kinds(running))
    verdict = TaskVerdict(attempt=1, decision=Decision.APPROVED, by="ana")
    await objectives.task(running, "a").signal("verdict", verdict)
    assert (await running.result()).stage is Stage.DELIVERED
    return running


MODEL_SCENARIOS = (
    planned_anew_and_judged,
    asked_for_more_budget,
    an_objective_of_its_own,
    doubt_settled_by_a_person,
)
