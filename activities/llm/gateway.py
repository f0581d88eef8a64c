"""The one way to a model: paid once, within budget, past breakers, with retries, fallbacks and a full account."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from activities.llm import anomalies, pricing
from activities.llm.asking import Asker, ModelRefused, ModelRetry, ModelUnavailable
from activities.llm.faults import FaultKind, ModelFault
from activities.llm.messages import ModelRequest, ModelResponse, Usage
from activities.llm.model import LanguageModel, OnText, Profile
from activities.llm.sanitising import clean, mask
from activities.llm.streaming import LiveOutput
from activities.store.breakers import BreakerOpen, Cooldown
from activities.store.ledger import Answered, BudgetExceeded, Call, Kept, Ledger, Spent
from activities.store.live import Speaker
from activities.store.usage import UsageStore
from activities.threads import Threads, beating

log = structlog.get_logger("models")
HOST = socket.gethostname()
BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
LONGEST_WAIT_SECONDS = 300.0
TRIES_BEFORE_FALLBACK = 2
"""Faults of passing kinds that a profile may have before its fallback is asked instead."""
IMPATIENT_SECONDS = 10.0
"""A provider that wants to be left alone for longer is passed over at once where there is a fallback."""
MOST_TEXT = 400_000
SETTLING_SECONDS = 60.0
MOST_TRIES = 6
"""Of a call whose answers are of no use: a wrong address answers like that for ever."""
_WAITED_OUT = (FaultKind.RATE_LIMIT, FaultKind.OVERLOADED, FaultKind.SERVER)
_TERMINAL = (FaultKind.QUOTA, FaultKind.AUTH, FaultKind.PERMISSION, FaultKind.MODEL_NOT_FOUND)
"""Only a person can mend these."""
T = TypeVar("T")


class Answer:
    """What a model said, and which profile asked it."""

    def __init__(self, response: ModelResponse, profile: Profile) -> None:
        self.response = response
        self.profile = profile


class Gateway:
    """Shared by all activities of a host. `roles` says which profile a role asks first."""

    def __init__(
        self,
        ledger: Ledger,
        usage: UsageStore,
        models: Mapping[str, LanguageModel],
        profiles: Mapping[str, Profile],
        roles: Mapping[str, tuple[str, ...]],
        threads: Threads,
        host: str = HOST,
        live: LiveOutput | None = None,
    ) -> None:
        self._ledger = ledger
        self._usage = usage
        self._models = models
        self._profiles = profiles
        self._roles = roles
        self._threads = threads
        self._host = host
        self._live = live

    @property
    def has_models(self) -> bool:
        return bool(self._profiles)

    def profile_of(self, role: str, seat: int = 1, name: str = "") -> Profile:
        """Which profile a role asks, or the one that is named; seats take turns among those that the role has.

        Raises ModelUnavailable.
        """
        if name:
            return self._profile_named(name)
        names = self._roles.get(role, ())
        if not names:
            raise ModelUnavailable(
                f"no model is configured for the {role}: set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, "
                "or point OPENAI_BASE_URL at a server, and start the host again"
            )
        return self._profiles[names[(seat - 1) % len(names)]]

    async def ask(self, asker: Asker, request: ModelRequest, *, seat: int = 1, profile: str = "") -> Answer:
        """The answer; one that was paid for already is not asked for again. Where a profile streams, people see it.

        Raises ModelRetry, ModelUnavailable, ModelRefused or BudgetExceeded.
        """
        kept = await self._in_thread(lambda: self._ledger.kept(asker.key))
        if kept is not None:
            return self._restored(kept, asker)
        faults = await self._in_thread(lambda: self._ledger.faults(asker.key))
        return await self._first_that_answers(asker, request, self._chain(asker.role, seat, profile), faults)

    async def faults(self, key: str, kind: FaultKind) -> int:
        """How often calls with this key ended with this fault."""
        found = await self._in_thread(lambda: self._ledger.faults(key))
        return sum(count for (_, fault), count in found.items() if fault == kind)

    def mask(self, text: str) -> str:
        """The text without any key that this host knows."""
        return mask(text, [profile.key.get_secret_value() for profile in self._profiles.values()])

    async def close(self) -> None:
        if self._live is not None:
            await self._live.close()
        for model in self._models.values():
            await model.close()

    def _profile_named(self, name: str) -> Profile:
        if name not in self._profiles:
            there_are = ", ".join(self._profiles) or "none"
            raise ModelUnavailable(f"this host has no model profile {name!r}; it has: {there_are}")
        return self._profiles[name]

    def _chain(self, role: str, seat: int, name: str) -> tuple[Profile, ...]:
        first = self.profile_of(role, seat, name)
        chain = {first.name: first}
        for name in first.fallbacks:
            if name in self._profiles:
                chain.setdefault(name, self._profiles[name])
        return tuple(chain.values())

    async def _first_that_answers(
        self,
        asker: Asker,
        request: ModelRequest,
        chain: Sequence[Profile],
        faults: Mapping[tuple[str, str], int],
    ) -> Answer:
        tries = sum(faults.values())
        last: Exception = ModelUnavailable("no profile is left to ask")
        for position, profile in enumerate(chain):
            is_last = position == len(chain) - 1
            had = sum(count for (name, _), count in faults.items() if name == profile.name)
            if had >= TRIES_BEFORE_FALLBACK and not is_last:
                continue
            fitted = _fitted(request, profile, faults)
            try:
                return await self._ask_one(asker, fitted, profile)
            except BreakerOpen as open_:
                last = _because_open(open_, tries)
            except ModelFault as fault:
                if not fault.policy.fallback:
                    raise _final(fault, tries, profile, fitted) from None
                last = _final(fault, tries, profile, fitted)
                if fault.policy.retry and _patient(fault) and had + 1 < TRIES_BEFORE_FALLBACK:
                    break
        raise last from None

    async def _ask_one(self, asker: Asker, request: ModelRequest, profile: Profile) -> Answer:
        """One request to one provider. Raises ModelFault, BreakerOpen or BudgetExceeded."""
        call = self._call(asker, request, profile)
        try:
            number = await self._in_thread(lambda: self._ledger.reserve(call))
        except BudgetExceeded:
            cheaper = self._profiles.get(profile.cheaper)
            if not asker.degrade or cheaper is None or cheaper.name == profile.name:
                raise
            log.info("degraded", objective=asker.objective_id, instead_of=profile.name, profile=cheaper.name)
            return await self._ask_one(asker, _fitted(request, cheaper, {}), cheaper)
        try:
            with self._shown(asker, profile) as on_text:
                response = await beating(self._models[profile.name].ask(request, on_text))
        except ModelFault as fault:
            await self._record_fault(number, call, profile, request, fault)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._in_thread(lambda: self._ledger.abandon(number, call)))
            raise
        response = self._sanitised(response)
        spent = _spent(profile, response.model, response.usage)
        answered = Answered(
            spent=spent,
            model=response.model,
            finish=response.finish,
            request_id=response.request_id,
            latency_seconds=response.latency_seconds,
            first_token_seconds=response.first_token_seconds,
            response=response.model_dump(mode="json"),
        )
        await self._keep_trying(lambda: self._ledger.settle(number, call, answered))
        await self._in_thread(lambda: anomalies.look(self._ledger, self._usage, number, call, answered))
        return Answer(response, profile)

    def _shown(self, asker: Asker, profile: Profile) -> AbstractContextManager[OnText | None]:
        if self._live is None or not profile.stream:
            return nullcontext()
        return self._live.of(Speaker(**asker.model_dump(include=set(Speaker.model_fields))))

    def _call(self, asker: Asker, request: ModelRequest, profile: Profile) -> Call:
        estimate = pricing.estimate(profile, request)
        return Call(
            **asker.model_dump(exclude={"degrade", "scopes"}),
            scopes=asker.scopes,
            worker=f"{asker.role}/{profile.name}",
            profile=profile.name,
            provider=profile.provider,
            model=profile.model,
            host=self._host,
            tokens=estimate.tokens,
            usd=estimate.usd or Decimal(0),
            seconds=request.deadline_seconds + 30,
        )

    async def _record_fault(
        self, number: int, call: Call, profile: Profile, request: ModelRequest, fault: ModelFault
    ) -> None:
        message = self.mask(str(fault))
        log.warning("fault", kind=fault.kind, provider=call.provider, objective=call.objective_id, error=message)
        spent = _spent(profile, profile.model, fault.usage or _perhaps_used(fault, request))
        cooldown = _cooldown(fault)
        await self._keep_trying(lambda: self._ledger.fail(number, call, fault.kind, message, spent, cooldown))

    def _sanitised(self, response: ModelResponse) -> ModelResponse:
        calls = tuple(
            call.model_copy(update={"arguments": self.mask(call.arguments), "name": clean(call.name, 100)})
            for call in response.tool_calls
        )
        text = self.mask(clean(response.text, MOST_TEXT))
        return response.model_copy(update={"text": text, "tool_calls": calls})

    def _restored(self, kept: Kept, asker: Asker) -> Answer:
        response = ModelResponse.model_validate(kept.response)
        profile = self._profiles.get(kept.profile) or self.profile_of(asker.role)
        return Answer(response, profile)

    async def _keep_trying(self, write: Callable[[], None]) -> None:
        """What was paid for is written down, even if the database has to come back first."""
        deadline = asyncio.get_running_loop().time() + SETTLING_SECONDS
        while True:
            try:
                return await asyncio.shield(self._in_thread(write))
            except (OperationalError, InterfaceError):
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.5)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await self._threads.run(work)


def _fitted(request: ModelRequest, profile: Profile, faults: Mapping[tuple[str, str], int]) -> ModelRequest:
    """With as much room for the answer as is left, and twice as much after each answer that was cut for want of it."""
    cut = faults.get((profile.name, FaultKind.TRUNCATED), 0)
    room = min(request.max_output_tokens * 2**cut, profile.max_output_tokens)
    return request.model_copy(update={"max_output_tokens": room, "deadline_seconds": profile.deadline_seconds})


def _final(fault: ModelFault, tries: int, profile: Profile, request: ModelRequest) -> Exception:
    """What the fault means to whoever asked."""
    message = f"{profile.name} ({profile.provider}): {fault}"
    match fault.kind:
        case kind if kind in _TERMINAL:
            return ModelUnavailable(message)
        case FaultKind.TRUNCATED if request.max_output_tokens >= profile.max_output_tokens:
            return ModelRefused(f"{message}; it does not fit into {profile.max_output_tokens:,} tokens")
        case FaultKind.TRUNCATED | FaultKind.CONTEXT_LENGTH if tries < 4:
            return ModelRetry(fault.kind, message, 0.1)
        case _ if not fault.policy.retry or fault.kind is FaultKind.CONTEXT_LENGTH:
            return ModelRefused(message)
        case kind if kind not in _WAITED_OUT and tries + 1 >= MOST_TRIES:
            return ModelUnavailable(f"{message} ({tries + 1} tries)")
        case _:
            return ModelRetry(fault.kind, message, _wait(tries, fault.retry_after))


def _because_open(open_: BreakerOpen, tries: int) -> Exception:
    """A breaker that a passing fault opened is waited for; one that only a person can close is not."""
    if open_.fault in _TERMINAL:
        return ModelUnavailable(str(open_))
    return ModelRetry(FaultKind.OVERLOADED, str(open_), min(open_.seconds + 0.1, LONGEST_WAIT_SECONDS))


def _wait(tries: int, retry_after: float | None) -> float:
    backoff = BACKOFF_SECONDS[min(tries, len(BACKOFF_SECONDS) - 1)]
    return min(max(backoff, retry_after or 0), LONGEST_WAIT_SECONDS)


def _patient(fault: ModelFault) -> bool:
    return (fault.retry_after or 0) <= IMPATIENT_SECONDS


def _cooldown(fault: ModelFault) -> Cooldown:
    if fault.kind is FaultKind.RATE_LIMIT and fault.retry_after:
        # Asked for: no host calls before that, and nobody needs to look.
        return Cooldown(counts=True, at_once=True, quiet=True, seconds=min(fault.retry_after, LONGEST_WAIT_SECONDS))
    terminal = fault.kind in (FaultKind.QUOTA, FaultKind.AUTH, FaultKind.PERMISSION)
    seconds = max(60.0 if terminal else 30.0, fault.retry_after or 0)
    return Cooldown(counts=fault.policy.health, at_once=terminal, seconds=min(seconds, LONGEST_WAIT_SECONDS))


def _perhaps_used(fault: ModelFault, request: ModelRequest) -> Usage:
    """A call that broke off on the way was perhaps answered, and billed: its prompt is counted."""
    if fault.kind in (FaultKind.TIMEOUT, FaultKind.STREAM_CUT, FaultKind.BAD_BODY, FaultKind.EMPTY):
        return Usage(input_tokens=request.characters // 4, estimated=True)
    return Usage()


def _spent(profile: Profile, model: str, usage: Usage) -> Spent:
    cost = pricing.cost(profile, model, usage)
    return Spent(**usage.model_dump(), cost_usd=cost or Decimal(0), priced=cost is not None)
