"""What a person wants of an objective that runs: one function per command, all through the helm."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from activities.store.uploads import UploadStore
from api.auth.principal import Principal, Right
from api.cli import settings
from api.cli.actor import Actor
from api.cli.errors import BadInput
from api.cli.session import Session, open_session
from api.services.intake import media_type
from api.services.steering import Assignment, HandedIn, Helm, NewMessage, NewSubmission
from workflows.domain.control import PERSON, Action, ControlReceipt, SubmissionReceipt
from workflows.domain.objective import Mode, Oversight

MOST_MESSAGE = 2000


def pause(asked: str) -> None:
    paused = _control(asked, Action.PAUSE)
    click.echo(f"paused {paused}: what runs is finished, nothing new begins")
    click.echo(f"botted advance {paused}   lets one thing begin;   botted resume {paused}   everything")


def resume(asked: str) -> None:
    click.echo(f"{_control(asked, Action.RESUME)} goes on")


def advance(asked: str, task: str) -> None:
    objective_id = _control(asked, Action.ADVANCE, task=task)
    what = f"one step of the task {task}" if task else "one thing"
    click.echo(f"{objective_id}: {what} may begin")


def retry(asked: str, task: str, instructions: str) -> None:
    objective_id = _control(asked, Action.RETRY_TASK, task=task, text=instructions)
    click.echo(f"the task {task} of {objective_id} is done again, and what builds on it")


def skip(asked: str, task: str, reason: str) -> None:
    objective_id = _control(asked, Action.SKIP_TASK, task=task, text=reason)
    click.echo(f"{objective_id} goes on without the task {task}")


def stop_task(asked: str, task: str) -> None:
    objective_id = _control(asked, Action.CANCEL_TASK, task=task)
    click.echo(f"stopping the task {task} of {objective_id}; `botted retry {objective_id} {task}` begins it anew")


def assign(asked: str, task: str, worker: str) -> None:
    async def assigned(helm: Helm, principal: Principal) -> ControlReceipt:
        return await helm.assign(principal, objective_id, Assignment(task=task, worker=worker))

    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        objective_id = actor.objective(asked).request.id
        actor.steer(assigned)
    click.echo(f"{worker} does the task {task} of {objective_id}")
    if worker.startswith(PERSON):
        click.echo(f"to hand it in: botted submit {objective_id} {task} --summary … --file …")


def switch(asked: str, mode: Mode, oversight: Oversight | None) -> None:
    objective_id = _control(asked, Action.SET_MODE, mode=mode, oversight=oversight)
    asks = f", with you asked about {_ABOUT[oversight]}" if oversight and mode is Mode.MANUAL else ""
    click.echo(f"{objective_id} goes on in {mode} mode{asks}")


def cancel(asked: str) -> None:
    with open_session(settings.load(), _progress) as session:
        objective_id = stop(session, asked)
    click.echo(f"cancelling {objective_id}; `botted show {objective_id}` says when it is over")


def stop(session: Session, asked: str) -> str:
    """Cancels it; its id."""
    actor = Actor(session)
    objective_id = actor.objective(asked).request.id
    actor.steer(lambda helm, principal: helm.cancel(principal, objective_id))
    return objective_id


def tell(asked: str, task: str, text: str) -> None:
    if not text.strip() or len(text) > MOST_MESSAGE:
        raise BadInput(f"a message has between 1 and {MOST_MESSAGE:,} characters, this one has {len(text.strip()):,}")
    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        objective_id = actor.objective(asked).request.id
        done = actor.steer(
            lambda helm, principal: helm.message(principal, objective_id, NewMessage(task=task, text=text))
        )
    click.echo(done.said)


def submit(asked: str, task: str, summary: str, files: Sequence[str]) -> None:
    """A file is a path, under its own name, or NAME=PATH."""
    named = _named(files)

    async def handed_in(helm: Helm, principal: Principal) -> SubmissionReceipt:
        uploads = UploadStore(session.engine)
        given = []
        for name, path in named.items():
            ref = session.artifacts.put_file(name, path, media_type(name))
            uploads.enter(principal.tenant, ref, principal.name)
            given.append(HandedIn(sha256=ref.sha256, name=name))
        return await helm.submit(principal, objective_id, NewSubmission(task=task, summary=summary, files=tuple(given)))

    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        objective_id = actor.objective(asked).request.id
        receipt = actor.steer(handed_in, Right.WORK)
    click.echo(f"handed in: attempt {receipt.attempt} at the task {task} of {objective_id}; now it is checked")


def _control(asked: str, action: Action, **what: object) -> str:
    """The id of the objective, once it is done."""
    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        objective_id: str = actor.objective(asked).request.id
        actor.steer(lambda helm, principal: helm.control(principal, objective_id, action, **what))
    return objective_id


def _named(files: Sequence[str]) -> dict[str, Path]:
    """Name → where it lies. Raises BadInput."""
    pairs = [_pair(given) for given in files]
    for _, path in pairs:
        if not path.is_file():
            raise BadInput(f"--file {path}: {'this is a folder' if path.is_dir() else 'there is no such file'}")
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise BadInput(f"two files are called {twice[0]!r}; give one another name: --file NAME=PATH")
    return dict(pairs)


def _pair(given: str) -> tuple[str, Path]:
    name, separator, path = given.partition("=")
    if separator and not Path(given).exists():
        return name.strip(), Path(path).expanduser()
    return Path(given).name, Path(given).expanduser()


_ABOUT = {
    Oversight.END: "the result",
    Oversight.TASK: "each task and the result",
    Oversight.STEP: "each step, each task and the result",
}


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
