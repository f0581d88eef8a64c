"""`botted approve`, `botted deny` and `botted cancel`."""

import getpass

import click

from api.cli import settings
from api.cli.errors import BadInput
from api.cli.session import open_session
from workflows.domain.verdict import Decision, ObjectiveVerdict, Subject


def decide(asked: str, *, approved: bool, because: str) -> None:
    with open_session(settings.load(), _progress) as session:
        objective_id = session.objective(asked).request.id
        waiting = session.workflows.pending(objective_id)
        if not waiting:
            raise BadInput(
                f"nothing of {objective_id} waits for you now; `botted show {objective_id}` says where it is"
            )
        verdict = ObjectiveVerdict(
            subject=Subject(waiting[0]),
            decision=Decision.APPROVED if approved else Decision.REJECTED,
            by=getpass.getuser(),
            feedback=because,
        )
        session.workflows.decide(objective_id, verdict)
        click.echo(f"{verdict.decision} the {verdict.subject} of {objective_id}")


def cancel(asked: str) -> None:
    with open_session(settings.load(), _progress) as session:
        row = session.objective(asked)
        if row.ended_at is not None:
            raise BadInput(f"{row.request.id} has already ended: {str(row.stage).replace('_', ' ')}")
        session.workflows.cancel(row.request.id)
        click.echo(f"cancelling {row.request.id}; `botted show {row.request.id}` says when it is over")


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
