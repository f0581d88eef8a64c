"""Asks for an objective: checked first, then written down, then started; however often it is sent, once."""

import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, JsonValue, model_validator
from starlette.concurrency import run_in_threadpool
from temporalio.service import RPCError

from activities.playbooks import library
from activities.playbooks.document import Document, PlaybookError, parse, parse_plan
from activities.playbooks.places import MAX_BYTES
from activities.store import hosts
from activities.store.objectives import ObjectiveRow
from activities.store.uploads import UploadRow, UploadStore
from api.auth.principal import Principal
from api.errors import Invalid
from api.house import House
from api.services.faults import Fault, Faulty
from api.services.intake import MAX_TEXT, Accepted, Wanted, accept, media_type, new_id, require_channels
from api.services.limits import Limits, of_worker
from api.services.names import FileName
from api.services.planning import Models, PlanBy
from api.services.starting import start
from workflows.domain.approval import ApprovalPolicy
from workflows.domain.artifact import ArtifactRef, Sha256
from workflows.domain.budget import OnLimit
from workflows.domain.model import Model
from workflows.domain.objective import Mode, Objective, Oversight

MOST = 10**9
"""Of dollars, tokens, turns or minutes: more than anybody means, and less than the store can hold."""
MOST_FILES = 200
Amount = Annotated[Decimal, Field(gt=0, le=MOST, max_digits=18, decimal_places=9)]
Count = Annotated[int, Field(ge=1, le=MOST)]
Yaml = Annotated[str, Field(max_length=MAX_BYTES)]


class FileAsked(Model):
    """A file that was uploaded before."""

    sha256: Sha256 = Field(description="as the upload's answer has it", examples=["b1" * 32])
    name: FileName | None = Field(None, description="none: the upload's", examples=["sales.csv"])


class BudgetAsked(Model):
    """What models may cost; what is left out is as the settings say."""

    usd: Amount | None = Field(None, examples=["2.50"])
    tokens: Count | None = None
    turns: Count | None = Field(None, description="model calls")
    minutes: Amount | None = Field(None, description="from the first model call on")


