"""From what a person typed to an objective that can be done: everything is checked before anything starts."""

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from activities.catalogue import catalogue
from activities.playbooks import library
from activities.playbooks.document import Document, PlaybookError, parse_plan
from activities.store.artifacts import ArtifactStore
from api.cli.errors import BadInput
from api.cli.person import person
from api.services.faults import Fault, Faulty
from api.services.intake import Accepted, Wanted, accept, media_type, new_id, require_channels, require_text
from api.services.limits import Limits, of_worker
from api.services.planning import Models, PlanBy
from config.settings import BudgetSettings
from workflows.domain.objective import Mode, Objective, Oversight


class Asked(BaseModel):
    """What a person typed."""

    model_config = ConfigDict(frozen=True)

    text: str
    files: tuple[Path, ...] = ()
    playbook: str | None = None
    inputs: tuple[str, ...] = ()
    out: Path | None = None
    mode: Mode = Mode.AUTO
    oversight: Oversight = Oversight.END
    prefers: Mode | None = None
    plan: PlanBy | Path = PlanBy.AUTO
    """A path: of a plan that somebody wrote."""
    notify: tuple[str, ...] = ()
    limits: Limits = Limits()


class Request(BaseModel):
    """What was asked for, once it is known to be good."""

    model_config = ConfigDict(frozen=True)

    objective_id: str
    asked: Asked
    files: tuple[tuple[str, Path], ...]
    accepted: Accepted
    out: Path

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.accepted.warnings

    @property
    def needs_model(self) -> bool:
        return self.accepted.needs_model


def take_in(asked: Asked, models: Models, report: Callable[[str], None], *, channels: Collection[str] = ()) -> Request:
    """`channels` are those that the settings have. Raises BadInput with everything that is wrong."""
    objective_id = new_id(asked.text)
    out = Path(os.path.abspath(asked.out or Path("deliverables") / objective_id))
    try:
        require_text(asked.text)
        _check_out(out)
        named = _named(asked.files)
        require_channels(asked.notify, channels)
        wanted = Wanted(
            text=asked.text,
            files=named,
            given=_given(asked),
            inputs=_pairs(asked.inputs),
            plan=asked.plan if isinstance(asked.plan, PlanBy) else PlanBy.AUTO,
        )
        accepted = accept(wanted, catalogue(), models, report)
    except PlaybookError as error:
        raise BadInput(*error.faults) from error
    except Faulty as error:
        raise BadInput(*(_line(fault, asked) for fault in error.faults), *error.hints) from error
    return Request(objective_id=objective_id, asked=asked, files=named, accepted=accepted, out=out)


def store(request: Request, artifacts: ArtifactStore, budget: BudgetSettings) -> Objective:
    """Copies the files and the playbook into the store; from here on the originals are no longer needed."""
    asked, chosen = request.asked, request.accepted.chosen
    return Objective(
        id=request.objective_id,
        text=asked.text,
        files=tuple(artifacts.put_file(name, path, media_type(name)) for name, path in request.files),
        playbook=chosen.stored(artifacts) if chosen else None,
        inputs=chosen.inputs if chosen else {},
        mode=asked.mode,
        oversight=asked.oversight,
        prefers=asked.prefers,
        notify=asked.notify,
        asked_by=person(),
        budget=asked.limits.of_objective(budget),
        worker_budget=of_worker(budget),
        on_limit=asked.limits.on_limit,
    )


def _line(fault: Fault, asked: Asked) -> str:
    match fault.field:
        case ("files", int(n)):
            return f"--file {asked.files[n]}: {fault.text}"
        case ("notify", int(n)):
            return f"--notify {asked.notify[n]}: {fault.text}"
        case _:
            return fault.line or fault.text


def _given(asked: Asked) -> tuple[Document, str] | None:
    """The playbook or the plan that was named. Raises PlaybookError and BadInput."""
    if isinstance(asked.plan, Path):
        if asked.playbook:
            raise BadInput("--playbook and a plan of your own with --plan contradict each other; leave one of them out")
        return parse_plan(_text_of(asked.plan), str(asked.plan), asked.text)
    return library.find(asked.playbook) if asked.playbook else None


def _text_of(plan: Path) -> str:
    try:
        return plan.expanduser().read_text("utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(f"--plan {plan}: cannot be read: {error}") from error


def _check_out(out: Path) -> None:
    """Whether the deliverables could be put there, found out before the work rather than after it."""
    # os.path, because Path.exists raises for what lies in a folder that may not be entered.
    there = next(parent for parent in (out, *out.parents) if os.path.exists(parent))
    if not there.is_dir():
        raise BadInput(f"--out {out}: {there} is a file, not a folder; name another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise BadInput(f"--out {out}: no permission to write in {there}; name another folder")


def _named(files: Sequence[Path]) -> tuple[tuple[str, Path], ...]:
    taken: dict[str, Path] = {}
    for path in files:
        _check_reachable(path)
        if path.is_dir():
            raise BadInput(f"--file {path}: this is a folder; name the files in it, each with its own --file")
        if not os.access(path, os.R_OK):
            raise BadInput(f"--file {path}: no permission to read it")
        name, n = path.name, 2
        while name in taken:
            name, n = f"{path.stem}-{n}{path.suffix}", n + 1
        taken[name] = path
    return tuple(taken.items())


def _check_reachable(path: Path) -> None:
    try:
        path.stat()
    except PermissionError:
        raise BadInput(f"--file {path}: no permission to enter its folder") from None
    except (OSError, ValueError):
        raise BadInput(f"--file {path}: there is no such file") from None


def _pairs(inputs: Sequence[str]) -> dict[str, JsonValue]:
    pairs: dict[str, JsonValue] = {}
    for text in inputs:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise BadInput(f"--input {text}: write it as name=value")
        pairs[name.strip()] = value
    return pairs
