"""The whole way of a notice, to real receivers, on a Temporal of its own whose clock skips what is only waited for."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import Engine, insert
from standardwebhooks import Webhook
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy, WorkflowExecution
from temporalio.api.workflowservice.v1 import UpdateActivityOptionsRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from activities.notify.channel import Channel, Channels
from activities.notify.herald import ChannelHerald
from activities.notify.mail import MailChannel, MailServer, Tls
from activities.notify.slack import SlackChannel
from activities.notify.webhook import WebhookChannel
from activities.store import journal
from activities.store.journal import JournalRow
from activities.store.objectives import ObjectiveStore
from activities.store.tables import approvals
from activities.threads import Threads
from tests.fakes.receivers import PASSWORD, SECRET, Bell, Deaf, MailReceiver, Receiver, Reply
from tests.objectives import Objectives, until
from worker.app import Host
from workflows.domain.approval import Approval
from workflows.domain.naming import NOTICES_QUEUE, WORKFLOW_QUEUE, Role, queue_of
from workflows.domain.notice import Notice, NoticeResult, Occasion, Outcome
from workflows.domain.objective import Mode, Objective, Stage
from workflows.domain.verdict import Decision, Subject
from workflows.notify import NotifyWorkflow

Running = WorkflowHandle[NotifyWorkflow, NoticeResult]
HIDDEN = "SECRETPATH"
KEY = SECRET.removeprefix("whsec_")


class Town:
    """A host with nothing but a herald, and the objectives of which it tells."""

    def __init__(self, client: Client, engine: Engine, known: Channels) -> None:
        self.client = client
        self.engine = engine
        self.known = known

    def knows(self, **channels: Channel) -> None:
        self.known.usable.clear()
        self.known.usable.update(channels)

    async def tell(self, *channels: str, occasion: Occasion = Occasion.ASKED, about: str = "A test") -> Running:
        objective_id = f"notices-{uuid4().hex[:8]}"
        await asyncio.to_thread(ObjectiveStore(self.engine).open, Objective(id=objective_id, text=about))
        return await self.tell_of(objective_id, channels, occasion, about)

    async def tell_of(self, objective_id: str, channels: Sequence[str], occasion: Occasion, about: str) -> Running:
        approval = Approval(
            id=f"{objective_id}.plan.1",
            objective_id=objective_id,
            subject=Subject.PLAN,
            text="the plan",
            choices=(Decision.APPROVED, Decision.REJECTED),
            deadline=datetime.now(UTC) + timedelta(days=30),
        )
        return await self.client.start_workflow(
            NotifyWorkflow.run,
            Notice(occasion=occasion, approval=approval, objective=about, channels=tuple(channels)),
            id=f"objective/{objective_id}/notify/{approval.id}/{occasion}",
            task_queue=WORKFLOW_QUEUE,
        )

    def journal(self, running: Running) -> list[JournalRow]:
        with self.engine.connect() as connection:
            rows = journal.read(connection, running.id.split("/")[1])
        return [row for row in rows if row.kind.startswith("notice.")]

    async def history(self, running: Running) -> bytes:
        """As it is stored; in its JSON payloads would be encoded, and nothing could be found in them."""
        history = await running.fetch_history()
        return b"".join(event.SerializeToString() for event in history.events)


@pytest.fixture(scope="module")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_log_level="error",
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"],
    ) as environment:
        yield environment


@pytest.fixture(scope="module")
async def town(skipping: WorkflowEnvironment, engine: Engine) -> AsyncIterator[Town]:
    known, threads = Channels(), Threads(4)
    herald = ChannelHerald(engine, known, threads)
    queues: dict[str, list[Callable[..., object]]] = {
        NOTICES_QUEUE: [herald.deliver_notice],
        queue_of(Role.PLANNER): [herald.record_delivery],
    }
    async with Host(skipping.client, queues):
        yield Town(skipping.client, engine, known)
    threads.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().serving() as served:
        yield served


async def test_all_channels_are_told_at_once(town: Town, receiver: Receiver) -> None:
    with Receiver().serving() as chat, MailReceiver().serving() as mail:
        server = MailServer(host="127.0.0.1", port=mail.port, tls=Tls.NONE)
        town.knows(
            hook=WebhookChannel(f"{receiver.url}/hook", [SECRET]),
            chat=SlackChannel(chat.url),
            mail=MailChannel(server, "botted@house.example", ("ana@house.example",)),
        )
        running = await town.tell("hook", "chat", "mail", about="What drives churn?")
        result = await asyncio.wait_for(running.result(), 30)
    objective_id = running.id.split("/")[1]
    told = Webhook(SECRET).verify(receiver.received[0].body, receiver.received[0].headers)
    assert set(result.outcomes.values()) == {Outcome.SENT}
    assert told["data"]["approval"] == f"{objective_id}.plan.1"
    assert told["data"]["about"] == "What drives churn?"
    assert f"botted approve {objective_id}.plan.1" in chat.received[0].json["text"]
    assert mail.messages[0].rcpt_tos == ["ana@house.example"]
    rows = town.journal(running)
    assert sorted(row.text for row in rows) == [
        "chat was told: 200 OK (ok)",
        "hook was told: 200 OK (ok)",
        "mail was told: the mail server took it for 1 of 1",
    ]
    assert {(row.kind, row.actor) for row in rows} == {("notice.sent", "herald")}
    assert rows[0].data["approval"] == f"{objective_id}.plan.1"
    assert rows[0].data["occasion"] == "asked"


async def test_after_503_it_is_tried_again_under_the_same_id_and_told_once(town: Town, receiver: Receiver) -> None:
    receiver.replies = [Reply(503), Reply(503), Reply(200)]
    town.knows(hook=WebhookChannel(receiver.url, [SECRET]))
    running = await town.tell("hook")
    assert (await asyncio.wait_for(running.result(), 40)).outcomes == {"hook": Outcome.SENT}
    assert len(receiver.received) == 3
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1
    for got in receiver.received:
        Webhook(SECRET).verify(got.body, got.headers)
    assert [row.kind for row in town.journal(running)] == ["notice.sent"]


async def test_a_receiver_may_ask_for_patience(town: Town, receiver: Receiver) -> None:
    receiver.replies = [Reply(429, headers={"Retry-After": "1800"}), Reply(200)]
    town.knows(hook=WebhookChannel(receiver.url, [SECRET]))
    running = await town.tell("hook")
    await asyncio.wait_for(running.result(), 40)
    description = await running.describe()
    assert description.close_time is not None
    assert timedelta(minutes=30) <= description.close_time - description.start_time < timedelta(minutes=40)


async def test_a_dead_channel_disturbs_no_other_and_is_given_up_within_three_days(
    town: Town, receiver: Receiver
) -> None:
    with Receiver().serving() as dead:
        dead.replies = [Reply(503)]
        town.knows(live=WebhookChannel(receiver.url, [SECRET]), dead=WebhookChannel(dead.url, [SECRET]))
        running = await town.tell("dead", "live")
        await until(lambda: [row.kind for row in town.journal(running)] == ["notice.sent", "notice.delayed"])
        # Hundreds of tries would take minutes even with a clock that skips: from here on one a day.
        await _slow_down(town.client, running, "deliver-1", seconds=86_400)
        result = await asyncio.wait_for(running.result(), 60)
    description = await running.describe()
    assert result.outcomes == {"dead": Outcome.FAILED, "live": Outcome.SENT}
    assert len(receiver.received) == 1
    assert description.close_time is not None
    assert timedelta(days=1) < description.close_time - description.start_time <= timedelta(days=3, minutes=1)
    delayed, failed = (row for row in town.journal(running) if row.kind != "notice.sent")
    assert delayed.text == "dead cannot be told yet: it answers 503 Service Unavailable (ok)"
    assert failed.kind == "notice.failed"
    assert failed.text == "dead could not be told: given up: it answers 503 Service Unavailable (ok)"


async def test_what_no_retry_can_mend_fails_at_once_with_the_reason(town: Town, receiver: Receiver) -> None:
    receiver.replies = [Reply(410)]
    town.knows(gone=WebhookChannel(receiver.url, [SECRET]), deaf=Deaf())
    town.known.faults["broken"] = "BROKEN_URL is not set"
    running = await town.tell("gone", "nope", "broken", "deaf", "x" * 5000)
    result = await asyncio.wait_for(running.result(), 30)
    assert set(result.outcomes.values()) == {Outcome.FAILED}
    assert len(receiver.received) == 1
    told = {row.text.partition(" could not be told: ")[0]: row.text.partition(": ")[2] for row in town.journal(running)}
    assert told["gone"] == "it answers 410 Gone (ok): it wants no more; take the channel out of the settings"
    assert told["nope"] == "this host knows no channel 'nope'; it knows: broken, deaf, gone"
    assert told["broken"] == "the channel 'broken' cannot be used on this host: BROKEN_URL is not set"
    assert told["deaf"] == "it does not hear"
    assert "x" * 60 in told


async def test_nobody_is_told_of_what_has_been_decided(town: Town) -> None:
    bell = Bell()
    town.knows(bell=bell)
    objective_id = f"notices-{uuid4().hex[:8]}"
    await asyncio.to_thread(ObjectiveStore(town.engine).open, Objective(id=objective_id, text="A test"))
    with town.engine.begin() as connection:
        row = {"id": f"{objective_id}.plan.1", "objective_id": objective_id, "tenant": "default", "subject": "plan"}
        connection.execute(insert(approvals).values(**row, text="the plan", request={}, state="approved"))
    reminder = await town.tell_of(objective_id, ["bell"], Occasion.REMINDED, "A test")
    assert (await asyncio.wait_for(reminder.result(), 30)).outcomes == {"bell": Outcome.MOOT}
    assert bell.letters == []
    assert [row.text for row in town.journal(reminder)] == ["bell was not told: it was approved before"]
    expiry = await town.tell_of(objective_id, ["bell"], Occasion.EXPIRED, "A test")
    assert (await asyncio.wait_for(expiry.result(), 30)).outcomes == {"bell": Outcome.SENT}
    assert "since" in dict(bell.letters[0].facts)


async def test_a_channel_that_is_named_twice_is_told_once(town: Town) -> None:
    bell = Bell()
    town.knows(bell=bell)
    running = await town.tell("bell", "bell")
    assert (await asyncio.wait_for(running.result(), 30)).outcomes == {"bell": Outcome.SENT}
    assert len(bell.letters) == 1


async def test_a_fault_of_the_host_itself_is_tried_again_and_quotes_nothing(town: Town) -> None:
    class Faulty(Bell):
        async def send(self, letter: object) -> str:
            if not self.letters:
                self.letters.append(letter)  # type: ignore[arg-type]
                raise KeyError(HIDDEN)
            return "heard"

    town.knows(faulty=Faulty())
    running = await town.tell("faulty")
    assert (await asyncio.wait_for(running.result(), 30)).outcomes == {"faulty": Outcome.SENT}
    assert HIDDEN.encode() not in await town.history(running)


async def test_cancelled_it_ends_as_cancelled(town: Town, receiver: Receiver) -> None:
    receiver.replies = [Reply(503, seconds=1)]
    town.knows(hook=WebhookChannel(receiver.url, [SECRET]))
    running = await town.tell("hook")
    await until(lambda: bool(receiver.received))
    await running.cancel()
    with pytest.raises(Exception, match="failed"):
        await asyncio.wait_for(running.result(), 30)
    assert (await running.describe()).status is WorkflowExecutionStatus.CANCELED


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")  # of the receiver
async def test_no_secret_is_in_a_history_the_journal_or_a_log(
    town: Town, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Receivers that repeat what they were told included."""
    caplog.set_level(logging.DEBUG)
    receiver.replies = [Reply(404, f"Cannot POST /{HIDDEN}".encode()), Reply(500, KEY.encode()), Reply(410)]
    with MailReceiver(login=PASSWORD).serving() as mail:
        server = MailServer(host="127.0.0.1", port=mail.port, tls=Tls.NONE, user="botted", password=f"not-{PASSWORD}")
        town.knows(
            hook=WebhookChannel(f"{receiver.url}/{HIDDEN}", [SECRET]),
            chat=SlackChannel(f"http://127.0.0.1:9/{HIDDEN}"),
            mail=MailChannel(server, "botted@house.example", ("ana@house.example",)),
        )
        running = await town.tell("hook", "mail")
        result = await asyncio.wait_for(running.result(), 40)
        unheard = await town.tell("chat")
        await until(lambda: any("Completing activity" in record.getMessage() for record in caplog.records), 20)
        await unheard.terminate()
    assert result.outcomes == {"hook": Outcome.FAILED, "mail": Outcome.FAILED}
    kept = [await town.history(running), await town.history(unheard), str(town.journal(running)).encode()]
    for secret in (HIDDEN, KEY, PASSWORD):
        assert not any(secret.encode() in text for text in (*kept, caplog.text.encode())), secret
    assert b"deliver_notice" in kept[0]


