"""Which models there are and who asks which: from botted.toml, or else from the keys in the environment."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Provider(StrEnum):
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    COMPATIBLE = "compatible"
    """Anything that speaks Chat Completions at a base URL: vLLM, Ollama, llama.cpp, a gateway."""


class Role(StrEnum):
    PLANNER = "planner"
    EXECUTOR = "executor"
    VERIFIER = "verifier"


KEY_VARIABLES = {
    Provider.OPENAI: "OPENAI_API_KEY",
    Provider.ANTHROPIC: "ANTHROPIC_API_KEY",
    Provider.GEMINI: "GEMINI_API_KEY",
    Provider.COMPATIBLE: "",
}
BASE_URLS = {
    Provider.OPENAI: "https://api.openai.com/v1",
    Provider.ANTHROPIC: "https://api.anthropic.com",
    Provider.GEMINI: "https://generativelanguage.googleapis.com/v1beta/openai/",
    Provider.COMPATIBLE: "",
}
DEFAULT_MODELS = {
    Provider.OPENAI: ("gpt-5.4", "gpt-5.4-mini"),
    Provider.ANTHROPIC: ("claude-sonnet-5-5", "claude-haiku-5-5"),
    Provider.GEMINI: ("gemini-3.1-pro-preview", "gemini-3.5-flash"),
}
"""Strong and fast, where the configuration names none."""


class PriceSettings(Section):
    """US dollars per million tokens."""

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(None, ge=0)
    cache_write: Decimal | None = Field(None, ge=0)


class ProfileSettings(Section):
    """A named way of asking a model."""

    provider: Provider
    model: str = Field("", description="empty: the first one that the server lists")
    base_url: str = Field("", description="needed for `compatible`; elsewhere the provider's own")
    api_key_env: str = Field("", description="the variable that holds the key; empty: the provider's usual one")
    max_output_tokens: int = Field(16_384, ge=64)
    context_tokens: int = Field(128_000, ge=1024)
    price: PriceSettings | None = Field(None, description="overrides the price list")
    fallbacks: tuple[str, ...] = Field((), description="profiles to ask when this one's provider fails")
    cheaper: str = Field("", description="the profile to degrade to when the budget runs out")
    native_tools: bool = True
    structured: bool = True
    stream: bool = False
    deadline_seconds: float = Field(180, gt=0)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.provider is Provider.COMPATIBLE and not self.base_url:
            raise ValueError("provider 'compatible' needs base_url, such as http://127.0.0.1:8000/v1")
        return self


class ModelsSettings(Section):
    profiles: dict[str, ProfileSettings] = Field({}, description="by name; none: the environment's keys decide")
    roles: dict[Role, tuple[str, ...]] = Field(
        {}, description="planner, executor, verifier → profiles; several verifiers take turns"
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        asked = [(f"roles.{role}", name) for role, names in self.roles.items() for name in names]
        asked += [(f"profiles.{name}.fallbacks", one) for name, p in self.profiles.items() for one in p.fallbacks]
        asked += [(f"profiles.{name}.cheaper", p.cheaper) for name, p in self.profiles.items() if p.cheaper]
        for where, name in asked:
            if name not in self.profiles:
                there_are = ", ".join(sorted(self.profiles)) or "none"
                raise ValueError(f"{where} names the profile {name!r}, which is not defined; there are {there_are}")
        return self


class KnownProfile(Section):
    """A profile with its key found."""

    name: str
    settings: ProfileSettings
    base_url: str
    key: SecretStr
    key_from: str = Field(description="the variable; empty: none is needed")


class KnownModels(Section):
    """What a host asks for what; empty when there is neither a configuration nor a key."""

    profiles: dict[str, KnownProfile] = {}
    roles: dict[Role, tuple[str, ...]] = {}
    missing: tuple[str, ...] = Field((), description="what is configured and cannot be used, and why")

    @property
    def usable(self) -> bool:
        return all(self.roles.get(role) for role in Role)

    @property
    def fingerprint(self) -> str:
        """Equal for the same models with the same keys; tells nothing of the keys."""
        told = [
            (name, known.settings.model_dump_json(), known.base_url, known.key.get_secret_value())
            for name, known in sorted(self.profiles.items())
        ]
        return sha256(repr((told, sorted(self.roles.items()))).encode()).hexdigest()

    def told(self) -> dict[str, dict[str, str]]:
        """For people: role → profiles, profile → model. Without keys."""
        return {
            "roles": {str(role): ", ".join(names) for role, names in self.roles.items()},
            "profiles": {
                name: f"{known.settings.provider}: {known.settings.model or 'the first that it lists'}"
                for name, known in self.profiles.items()
            },
        }


def known_models(settings: ModelsSettings, environment: Mapping[str, str], local_url: str = "") -> KnownModels:
    """`local_url` is the base URL of the stack's own llama.cpp server, if it has one."""
    profiles = dict(settings.profiles) or _from_environment(environment, local_url)
    known: dict[str, KnownProfile] = {}
    missing: list[str] = []
    for name, profile in profiles.items():
        variable = profile.api_key_env or KEY_VARIABLES[profile.provider]
        key = environment.get(variable, "") if variable else ""
        if variable and not key:
            missing.append(f"profile {name!r}: {variable} is not set")
            continue
        known[name] = KnownProfile(
            name=name,
            settings=profile,
            base_url=profile.base_url or BASE_URLS[profile.provider],
            key=SecretStr(key or "not-needed"),
            key_from=variable,
        )
    roles = {role: _usable(settings.roles.get(role, ()), known) or _by_name(role, known) for role in Role}
    return KnownModels(profiles=known, roles={role: names for role, names in roles.items() if names}, missing=missing)


