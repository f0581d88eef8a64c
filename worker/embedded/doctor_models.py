"""Which models would be asked for what, where their keys come from, and what to do where there are none."""

from collections.abc import Iterable, Iterator, Mapping

from config.models import KnownModels, Role, known_models
from config.settings import Settings
from worker.embedded.finding import Finding, Health
from worker.embedded.state import StackState

WAYS_TO_A_MODEL = (
    "set a key: OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY",
    "point OPENAI_BASE_URL at a server, or install botted[local] and set BOTTED_LOCAL__GGUF to a GGUF file of "
    "3B parameters or more",
    "or name a playbook that needs no model with --playbook (`botted playbooks`)",
)
TO_COME = "http://127.0.0.1/v1"
"""Stands for the address of a local model that the stack serves once it runs."""


def models_here(settings: Settings, environment: Mapping[str, str], running: StackState | None) -> KnownModels:
    """What a host started here and now would ask. A local model counts whether or not it is served already."""
    return known_models(settings.models, environment, _local_url(settings, running))


def examine_models(settings: Settings, environment: Mapping[str, str], running: StackState | None) -> Iterator[Finding]:
    known = models_here(settings, environment, running)
    if known.usable:
        text = "; ".join(f"{role}: {', '.join(_told(known, known.roles[role]))}" for role in Role)
        yield Finding(name="Models", text=text)
    else:
        why = "none usable" if known.missing else "none configured"
        text = f"{why}: only playbooks that need no model can be done"
        yield Finding(name="Models", state=Health.WARNING, text=text, fix="; ".join(WAYS_TO_A_MODEL))
    for complaint in known.missing:
        fix = "Set the variable, or take the profile out of the configuration."
        yield Finding(name="Models", state=Health.WARNING, text=f"not usable: {complaint}", fix=fix)


def _local_url(settings: Settings, running: StackState | None) -> str:
    if settings.local.url:
        return settings.local.url
    if running and running.addresses and running.addresses.local_model:
        return running.addresses.local_model
    is_served = settings.local.gguf and not (settings.temporal.address and settings.database.url)
    return TO_COME if is_served else ""


def _told(known: KnownModels, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        profile = known.profiles[name]
        model = profile.settings.model or "the first model that it lists"
        key = f"key from {profile.key_from}" if profile.key_from else "no key needed"
        yield f"{name} ({profile.settings.provider}, {model}, {key})"