async def test_an_objective_waits_for_no_channel(objectives: Objectives) -> None:
    """One that hears at once, one that cannot be reached: the objective is approved and delivered meanwhile."""
    running = await objectives.start(
        "tasks: [{id: a, title: A, steps: [{tool: fake.noop}]}]", mode=Mode.MANUAL, notify=("bell", "away")
    )
    asked = await objectives.waiting(running, Subject.PLAN)
    await until(lambda: "notice.sent" in objectives.kinds(running))
    await objectives.approve(running, Subject.PLAN)
    await objectives.approve(running, Subject.RESULT)
    assert (await asyncio.wait_for(running.result(), 60)).stage is Stage.DELIVERED
    telling = objectives.client.get_workflow_handle(f"{running.id}/notify/{asked.id}/asked")
    history = await telling.fetch_history()
    assert any(f'"asked_by":"{running.id}"'.encode() in event.SerializeToString() for event in history.events)
    assert (await asyncio.wait_for(telling.result(), 30))["outcomes"] == {"bell": "sent", "away": "moot"}


async def test_a_history_stays_small(town: Town) -> None:
    town.knows(bell=Bell())
    running = await town.tell("bell", about="x" * 300)
    await asyncio.wait_for(running.result(), 30)
    history = await running.fetch_history()
    assert max(event.ByteSize() for event in history.events) < 8192
    assert len(history.events) < 25


async def _slow_down(client: Client, running: Running, activity_id: str, *, seconds: int) -> None:
    """As an operator could, with `temporal activity update-options`."""
    pause = Duration(seconds=seconds)
    await client.workflow_service.update_activity_options(
        UpdateActivityOptionsRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=running.id),
            id=activity_id,
            activity_options=ActivityOptions(retry_policy=RetryPolicy(initial_interval=pause, maximum_interval=pause)),
            update_mask=FieldMask(paths=["retry_policy.initial_interval", "retry_policy.maximum_interval"]),
        )
    )