def _from_environment(environment: Mapping[str, str], local_url: str) -> dict[str, ProfileSettings]:
    """The first provider whose key is there does the work; a second one, if there is one, is asked for verdicts."""
    base_url = environment.get("OPENAI_BASE_URL", "")
    if local_url or base_url:
        variable = "OPENAI_API_KEY" if base_url and environment.get("OPENAI_API_KEY") else ""
        only = ProfileSettings(
            provider=Provider.COMPATIBLE,
            base_url=local_url or base_url,
            model=environment.get("OPENAI_MODEL", ""),
            api_key_env=variable if not local_url else "",
            context_tokens=16_384 if local_url else 32_768,
            max_output_tokens=4096,
            deadline_seconds=600,
            price=PriceSettings(input=Decimal(0), output=Decimal(0)) if local_url or _is_local(base_url) else None,
        )
        return {"local" if local_url else "server": only}
    there = [provider for provider in DEFAULT_MODELS if environment.get(KEY_VARIABLES[provider])]
    if not there:
        return {}
    strong, fast = DEFAULT_MODELS[there[0]]
    others = tuple("reviewer" for _ in there[1:2])
    profiles = {
        "strong": ProfileSettings(provider=there[0], model=strong, cheaper="fast", fallbacks=others),
        "fast": ProfileSettings(provider=there[0], model=fast, fallbacks=("strong",)),
    }
    if others:
        profiles["reviewer"] = ProfileSettings(
            provider=there[1], model=DEFAULT_MODELS[there[1]][0], fallbacks=("strong",)
        )
    return profiles


def _by_name(role: Role, known: Mapping[str, KnownProfile]) -> tuple[str, ...]:
    """Profiles with well-known names serve the roles that they are named for."""
    wanted = {
        Role.PLANNER: ("planner", "strong", "fast"),
        Role.EXECUTOR: ("executor", "fast", "strong"),
        Role.VERIFIER: ("verifier", "reviewer", "strong", "fast"),
    }[role]
    found = [name for name in wanted if name in known][:1]
    return tuple(found or list(known)[:1])


def _usable(names: tuple[str, ...], known: Mapping[str, KnownProfile]) -> tuple[str, ...]:
    return tuple(name for name in names if name in known)


def _is_local(url: str) -> bool:
    return any(host in url for host in ("://127.0.0.1", "://localhost", "://[::1]"))
