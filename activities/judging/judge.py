"""Judges what checks cannot tell, with a model in a fresh context, and sends its verdict by signal."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from pydantic import JsonValue
from sqlalchemy import Connection, Engine
from temporalio import activity
from typing_extensions import override

from activities.desk import Desk
from activities.failures import as_failure
from activities.judging.opinion import Met, Opinion, decision_of, faults_in
from activities.llm.faults import FaultKind
from activities.llm.gateway import Gateway
from activities.llm.messages import Message, ModelRequest, OutputSpec
from activities.llm.parsing import Malformed, parse_output
from activities.llm.sanitising import clean
from activities.llm.schemas import portable_schema
from activities.prompts.library import prompt, sections
from activities.reviewer import OPINION, send_verdict
from activities.store import lessons, work
from activities.store.ledger import Ledger
from activities.store.work import VerdictRow
from activities.threads import Threads
from activities.turns.brief import quoted
from workflows.domain.artifact import ArtifactRef
from workflows.domain.naming import step_key
from workflows.domain.objective import Objective
from workflows.domain.plan import Plan, Task
from workflows.domain.verdict import CHECKS, MAX_FEEDBACK, Decision, ObjectiveVerdict, Subject, TaskVerdict
from workflows.ports.judge import MAX_ROUNDS, Judge, JudgeReceipt, JudgeRequest

ROLE = "verifier"
OUTPUT_TOKENS = 4096
MOST_ARTIFACT = 24_000
MOST_IN_ALL = 120_000
_TEXT = ("text/", "application/json", "application/yaml", "image/svg")


@dataclass(frozen=True)
class Case:
    """What is judged, as the verifier sees it."""

    objective: Objective
    plan: Plan
    task: Task | None
    criteria: tuple[str, ...]
    artifacts: tuple[ArtifactRef, ...]
    texts: dict[str, str]
    """Artifacts that can be read, by name."""
    salt: str


class ModelJudge(Judge):
    """Doubt, and an answer that does not hold after all rounds, is `uncertain`: never an approval."""

    def __init__(self, engine: Engine, desk: Desk, gateway: Gateway, ledger: Ledger, threads: Threads) -> None:
        self._engine = engine
        self._desk = desk
        self._gateway = gateway
        self._ledger = ledger
        self._threads = threads

    @override
    @activity.defn
    async def judge(self, request: JudgeRequest) -> JudgeReceipt:
        try:
            row = await self._judge(request)
        except Exception as error:
            raise as_failure(error) from None  # the cause may hold more of a prompt than a history should
        if row is None:
            return JudgeReceipt(settled=False)
        await send_verdict(_signal(row))
        return JudgeReceipt(settled=True)

    async def _judge(self, request: JudgeRequest) -> VerdictRow | None:
        profile = self._gateway.profile_of(ROLE, request.seat)
        by = f"{CHECKS}{profile.name}#{request.seat}"
        given = await self._threads.run(
            lambda: self._desk.work.verdict(request.objective_id, request.task_id, request.attempt, OPINION, by)
        )
        if given is not None:
            return given
        case = await self._threads.run(lambda: self._case(request))
        key = _key(request, request.round)
        squeezed = await self._gateway.faults(key, FaultKind.CONTEXT_LENGTH)
        asked = await self._threads.run(lambda: self._request(case, request, squeezed))
        asker = self._desk.asker(
            case.objective, key, ROLE, task=case.task, attempt=request.attempt, step_id=_step(request, request.round)
        )
        answer = await self._gateway.ask(asker, asked, seat=request.seat)
        return await self._threads.run(lambda: self._take(case, request, answer.response.text, by))

    def _case(self, request: JudgeRequest) -> Case:
        plan = self._desk.plan(request.plan)
        task = plan.task(request.task_id) if request.task_id else None
        refs = self._submitted(plan, task, request.attempt)
        return Case(
            objective=self._desk.objective(request.objective_id),
            plan=plan,
            task=task,
            criteria=task.criteria if task else plan.criteria,
            artifacts=refs,
            texts={ref.name: self._text(ref) for ref in refs if _is_text(ref)},
            salt=request.plan,
        )

    def _submitted(self, plan: Plan, task: Task | None, attempt: int) -> tuple[ArtifactRef, ...]:
        """The promised artifacts first; of the result, what would be delivered."""
        if task is not None:
            made = self._desk.work.made(plan.objective_id, task.id, attempt)
            return tuple(sorted(made, key=lambda ref: not task.delivers(ref.name)))
        found: dict[str, ArtifactRef] = {}
        for one in plan.tasks:
            for need, tried in self._desk.work.approved(plan.objective_id, [one.id]).items():
                made = self._desk.work.made(plan.objective_id, need, tried)
                found.update({ref.name: ref for ref in made if one.delivers(ref.name)})
        return tuple(found.values())

    def _text(self, ref: ArtifactRef) -> str:
        return clean(self._desk.artifacts.read(ref.sha256).decode("utf-8", "replace"), MOST_ARTIFACT)

    def _request(self, case: Case, request: JudgeRequest, squeezed: int) -> ModelRequest:
        room = MOST_IN_ALL // 2**squeezed
        messages = [
            Message(role="system", content=prompt("verifier")),
            Message(role="user", content=_what_to_judge(case, room)),
        ]
        for earlier in range(1, request.round):
            messages += self._sent_back(case, request, earlier)
        return ModelRequest(
            messages=tuple(messages),
            output=OutputSpec(name="opinion", json_schema=_form(len(case.criteria))),
            max_output_tokens=OUTPUT_TOKENS,
            cache_key=ROLE,
        )

    def _sent_back(self, case: Case, request: JudgeRequest, earlier: int) -> list[Message]:
        kept = self._ledger.kept(_key(request, earlier))
        if kept is None:
            return []
        text = str(kept.response.get("text", ""))
        _, faults = _opinion(case, text)
        told = "\n".join(f"- {fault}" for fault in faults)
        return [
            Message(role="assistant", content=text[:8000]),
            Message(role="user", content=f"This answer does not hold:\n{told}\nAnswer again, corrected."),
        ]

    def _take(self, case: Case, request: JudgeRequest, text: str, by: str) -> VerdictRow | None:
        """The verdict that is written down; None when the answer does not hold and another round is left."""
        opinion, faults = _opinion(case, text)
        if faults and request.round < MAX_ROUNDS:
            return None
        decision = Decision.UNCERTAIN if faults or opinion is None else decision_of(opinion)
        stored = self._desk.artifacts.put("opinion.json", _report(opinion, faults, text), "application/json")
        row = VerdictRow(
            objective_id=request.objective_id,
            task_id=request.task_id,
            attempt=request.attempt,
            subject=OPINION,
            decision=decision,
            decided_by=by,
            feedback=_feedback(case, opinion, faults, decision)[:MAX_FEEDBACK],
            fingerprint=_fingerprint(case, opinion) if decision is Decision.REJECTED else "",
            report=stored.sha256,
        )
        with self._engine.begin() as connection:
            work.decide(connection, row)
            self._keep_lesson(connection, case, row)
        return row

    @staticmethod
    def _keep_lesson(connection: Connection, case: Case, row: VerdictRow) -> None:
        if case.task is None or case.task.brief is None or row.decision is not Decision.REJECTED:
            return
        lessons.keep(
            connection,
            tenant=case.objective.tenant,
            capability=case.task.capability,
            text=row.feedback,
            objective_id=row.objective_id,
            task_id=row.task_id,
        )


def _form(criteria: int) -> dict[str, JsonValue]:
    """The schema of an answer with exactly one finding for each criterion."""
    schema = portable_schema(Opinion)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    findings = properties["findings"]
    assert isinstance(findings, dict)
    bounded: dict[str, JsonValue] = {**findings, "minItems": criteria, "maxItems": criteria}
    return {**schema, "properties": {**properties, "findings": bounded}}


def _what_to_judge(case: Case, room: int) -> str:
    """No word of how the work was done: only what was asked for, and what is there."""
    each = max(room // max(len(case.texts), 1), 500)
    shown = {name: text[:each] for name, text in case.texts.items()}
    task = case.task
    asked = f"{task.title}\n\n{task.brief.instructions if task.brief else ''}" if task else ""
    return sections(
        artifacts=quoted(shown, case.salt),
        artifacts_that_are_not_text="\n".join(
            f"- {ref.name} ({ref.media_type}, {ref.size:,} bytes)" for ref in case.artifacts if ref.name not in shown
        ),
        objective=case.objective.text,
        the_task=asked,
        criteria="\n".join(f"{n}. {criterion}" for n, criterion in enumerate(case.criteria, 1)),
    )


def _opinion(case: Case, text: str) -> tuple[Opinion | None, tuple[str, ...]]:
    try:
        opinion = parse_output(text, Opinion)
    except Malformed as error:
        return None, error.faults
    return opinion, faults_in(opinion, case.criteria, case.texts)


def _feedback(case: Case, opinion: Opinion | None, faults: Sequence[str], decision: Decision) -> str:
    if decision is Decision.APPROVED:
        return ""
    if opinion is None or faults:
        return f"the verifier's answer does not hold: {'; '.join(faults)}"
    open_ = [
        f"{case.criteria[finding.criterion - 1]}: {finding.reason}"
        for finding in opinion.findings
        if finding.met is not Met.YES
    ]
    return "\n".join([opinion.feedback.strip(), *open_]).strip()


def _fingerprint(case: Case, opinion: Opinion | None) -> str:
    """Equal for attempts that submit the same and fail at the same: another would change nothing."""
    unmet = sorted(finding.criterion for finding in opinion.findings if finding.met is not Met.YES) if opinion else []
    content = sorted(ref.sha256 for ref in case.artifacts)
    return sha256(f"{unmet}{content}".encode()).hexdigest()


def _report(opinion: Opinion | None, faults: Sequence[str], text: str) -> bytes:
    if opinion is None:
        return (
            Opinion(findings=[], decision=Decision.UNCERTAIN, feedback=text[:4000]).model_dump_json(indent=1).encode()
        )
    noted = opinion.feedback + "".join(f"\n[{fault}]" for fault in faults)
    return opinion.model_copy(update={"feedback": noted}).model_dump_json(indent=1).encode()


def _is_text(ref: ArtifactRef) -> bool:
    return ref.media_type.startswith(_TEXT)


def _step(request: JudgeRequest, round_: int) -> str:
    return f"judge-{request.seat}-{round_}"


def _key(request: JudgeRequest, round_: int) -> str:
    return step_key(request.objective_id, request.task_id or "result", request.attempt, _step(request, round_))


def _signal(row: VerdictRow) -> TaskVerdict | ObjectiveVerdict:
    if not row.task_id:
        return ObjectiveVerdict(subject=Subject.RESULT, decision=row.decision, by=row.decided_by, feedback=row.feedback)
    return TaskVerdict(
        attempt=row.attempt,
        decision=row.decision,
        by=row.decided_by,
        feedback=row.feedback,
        fingerprint=row.fingerprint,
        report=row.report,
    )
