"""Which way to plan an objective: by a playbook that was named or clearly fits, or by a model."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from pathlib import Path

from activities.playbooks import library
from activities.playbooks.document import Document
from api.cli.errors import BadInput
from config.models import KnownModels, Role
from worker.embedded.doctor_models import WAYS_TO_A_MODEL

_MAKING = r"(?:write|draft|compose|send|reply|create|make|build|develop|design|generate|code|program|implement|prepare)"
_PRODUCTS = (
    r"(?:e-?mails?|letters?|code|programs?|scripts?|apps?|websites?|web pages?|pages?|poems?|songs?|stor(?:y|ies)"
    r"|presentations?|slides?|decks?|tests?|contracts?|invoices?|newsletters?|posts?|tweets?|logos?|spreadsheets?)"
)
_OTHER_WORK = re.compile(
    rf"\btranslat(?:e|ion)\b|\b{_MAKING}\b(?:\W+\w+){{0,4}}?\W+{_PRODUCTS}\b"
    r"|^\W*(?:please\s+)?(?:convert|merge|join|sort|rename|deduplicate|anonymi[sz]e|rewrite|proofread|fix|clean|split)\b",
    re.IGNORECASE,
)
"""Words that clearly ask for something else than a report on what is in tables."""


class PlanBy(StrEnum):
    AUTO = auto()
    MODEL = auto()
    PLAYBOOK = auto()


@dataclass(frozen=True)
class Models:
    """The models that this command knows of. `elsewhere`: hosts are not ours to start, and may know others."""

    known: KnownModels
    elsewhere: bool = False

    @property
    def planner(self) -> str:
        [name, *_] = self.known.roles[Role.PLANNER]
        settings = self.known.profiles[name].settings
        return f"{settings.model or f'the {name} model'} (profile {name})"


def choose(
    text: str,
    files: Sequence[tuple[str, Path]],
    playbook: str | None,
    by: PlanBy,
    models: Models,
    report: Callable[[str], None],
) -> tuple[Document, str] | None:
    """The playbook and its YAML; None: a model plans. Says which, and why. Raises BadInput or PlaybookError."""
    if playbook and by is PlanBy.MODEL:
        raise BadInput("--playbook and --plan model contradict each other; leave one of them out")
    if playbook:
        return _named(playbook, models)
    if by is PlanBy.MODEL or (by is PlanBy.AUTO and models.known.usable):
        report(_by_model(models))
        return None
    fitting = [document for document in library.built_in() if _fits(document, text, files)]
    if len(fitting) != 1:
        raise _nothing_fits(files, by, models)
    name = fitting[0].playbook.name
    report(f"playbook: {name} (it fits these files and needs no model; --playbook names another)")
    return library.find(name)


def _named(playbook: str, models: Models) -> tuple[Document, str]:
    found = library.find(playbook)
    document, _ = found
    if document.playbook.needs_model and not models.known.usable and not models.elsewhere:
        name = document.playbook.name
        raise BadInput(f"the playbook {name!r} needs a model, and {_no_model(models)}", *WAYS_TO_A_MODEL)
    return found


def _by_model(models: Models) -> str:
    if models.known.usable:
        return f"plan: by {models.planner}; --playbook names one that needs no model"
    if models.elsewhere:
        return "plan: by the model of whichever host takes it; --playbook names one that needs no model"
    raise BadInput(_no_model(models), *WAYS_TO_A_MODEL)


def _nothing_fits(files: Sequence[tuple[str, Path]], by: PlanBy, models: Models) -> BadInput:
    names = ", ".join(name for name, _ in files[:5])
    what = f"an objective like this with {names}" if files else "an objective without files"
    if by is PlanBy.PLAYBOOK:
        return BadInput(
            f"no playbook was named, and none clearly fits {what}", "`botted playbooks` lists what there is"
        )
    return BadInput(f"{_no_model(models)}, and no playbook clearly fits {what}", *WAYS_TO_A_MODEL)


def _no_model(models: Models) -> str:
    missing = "; ".join(models.known.missing)
    return f"no configured model is usable ({missing})" if missing else "no model is configured"


def _fits(document: Document, text: str, files: Sequence[tuple[str, Path]]) -> bool:
    """Made for files like these, and not asked for something else; no guess when it is not clear."""
    spec = document.playbook.files
    tables = spec.kind == "tables" and bool(files) and spec.min <= len(files) <= spec.max
    return tables and not document.playbook.needs_model and not _OTHER_WORK.search(text)
