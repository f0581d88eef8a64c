"""Errors of the SDKs, of HTTP and of broken answers, translated once into kinds of faults."""

import email.utils
import json
import math
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from pydantic import JsonValue, ValidationError

from activities.llm.faults import FaultKind, ModelFault
from activities.llm.sanitising import brief, mask

_QUOTA = ("insufficient_quota", "billing", "credit balance", "exceeded your current quota", "spend limit")
_CONTEXT = (
    "context_length_exceeded",
    "exceed_context_size",
    "context length",
    "context window",
    "context size",
    "prompt is too long",
    "too many tokens",
    "maximum number of tokens",
)
_CONTENT = ("content_policy", "content_filter", "content management policy", "safety", "moderation", "blocked")
_MINUTE_QUOTA = re.compile(r'"retrydelay"\s*:\s*"(\d+(?:\.\d+)?)s"')
_MUCH = 4_000
"""Characters of a body in which the words are looked for."""


class _Response(Protocol):
    @property
    def text(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


class _StatusError(Protocol):
    """What openai's and anthropic's APIStatusError have in common."""

    status_code: int
    response: _Response
    body: object


@dataclass(frozen=True)
class _Problem:
    """What a provider says about an error, whatever the shape of its body."""

    message: str = ""
    code: str = ""
    type: str = ""

    @property
    def words(self) -> str:
        return f"{self.code} {self.type} {self.message}".lower()


def classify(error: BaseException, secrets: Iterable[str] = ()) -> ModelFault:
    """The fault that this error means. Its message holds no key, neither a known secret nor a key-shaped text."""
    fault = _classified(error)
    fault.args = (mask(str(fault), secrets),)
    fault.code = mask(fault.code, secrets)
    return fault


def retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Seconds that the server asks to wait: in milliseconds, in seconds or until a date. None: it does not say."""
    if headers is None:
        return None
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        seconds = _number(headers.get(name, "")) / divisor
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())


def body_fault(raw: str, what: str, request_id: str = "") -> ModelFault:
    """A success that is none: what it says, in so far as it says anything."""
    problem = _problem(raw)
    return ModelFault(FaultKind.BAD_BODY, _sentence(what, problem), code=problem.code, request_id=request_id)


def stream_fault(raw: str, request_id: str = "") -> ModelFault:
    """An error that a provider reports in the middle of a stream, where it can no longer set a status."""
    problem = _problem(raw)
    kind = _stream_kind(problem.words)
    return ModelFault(kind, _sentence("The stream broke off", problem), code=problem.code, request_id=request_id)


def _classified(error: BaseException) -> ModelFault:
    if isinstance(error, ModelFault):
        return error
    if isinstance(error.__cause__, ModelFault):
        return error.__cause__  # the SDKs wrap whatever happens while a body is read
    # openai and anthropic are made by one generator: the same class names, so neither need be imported here.
    names = _class_names(error, "openai", "anthropic")
    if isinstance(error, TimeoutError) or "APITimeoutError" in names:
        return ModelFault(FaultKind.TIMEOUT, "No answer within the time given")
    if "APIConnectionError" in names:
        return ModelFault(FaultKind.CONNECTION, f"The connection failed: {_reason(error)}")
    if "APIStatusError" in names:
        return _status_fault(cast(_StatusError, error))
    if "APIError" in names:
        return stream_fault(json.dumps(getattr(error, "body", None) or {"message": str(error)}, default=str))
    return _plain_fault(error)


def _plain_fault(error: BaseException) -> ModelFault:
    http = _class_names(error, "httpx2", "httpx")
    if "TimeoutException" in http:
        return ModelFault(FaultKind.TIMEOUT, "No answer within the time given")
    if "DecodingError" in http or isinstance(error, (json.JSONDecodeError, ValidationError, UnicodeError)):
        return ModelFault(FaultKind.BAD_BODY, f"The answer cannot be read: {type(error).__name__}")
    if http or isinstance(error, OSError):
        return ModelFault(FaultKind.CONNECTION, f"The connection failed: {_reason(error)}")
    return ModelFault(FaultKind.UNKNOWN, f"{type(error).__name__}: {brief(str(error))}")


def _status_fault(error: _StatusError) -> ModelFault:
    raw = _text_of(error.response)
    if error.status_code < 300:  # anthropic's own error for an error event in a stream
        return stream_fault(json.dumps(error.body, default=str))
    if error.status_code < 400:
        what = f"HTTP {error.status_code}: the server sends us elsewhere; check the base URL"
        return ModelFault(FaultKind.BAD_REQUEST, what, status=error.status_code)
    problem = _problem(raw)
    headers = error.response.headers
    kind = _status_kind(error.status_code, f"{problem.words} {raw[:_MUCH].lower()}", headers)
    what = f"HTTP {error.status_code} {problem.code or problem.type}".rstrip()
    minute = _MINUTE_QUOTA.search(raw[:_MUCH].lower())
    asked = retry_after(headers)
    return ModelFault(
        kind,
        # Some providers repeat the key in this one message, shortened so that no mask recognises it.
        f"{what}: the provider does not accept the key" if kind is FaultKind.AUTH else _sentence(what, problem),
        status=error.status_code,
        code=problem.code or problem.type,
        retry_after=float(minute.group(1)) if asked is None and minute else asked,
        request_id=brief(headers.get("x-request-id") or headers.get("request-id") or "", 100),
    )


def _status_kind(status: int, words: str, headers: Mapping[str, str]) -> FaultKind:
    if status == 402 or (status in (400, 403, 429) and _lasting(words)):
        return FaultKind.QUOTA
    if status in (400, 413, 422) and (status == 413 or _has(words, _CONTEXT)):
        return FaultKind.CONTEXT_LENGTH
    if status in (400, 422) and _has(words, _CONTENT):
        return FaultKind.CONTENT_FILTER
    match status:
        case 401:
            return FaultKind.AUTH
        case 403:
            return FaultKind.PERMISSION
        case 404:
            return FaultKind.MODEL_NOT_FOUND
        case 429:
            return FaultKind.RATE_LIMIT
        case 503 | 529:
            return FaultKind.OVERLOADED
        case 408 | 409 | 425:
            return FaultKind.SERVER
    if status >= 500 or headers.get("x-should-retry") == "true":
        return FaultKind.SERVER
    return FaultKind.BAD_REQUEST


def _lasting(words: str) -> bool:
    """Whether the quota is used up for good. Gemini says so of its limits per minute too, but names a delay."""
    return _has(words, _QUOTA) and _MINUTE_QUOTA.search(words) is None


def _stream_kind(words: str) -> FaultKind:
    if "overload" in words:
        return FaultKind.OVERLOADED
    if "rate_limit" in words or "rate limit" in words:
        return FaultKind.RATE_LIMIT
    return FaultKind.STREAM_CUT


def _has(words: str, needles: tuple[str, ...]) -> bool:
    return any(needle in words for needle in needles)


def _problem(raw: str) -> _Problem:
    try:
        body: JsonValue = json.loads(raw)
    except (ValueError, RecursionError):
        return _Problem(message="an HTML page" if "<html" in raw[:_MUCH].lower() else raw)
    if isinstance(body, list) and body:
        body = body[0]  # Gemini
    if not isinstance(body, dict):
        return _Problem(message=raw)
    error = body.get("error") or body
    if not isinstance(error, dict):
        return _Problem(message=str(error))
    return _Problem(
        message=_text(error.get("message") or error.get("detail")),
        code=brief(_text(error.get("code")), 60),
        type=brief(_text(error.get("type") or error.get("status")), 60),
    )


def _text(value: JsonValue) -> str:
    return "" if value is None else str(value)


def _sentence(what: str, problem: _Problem) -> str:
    said = brief(problem.message)
    return f"{what}: {said}" if said else what


def _text_of(response: _Response) -> str:
    try:
        return response.text
    except RuntimeError:  # httpx2.ResponseNotRead: the body of a stream
        return ""


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__} {brief(str(cause), 200)}".strip()


def _class_names(error: BaseException, *packages: str) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__ if kind.__module__.split(".")[0] in packages}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
