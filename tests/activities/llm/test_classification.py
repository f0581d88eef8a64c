"""Errors that the fake provider cannot make: odd bodies, odd headers, errors of our own machine."""

import asyncio
import email.utils
import json
import time

import httpx2
import openai
import pytest

from activities.llm.classification import classify, retry_after
from activities.llm.faults import POLICY, FaultKind, ModelFault


def _refused(status: int, body: object, headers: dict[str, str] | None = None) -> openai.APIStatusError:
    text = body if isinstance(body, str) else json.dumps(body)
    answer = httpx2.Response(status, text=text, headers=headers, request=httpx2.Request("POST", "http://provider/v1"))
    return openai.APIStatusError("as the SDK puts it", response=answer, body=None)


def test_every_kind_has_a_policy() -> None:
    assert set(POLICY) == set(FaultKind)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (None, None),
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 01 Jan 2015 00:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str] | None, seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_may_be_a_date() -> None:
    seconds = retry_after({"retry-after": email.utils.formatdate(time.time() + 60, usegmt=True)})
    assert seconds is not None
    assert 57 < seconds <= 61


def test_a_limit_per_minute_is_no_empty_account_whatever_gemini_calls_it() -> None:
    error = {
        "code": 429,
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"retryDelay": "17s"}],
    }
    fault = classify(_refused(429, [{"error": error}]))
    assert (fault.kind, fault.retry_after) == (FaultKind.RATE_LIMIT, 17.0)
    assert classify(_refused(429, {"error": {**error, "details": []}})).kind is FaultKind.QUOTA


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "Your credit balance is too low"}}, FaultKind.QUOTA),
        (400, {"error": {"message": "9 tokens", "type": "exceed_context_size_error"}}, FaultKind.CONTEXT_LENGTH),
        (413, "too large", FaultKind.CONTEXT_LENGTH),
        (408, "", FaultKind.SERVER),
        (409, "", FaultKind.SERVER),
        (502, "<html><body>Bad gateway</body></html>", FaultKind.SERVER),
        (418, {"detail": "a teapot"}, FaultKind.BAD_REQUEST),
        (418, "[" * 100_000, FaultKind.BAD_REQUEST),
    ],
)
def test_statuses_with_odd_bodies(status: int, body: object, kind: FaultKind) -> None:
    assert classify(_refused(status, body)).kind is kind


def test_a_server_may_ask_to_be_tried_again() -> None:
    assert classify(_refused(418, "", {"x-should-retry": "true"})).kind is FaultKind.SERVER


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), FaultKind.TIMEOUT),
        (httpx2.ReadTimeout("slow"), FaultKind.TIMEOUT),
        (httpx2.ReadError("gone"), FaultKind.CONNECTION),
        (httpx2.DecodingError("gzip"), FaultKind.BAD_BODY),
        (ConnectionResetError("gone"), FaultKind.CONNECTION),
        (json.JSONDecodeError("bad", "{", 0), FaultKind.BAD_BODY),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), FaultKind.BAD_BODY),
        (ZeroDivisionError("ours"), FaultKind.UNKNOWN),
        (asyncio.InvalidStateError(), FaultKind.UNKNOWN),
    ],
)
def test_errors_of_machines_and_of_ours(error: Exception, kind: FaultKind) -> None:
    assert classify(error).kind is kind


def test_a_fault_stays_what_it_is_even_wrapped_by_an_sdk() -> None:
    fault = ModelFault(FaultKind.BAD_BODY, "too long")
    assert classify(fault) is fault
    wrapped = openai.APIConnectionError(request=httpx2.Request("POST", "http://provider/v1"))
    wrapped.__cause__ = fault
    assert classify(wrapped) is fault


def test_messages_are_short_clean_and_without_keys() -> None:
    said = f"\x1b[31mBad\x00 key sk-proj-{'a1' * 20} and\n\nour-own-secret-7f3a <|im_start|>x" + " x" * 5_000
    fault = classify(_refused(400, {"error": {"message": said}}), ("our-own-secret-7f3a",))
    assert len(str(fault)) <= 500
    assert str(fault).startswith("HTTP 400: Bad key [secret removed] and [secret removed] [removed]x")
    assert "a1a1" not in str(fault)


def test_no_half_of_a_key_stays_where_a_message_is_cut() -> None:
    for place in range(250, 310):
        said = "x " * (place // 2) + "our-own-secret-7f3a" + " x" * 500
        fault = classify(_refused(400, {"error": {"message": said}}), ("our-own-secret-7f3a",))
        assert "our-own" not in str(fault)
