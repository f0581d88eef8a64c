"""`botted models`: who asks which model, with which key, at what price, and how their providers fare."""

import json
import os

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from activities.llm import pricing
from activities.llm.messages import Usage
from activities.llm.model import Profile
from activities.store import hosts
from activities.store.hosts import HostRow
from activities.store.usage import ProviderHealth
from api.cli import settings
from api.cli.host_models import is_elsewhere, known_here, known_to
from api.cli.session import open_session
from config.models import BASE_URLS, KEY_VARIABLES, KnownModels, ProfileSettings, Role
from config.settings import Settings
from worker.embedded import stack
from worker.embedded.doctor_models import TO_COME, WAYS_TO_A_MODEL
from worker.models import profiles_of


def models(*, as_json: bool) -> None:
    configured = settings.load()
    known = known_here(configured)
    profiles = _profiles(configured, known)
    health, note = _asked_of_the_stack(configured)
    if as_json:
        document = {
            "roles": {str(role): list(known.roles.get(role, ())) for role in Role},
            "profiles": profiles,
            "not_usable": list(known.missing),
            "providers": [provider.model_dump(mode="json") for provider in health],
            "note": note,
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    console = Console(highlight=False)
    if profiles:
        console.print(_roles(known))
        console.print()
        console.print(_profile_table(profiles))
    for line in known.missing:
        click.secho(f"not usable: {line}", fg="yellow")
    if not known.usable:
        click.echo("\n".join(["no model can be asked:", *(f"  {way}" for way in WAYS_TO_A_MODEL)]))
    if health:
        console.print()
        console.print(_health_table(health))
    if note:
        click.echo(f"\n{note}")


def _asked_of_the_stack(configured: Settings) -> tuple[tuple[ProviderHealth, ...], str]:
    """How providers fare, and what there is to say of the hosts. Starts nothing only to ask."""
    if not is_elsewhere(configured) and stack.find(configured) is None:
        return (), "the stack does not run; how providers fare is known once it does"
    with open_session(configured, _progress) as session:
        host = hosts.newest(session.engine)
        same = host is not None and host.fingerprint == known_to(session).fingerprint
        return session.usage.health(), "" if same else _other(host)


def _other(host: HostRow | None) -> str:
    if host is None:
        return "no host has registered yet"
    roles = ", ".join(f"{role}: {names}" for role, names in host.models.get("roles", {}).items()) or "none"
    return f"the newest host was started with other models, keys or settings than these: {roles}"


def _profiles(configured: Settings, known: KnownModels) -> list[dict[str, object]]:
    ready = profiles_of(known)
    wanted = {name: profile.settings for name, profile in known.profiles.items()} | dict(configured.models.profiles)
    return [_profile(name, profile, ready.get(name)) for name, profile in wanted.items()]


def _profile(name: str, profile: ProfileSettings, ready: Profile | None) -> dict[str, object]:
    """Of the key only the variable's name, and whether it is set."""
    variable = profile.api_key_env or KEY_VARIABLES[profile.provider]
    url = profile.base_url or BASE_URLS[profile.provider]
    return {
        "name": name,
        "provider": str(profile.provider),
        "model": profile.model or "the first that it lists",
        "base_url": "served once the stack runs" if url == TO_COME else url,
        "key": variable,
        "key_set": not variable or bool(os.environ.get(variable)),
        "price": _price(profile, ready),
        "fallbacks": list(profile.fallbacks),
        "cheaper": profile.cheaper,
    }


def _price(profile: ProfileSettings, ready: Profile | None) -> str:
    """Where the price comes from; dollars per million tokens."""
    if profile.price is not None:
        return f"configured: {profile.price.input:f} in, {profile.price.output:f} out"
    if ready is None:
        return ""
    # A thousand, because some models are dearer in long conversations.
    told = [pricing.cost(ready, ready.model, usage) for usage in (Usage(input_tokens=1000), Usage(output_tokens=1000))]
    prices = [cost * 1000 for cost in told if cost is not None]
    return (
        "price list: {:f} in, {:f} out".format(*(price.normalize() for price in prices))
        if len(prices) == len(told)
        else "unknown"
    )


def _roles(known: KnownModels) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("role")
    table.add_column("asks")
    for role in Role:
        table.add_row(str(role), escape(", ".join(known.roles.get(role, ())) or "nobody"))
    return table


def _profile_table(profiles: list[dict[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("profile", "provider", "model", "key", "$ per million tokens"):
        table.add_column(heading, overflow="fold")
    for profile in profiles:
        there = "set" if profile["key_set"] else "not set"
        key = f"{profile['key']} ({there})" if profile["key"] else "none needed"
        usual = profile["base_url"] in BASE_URLS.values()
        provider = f"{profile['provider']}" if usual else f"{profile['provider']} {profile['base_url']}"
        cells = (profile["name"], provider, profile["model"], key, profile["price"])
        table.add_row(*(escape(str(cell)) for cell in cells))
    return table


def _health_table(health: tuple[ProviderHealth, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("provider", "breaker", "answered", "failed", "p50", "p95", "last error"):
        table.add_column(heading, overflow="fold")
    for one in health:
        at = f"{one.last_error_at.astimezone():%Y-%m-%d %H:%M} " if one.last_error_at else ""
        error = f"{at}{one.last_fault}: {' '.join(one.last_error.split())[:200]}" if one.last_fault else ""
        seconds = (_seconds(one.p50_seconds), _seconds(one.p95_seconds))
        table.add_row(escape(one.name), one.state, f"{one.answered}", f"{one.failed}", *seconds, escape(error))
    return table


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
