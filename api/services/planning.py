"""Which way to plan an objective: by a playbook that was named or clearly fits, or by a model."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Self

from activities.playbooks import library
from activities.playbooks.document import Document
from activities.store.hosts import HostRow
from api.services.faults import Fault, Faulty
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
    """The models that whoever asks knows of. `elsewhere`: hosts are not ours to start, and may know others."""

    planner: str = ""
    """Who would plan; empty: no model can be used."""
    missing: tuple[str, ...] = ()
    elsewhere: bool = False

    @classmethod
    def of(cls, known: KnownModels, *, elsewhere: bool = False) -> Self:
        if not known.usable:
            return cls("", known.missing, elsewhere)
        [name, *_] = known.roles[Role.PLANNER]
        settings = known.profiles[name].settings
        return cls(f"{settings.model or f'the {name} model'} (profile {name})", known.missing, elsewhere)

    @classmethod
    def of_host(cls, host: HostRow | None) -> Self:
        """As the newest host says; before there is one, whichever will come may know some."""
        if host is None:
            return cls(elsewhere=True)
        roles = host.models.get("roles", {})
        return cls(f"profile {roles[Role.PLANNER]}" if all(roles.get(role) for role in Role) else "")

    @property
    def usable(self) -> bool:
        return bool(self.planner)


def choose(
    text: str,
    names: Sequence[str],
    given: tuple[Document, str] | None,
    by: PlanBy,
    models: Models,
    report: Callable[[str], None],
) -> tuple[Document, str] | None:
    """The playbook and its YAML; None: a model plans. Says which, and why.

    `names` are those of the files; `given` is a playbook or plan that was asked for. Raises Faulty.
    """
    if given and by is PlanBy.MODEL:
        text = "a playbook or plan that is given and planning by a model contradict each other; leave one of them out"
        line = "--playbook and --plan model contradict each other; leave one of them out"
        raise Faulty(Fault(("plan",), text, line))
    if given:
        _require_model(given[0], models)
        return given
    if by is PlanBy.MODEL or (by is PlanBy.AUTO and models.usable):
        report(_by_model(models))
        return None
    fitting = [document for document in library.built_in() if _fits(document, text, names)]
    if len(fitting) != 1:
        raise _nothing_fits(names, by, models)
    name = fitting[0].playbook.name
    report(f"playbook: {name} (it fits these files and needs no model; --playbook names another)")
    return library.find(name)


def _require_model(document: Document, models: Models) -> None:
    if document.playbook.needs_model and not models.usable and not models.elsewhere:
        text = f"the playbook {document.playbook.name!r} needs a model, and {_no_model(models)}"
        raise Faulty(Fault(("playbook",), text), hints=WAYS_TO_A_MODEL)


def _by_model(models: Models) -> str:
    if models.usable:
        return f"plan: by {models.planner}; --playbook names one that needs no model"
    if models.elsewhere:
        return "plan: by the model of whichever host takes it; --playbook names one that needs no model"
    raise Faulty(Fault(("plan",), _no_model(models)), hints=WAYS_TO_A_MODEL)


def _nothing_fits(names: Sequence[str], by: PlanBy, models: Models) -> Faulty:
    what = f"an objective like this with {', '.join(names[:5])}" if names else "an objective without files"
    if by is PlanBy.PLAYBOOK:
        fault = Fault(("playbook",), f"no playbook was named, and none clearly fits {what}")
        return Faulty(fault, hints=("`botted playbooks` lists what there is",))
    fault = Fault(("playbook",), f"{_no_model(models)}, and no playbook clearly fits {what}")
    return Faulty(fault, hints=WAYS_TO_A_MODEL)


def _no_model(models: Models) -> str:
    missing = "; ".join(models.missing)
    return f"no configured model is usable ({missing})" if missing else "no model is configured"


def _fits(document: Document, text: str, names: Sequence[str]) -> bool:
    """Made for files like these, and not asked for something else; no guess when it is not clear."""
    spec = document.playbook.files
    tables = spec.kind == "tables" and bool(names) and spec.min <= len(names) <= spec.max
    return tables and not document.playbook.needs_model and not _OTHER_WORK.search(text)
