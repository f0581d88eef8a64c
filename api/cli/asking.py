"""Asks whoever sits in front of the terminal what they decide."""

import click

from api.services.approvals import ApprovalInDetail, NewDecision
from workflows.domain.verdict import MAX_FEEDBACK, Decision, Subject

_LETTERS = {Decision.APPROVED: "a", Decision.REVISE: "r", Decision.REJECTED: "d"}
_WORDS = {Decision.APPROVED: "[a]pprove", Decision.REVISE: "[r]evise", Decision.REJECTED: "[d]eny"}
_TO_GO_ON = {
    Decision.APPROVED: "go on without them ([a])",
    Decision.REVISE: "do them again, as you say ([r])",
    Decision.REJECTED: "end it undelivered ([d])",
}
_SYNONYMS = {"y": "a", "n": "d"}


def ask(approval: ApprovalInDetail) -> NewDecision | None:
    """None: later."""
    letters = {_LETTERS[choice]: choice for choice in approval.choices}
    also = [word for word, meant in _SYNONYMS.items() if meant in letters]
    typed = click.prompt(
        f"{_question(approval)} {_offered(approval)}, or decide [l]ater",
        type=click.Choice([*letters, *also, "l"]),
        default="l",
        show_choices=False,
    )
    decision = letters.get(_SYNONYMS.get(typed, typed))
    return NewDecision(decision=decision, feedback=reason(decision)) if decision else None


def reason(decision: Decision) -> str:
    """What is to change, or why not."""
    match decision:
        case Decision.REVISE:
            said = click.prompt("What is to change?")
        case Decision.REJECTED:
            said = click.prompt("Why not?", default="", show_default=False)
        case _:
            said = ""
    return str(said)[:MAX_FEEDBACK]


def _question(approval: ApprovalInDetail) -> str:
    if approval.subject is Subject.EXHAUSTED:
        return f"{approval.text[:1].upper()}{approval.text[1:]}?"
    return f"Approve {approval.text}?"


def _offered(approval: ApprovalInDetail) -> str:
    words = _TO_GO_ON if approval.subject is Subject.EXHAUSTED else _WORDS
    return ", ".join(words[choice] for choice in approval.choices)
