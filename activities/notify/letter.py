"""What is said: the same for every channel, each of which writes it in its own way."""

import json
import shlex
from datetime import UTC, datetime

from pydantic import JsonValue

from activities.llm.sanitising import brief
from workflows.domain.approval import Approval, OnTimeout
from workflows.domain.model import Model
from workflows.domain.notice import Occasion
from workflows.domain.verdict import Decision, Subject
from workflows.ports.herald import DeliveryRequest

_HEADINGS = {
    Occasion.ASKED: "Waits for you",
    Occasion.REMINDED: "Still waits for you",
    Occasion.ESCALATED: "Nobody has decided yet",
    Occasion.EXPIRED: "Nobody decided in time",
}
_COMMANDS = {
    Decision.APPROVED: "botted approve {}",
    Decision.REVISE: "botted revise {} --with …",
    Decision.REJECTED: "botted deny {} --because …",
}


class Letter(Model):
    """Texts are single clean lines: what an objective says can neither hide nor begin a line of its own.

    `data` alone has them as they are; a machine reads it.
    """

    id: str
    """The same however often it is sent; without a dot, which would make a signature ambiguous."""
    kind: str
    at: datetime
    heading: str
    question: str
    facts: tuple[tuple[str, str], ...] = ()
    answers: tuple[str, ...] = ()
    """Commands of which each is one way to answer."""
    links: dict[str, str] = {}
    data: dict[str, JsonValue] = {}

    @property
    def title(self) -> str:
        return brief(f"{self.heading}: {self.question}", 150)


def letter_of(request: DeliveryRequest, base_url: str, asked_at: datetime | None) -> Letter:
    approval, occasion = request.notice.approval, request.notice.occasion
    links = _links(base_url, approval)
    over = occasion is Occasion.EXPIRED
    return Letter(
        id=f"{approval.id}:{occasion}".replace(".", "/"),
        kind=f"approval.{occasion}",
        at=request.at,
        heading=_HEADINGS[occasion],
        question=brief(approval.text, 400),
        facts=tuple(_facts(request, asked_at)),
        answers=() if over else _answers(approval, request.asked_by, links),
        links=links,
        data={
            "approval": approval.id,
            "objective": approval.objective_id,
            "about": request.notice.objective,
            "task": approval.task_id,
            "subject": str(approval.subject),
            "text": approval.text,
            "choices": [str(choice) for choice in approval.choices],
            "asked_at": _iso(asked_at),
            "deadline": _iso(approval.deadline),
            "links": dict(links),
        },
    )


def trial(key: str, at: datetime, base_url: str) -> Letter:
    """What is sent to see whether a channel works."""
    return Letter(
        id=f"test:{key}",
        kind="notice.test",
        at=at,
        heading="A test of botted",
        question="nothing waits for you; whoever reads this will be told when something does",
        facts=(("sent", _stamp(at)),),
        links={"botted": base_url} if base_url else {},
        data={"text": "a test: nothing waits"},
    )


def plain(letter: Letter) -> str:
    """For people who read plain text."""
    lines = [letter.title, "", *(f"{name}: {value}" for name, value in (("what", letter.question), *letter.facts))]
    if letter.answers:
        lines += ["", "To answer, one of:", *(f"  {line}" for line in letter.answers)]
    if letter.links:
        lines += ["", *(f"{name}: {link}" for name, link in letter.links.items())]
    return "\n".join([*lines, ""])


def _facts(request: DeliveryRequest, asked_at: datetime | None) -> list[tuple[str, str]]:
    approval = request.notice.approval
    attempt = f", attempt {approval.attempt}" if approval.attempt else ""
    facts = [
        ("objective", f"{brief(request.notice.objective)} ({approval.objective_id})"),
        ("task", f"{approval.task_id}{attempt}" if approval.task_id else ""),
        ("since", _stamp(asked_at) if asked_at else ""),
        ("deadline", _deadline(approval)),
        ("may decide", brief(", ".join(_deciders(request)), 300)),
        ("approval", approval.id),
    ]
    return [(name, value) for name, value in facts if value]


def _deadline(approval: Approval) -> str:
    if approval.deadline is None:
        return ""
    default = "approved" if approval.on_timeout is OnTimeout.APPROVE else "denied"
    return f"{_stamp(approval.deadline)}; without an answer it counts as {default}"


def _deciders(request: DeliveryRequest) -> tuple[str, ...]:
    approval = request.notice.approval
    if not approval.deciders or request.notice.occasion is not Occasion.ESCALATED:
        return approval.deciders
    return (*approval.deciders, *approval.escalate_to)


def _answers(approval: Approval, asked_by: str, links: dict[str, str]) -> tuple[str, ...]:
    """What to type for each choice, and the two doors that other systems use."""
    if approval.subject is Subject.WORK:
        submit = f"botted submit {approval.objective_id} {approval.task_id} --summary … --file …"
        return (submit, _COMMANDS[Decision.REJECTED].format(approval.id))
    commands = [_COMMANDS[choice].format(approval.id) for choice in approval.choices if choice in _COMMANDS]
    if approval.subject is Subject.BUDGET:
        commands[:1] = [f"botted budget {approval.objective_id} --usd …"]
    answer = {"approval": approval.id, "decision": approval.choices[0] if approval.choices else "", "by": "YOUR NAME"}
    if answer["decision"] == Decision.REVISE:
        answer["feedback"] = "…"
    return (
        *commands,
        f"POST {links.get('approval') or _path(approval)}/decide",
        f"temporal workflow signal -w {shlex.quote(asked_by)} --name verdict -i {shlex.quote(_json(answer))}",
    )


def _links(base_url: str, approval: Approval) -> dict[str, str]:
    return {"approval": f"{base_url.rstrip('/')}{_path(approval)}"} if base_url else {}


def _path(approval: Approval) -> str:
    return f"/v1/approvals/{approval.id}"


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _json(value: dict[str, str]) -> str:
    return json.dumps(value, ensure_ascii=False)