class NewObjective(Model):
    """What somebody wants done."""

    text: str = Field(min_length=1, max_length=MAX_TEXT, examples=["What drives the delays?"])
    files: tuple[FileAsked, ...] = Field((), max_length=MOST_FILES)
    playbook: str | None = Field(None, max_length=60, description="the name of one that comes with botted")
    playbook_text: Yaml | None = Field(None, description="a playbook of your own, as YAML")
    plan_text: Yaml | None = Field(None, description="a plan of your own, as YAML: `tasks`, as playbooks have them")
    inputs: dict[str, JsonValue] = Field({}, description="of the playbook")
    plan: PlanBy = Field(PlanBy.AUTO, description="who plans where neither playbook nor plan is given")
    mode: Mode = Mode.AUTO
    oversight: Oversight = Field(Oversight.END, description="in manual mode: what a person approves beside the plan")
    prefers: Literal[Mode.AUTO, Mode.MANUAL] | None = Field(None, description="your preference in mode decide")
    budget: BudgetAsked = BudgetAsked()
    on_limit: OnLimit = Field(OnLimit.STOP, description="when the budget is used up")
    max_parallel: int = Field(8, ge=1, le=200, description="tasks at the same time")
    max_replans: int = Field(1, ge=0, le=5, description="how often a model may plan anew what was not approved")
    approvals: ApprovalPolicy | None = Field(None, description="none: anybody who may decide, denied after 30 days")
    notify: tuple[str, ...] = Field((), max_length=20, description="channels that hear what waits for a person")

    @model_validator(mode="after")
    def _one_plan(self) -> "NewObjective":
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} contradict each other; leave all but one of them out")
        return self

    @property
    def digest(self) -> str:
        """Equal for the same wish, however its JSON is written, and also after fields with defaults were added."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def limits(self) -> Limits:
        return Limits(**self.budget.model_dump(), on_limit=self.on_limit)


_SOURCES = ("playbook", "playbook_text", "plan_text")


class Created(NamedTuple):
    objective_id: str
    replayed: bool
    """It was asked for before, under the same key."""
    warnings: tuple[str, ...] = ()


class Creation:
    def __init__(self, house: House) -> None:
        self._house = house
        self._uploads = UploadStore(house.engine)

    async def create(self, new: NewObjective, caller: Principal, key: str | None) -> Created:
        """`key` makes it count once. Raises Invalid, and RPCError when Temporal does not start it."""
        if key:
            objective_id = keyed_id(caller.tenant, key)
            row = await run_in_threadpool(self._house.objectives.get, objective_id, caller.tenant)
            if row is not None:
                return await self._replay(row, new)
            return await self._open(new, caller, objective_id)
        return await self._open(new, caller, None)

    async def _open(self, new: NewObjective, caller: Principal, keyed_id: str | None) -> Created:
        accepted = await run_in_threadpool(self._accept, new, caller.tenant)
        while True:
            objective = await run_in_threadpool(self._objective, new, caller, accepted, keyed_id or new_id(new.text))
            if await run_in_threadpool(self._house.objectives.open, objective, new.digest):
                await self._start(objective)
                return Created(objective.id, False, accepted.warnings)
            if keyed_id is not None:  # the same request, sent at the same time, was first
                row = await run_in_threadpool(self._house.objectives.get, keyed_id, caller.tenant)
                if row is not None:
                    return await self._replay(row, new)

    async def _start(self, objective: Objective) -> None:
        """What is not started is not left in the list either."""
        try:
            await start(self._house.temporal, objective)
        except RPCError:
            await run_in_threadpool(self._house.objectives.withdraw, objective.id)
            raise

    async def _replay(self, row: ObjectiveRow, new: NewObjective) -> Created:
        if row.body_digest != new.digest:
            text = "this key was used for another request; take a new key for a new objective"
            raise Invalid(text, errors=(("header.Idempotency-Key", "was used for another request"),))
        if row.plan is None and not row.stage.ended:  # whoever wrote it down may have died before it was started
            await start(self._house.temporal, row.request)
            await run_in_threadpool(self._house.objectives.open, row.request, row.body_digest)
        return Created(row.request.id, True)

    def _accept(self, new: NewObjective, tenant: str) -> Accepted:
        uploads = self._uploaded(new.files, tenant)
        try:
            require_channels(new.notify, self._house.settings.notify.channels)
            given, given_as = _given(new)
            models = Models.of_host(hosts.newest(self._house.engine))
            with ExitStack() as held:
                wanted = Wanted(
                    text=new.text,
                    files=self._readable(uploads, held) if uploads else (),
                    given=given,
                    given_as=given_as,
                    inputs=new.inputs,
                    plan=new.plan,
                )
                return accept(wanted, self._house.catalogue, models, lambda text: None)
        except Faulty as error:
            raise _invalid(error) from error

    def _uploaded(self, files: Sequence[FileAsked], tenant: str) -> tuple[ArtifactRef, ...]:
        known = self._uploads.known(tenant, {file.sha256 for file in files}) if files else {}
        faults: list[tuple[str, str]] = []
        refs: list[ArtifactRef] = []
        for n, file in enumerate(files):
            upload = known.get(file.sha256)
            if upload is None:
                faults.append((f"body.files.{n}.sha256", "there is no such upload; send it to /v1/uploads first"))
                continue
            refs.append(_ref(upload, file.name))
            if any(ref.name == refs[-1].name for ref in refs[:-1]):
                faults.append((f"body.files.{n}.name", f"two files are called {refs[-1].name!r}"))
        if faults:
            raise Invalid("the files are not right", errors=tuple(faults[:50]))
        return tuple(refs)

    def _readable(self, refs: Sequence[ArtifactRef], held: ExitStack) -> tuple[tuple[str, Path], ...]:
        """The files under their own names, as long as they are held."""
        scratch = self._house.settings.folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(dir=scratch, prefix="api-")))
        return tuple((ref.name, self._house.artifacts.file(ref.sha256, folder / ref.name)) for ref in refs)

    def _objective(self, new: NewObjective, caller: Principal, accepted: Accepted, objective_id: str) -> Objective:
        budget, chosen = self._house.settings.budget, accepted.chosen
        return Objective(
            id=objective_id,
            text=new.text,
            files=self._uploaded(new.files, caller.tenant),
            playbook=chosen.stored(self._house.artifacts) if chosen else None,
            inputs=chosen.inputs if chosen else {},
            mode=new.mode,
            oversight=new.oversight,
            prefers=new.prefers,
            approvals=new.approvals or ApprovalPolicy(),
            notify=new.notify,
            tenant=caller.tenant,
            asked_by=caller.name,
            max_parallel=new.max_parallel,
            budget=new.limits.of_objective(budget),
            worker_budget=of_worker(budget),
            on_limit=new.on_limit,
            max_replans=new.max_replans,
        )


def keyed_id(tenant: str, key: str) -> str:
    """The same for the same key, and no other tenant's."""
    return f"asked-{sha256(json.dumps([tenant, key]).encode()).hexdigest()[:32]}"


def _given(new: NewObjective) -> tuple[tuple[Document, str] | None, str]:
    """The playbook or plan with its YAML, and the field that it came in. Raises Faulty."""
    try:
        if new.playbook_text is not None:
            return (parse(new.playbook_text, "playbook_text"), new.playbook_text), "playbook_text"
        if new.plan_text is not None:
            return parse_plan(new.plan_text, "plan_text", new.text), "plan_text"
    except PlaybookError as error:
        field = "plan_text" if new.plan_text is not None else "playbook_text"
        raise Faulty(*(Fault((field,), fault) for fault in error.faults)) from error
    if new.playbook is None:
        return None, "playbook"
    found = library.named(new.playbook)
    if found is None:
        there_are = ", ".join(document.playbook.name for document in library.built_in())
        raise Faulty(Fault(("playbook",), f"there is no playbook {new.playbook!r}; there are {there_are}"))
    return found, "playbook"


def _ref(upload: UploadRow, name: str | None) -> ArtifactRef:
    kind = media_type(name) if name else upload.media_type
    return ArtifactRef(sha256=upload.sha256, name=name or upload.name, media_type=kind, size=upload.size)


def _invalid(error: Faulty) -> Invalid:
    errors = tuple((".".join(map(str, ("body", *fault.field))), fault.text) for fault in error.faults[:50])
    return Invalid(
        error.faults[0].text if len(errors) == 1 else "the objective cannot be done like this", errors=errors
    )
