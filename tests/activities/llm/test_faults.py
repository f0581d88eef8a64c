"""Every trouble that a provider makes is told apart, on each wire."""

import asyncio

import pytest

from activities.llm.faults import FaultKind, ModelFault
from activities.llm.model import Wire
from tests.activities.llm.conftest import KEY, MakeModel, request
from tests.fakes.llm_script import Fault, Say, Trouble
from tests.fakes.llm_server import FakeLlm

_KINDS = {
    Trouble.RATE_LIMIT: FaultKind.RATE_LIMIT,
    Trouble.QUOTA: FaultKind.QUOTA,
    Trouble.PAYMENT: FaultKind.QUOTA,
    Trouble.UNAUTHORIZED: FaultKind.AUTH,
    Trouble.FORBIDDEN: FaultKind.PERMISSION,
    Trouble.NOT_FOUND: FaultKind.MODEL_NOT_FOUND,
    Trouble.SERVER_ERROR: FaultKind.SERVER,
    Trouble.UNAVAILABLE: FaultKind.OVERLOADED,
    Trouble.OVERLOADED: FaultKind.OVERLOADED,
    Trouble.CONTEXT_LENGTH: FaultKind.CONTEXT_LENGTH,
    Trouble.CONTENT_POLICY: FaultKind.CONTENT_FILTER,
    Trouble.BAD_REQUEST: FaultKind.BAD_REQUEST,
    Trouble.REDIRECT: FaultKind.BAD_REQUEST,
    Trouble.DROP: FaultKind.CONNECTION,
    Trouble.HTML: FaultKind.BAD_BODY,
    Trouble.TRUNCATED_JSON: FaultKind.BAD_BODY,
    Trouble.NOTHING: FaultKind.BAD_BODY,
    Trouble.EMPTY: FaultKind.EMPTY,
    Trouble.REFUSAL: FaultKind.REFUSED,
    Trouble.LENGTH: FaultKind.TRUNCATED,
}
_PAID = {FaultKind.EMPTY, FaultKind.REFUSED, FaultKind.TRUNCATED}


async def _fault(model: MakeModel, wire: Wire, streamed: bool, **changes: object) -> ModelFault:
    with pytest.raises(ModelFault) as raised:
        await model(wire).ask(request(**changes), _ignore if streamed else None)
    return raised.value


def _ignore(_: str) -> None:
    pass


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("trouble", _KINDS)
@pytest.mark.parametrize("wire", Wire)
async def test_each_trouble_is_a_fault_of_its_kind_after_one_request(
    llm: FakeLlm, model: MakeModel, wire: Wire, trouble: Trouble, streamed: bool
) -> None:
    llm.script(Fault(trouble))
    fault = await _fault(model, wire, streamed)
    assert fault.kind is _KINDS[trouble]
    assert len(llm.requests) == 1
    assert bool(fault.usage) == (fault.kind in _PAID)
    assert fault.__cause__ is None
    assert fault.retry_after is None


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", [Wire.CHAT, Wire.RESPONSES])
async def test_a_filtered_answer_is_told_from_a_refused_one(
    llm: FakeLlm, model: MakeModel, wire: Wire, streamed: bool
) -> None:
    llm.script(Fault(Trouble.CONTENT_FILTER))
    assert (await _fault(model, wire, streamed)).kind is FaultKind.CONTENT_FILTER


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble.CUT, FaultKind.STREAM_CUT),
        (Trouble.EARLY_END, FaultKind.STREAM_CUT),
        (Trouble.ERROR_EVENT, FaultKind.STREAM_CUT),
    ],
)
@pytest.mark.parametrize("wire", Wire)
async def test_a_stream_that_breaks_off_is_paid_for(
    llm: FakeLlm, model: MakeModel, wire: Wire, trouble: Trouble, kind: FaultKind
) -> None:
    llm.script(Fault(trouble))
    fault = await _fault(model, wire, streamed=True)
    assert fault.kind is kind
    assert fault.usage
    assert fault.usage.input_tokens


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble.CUT, FaultKind.CONNECTION),
        (Trouble.EARLY_END, FaultKind.CONNECTION),
        (Trouble.ERROR_EVENT, FaultKind.BAD_BODY),
    ],
)
@pytest.mark.parametrize("wire", Wire)
async def test_a_body_that_breaks_off_is_no_answer(
    llm: FakeLlm, model: MakeModel, wire: Wire, trouble: Trouble, kind: FaultKind
) -> None:
    llm.script(Fault(trouble))
    assert (await _fault(model, wire, streamed=False)).kind is kind


@pytest.mark.parametrize("wire", Wire)
async def test_a_provider_that_hangs_is_left_at_the_deadline(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    llm.script(Fault(Trouble.HANG))
    assert (await _fault(model, wire, streamed=False, deadline_seconds=0.2)).kind is FaultKind.TIMEOUT


@pytest.mark.parametrize("wire", Wire)
async def test_a_stream_that_drips_past_the_deadline_is_left_and_paid_for(
    llm: FakeLlm, model: MakeModel, wire: Wire
) -> None:
    llm.script(Say("drip " * 100, pace=0.1))
    fault = await _fault(model, wire, streamed=True, deadline_seconds=0.5)
    assert fault.kind is FaultKind.TIMEOUT
    assert fault.usage


@pytest.mark.parametrize("wire", Wire)
async def test_the_wait_that_a_provider_asks_for_is_known(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    llm.script(Fault(Trouble.RATE_LIMIT, retry_after=7), Fault(Trouble.OVERLOADED, retry_after=0.5))
    assert (await _fault(model, wire, streamed=False)).retry_after == 7
    assert (await _fault(model, wire, streamed=True)).retry_after == 0.5


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", Wire)
async def test_no_fault_repeats_the_key(llm: FakeLlm, model: MakeModel, wire: Wire, streamed: bool) -> None:
    for trouble in Trouble:
        if trouble in (Trouble.NO_USAGE, Trouble.MALFORMED_ARGUMENTS, Trouble.MEGABYTE, Trouble.CONTROL_CHARACTERS):
            continue
        llm.script(Fault(trouble, text=f"Your key is {KEY}, is it not?"))
        fault = await _fault(model, wire, streamed, deadline_seconds=0.5)
        assert KEY not in f"{fault} {fault.code} {fault.request_id}"


@pytest.mark.parametrize("wire", Wire)
async def test_an_endless_answer_is_not_read_to_its_end(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    llm.script(Say("x" * 9_000_000), Say("x" * 4_100_000, chunk=100_000))
    for streamed in (False, True):
        fault = await _fault(model, wire, streamed)
        assert fault.kind is FaultKind.BAD_BODY
        assert "4 MB" in str(fault)


@pytest.mark.parametrize("wire", Wire)
async def test_nobody_listening_is_a_lost_connection(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    async with FakeLlm() as gone:
        address = gone.base_url
    with pytest.raises(ModelFault) as raised:
        await model(wire, base_url=address).ask(request())
    assert raised.value.kind is FaultKind.CONNECTION


@pytest.mark.parametrize("wire", Wire)
async def test_an_address_that_is_none_is_our_mistake(model: MakeModel, wire: Wire) -> None:
    with pytest.raises(ModelFault, match="no http address") as raised:
        await model(wire, base_url="file:///etc/passwd").ask(request())
    assert raised.value.kind is FaultKind.BAD_REQUEST


async def test_cancelling_is_no_fault(llm: FakeLlm, model: MakeModel) -> None:
    llm.script(Fault(Trouble.HANG))
    asking = asyncio.create_task(model(Wire.CHAT).ask(request()))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
