"""Delivers notices by the channels that this host knows, and writes down what came of it."""

import hashlib
from datetime import datetime

from sqlalchemy import Engine, select
from temporalio import activity
from typing_extensions import override

from activities.failures import as_failure
from activities.notify.channel import ChannelFault, Channels, ChannelUnavailable
from activities.notify.letter import letter_of
from activities.store import journal
from activities.store.journal import Entry
from activities.store.tables import approvals
from activities.threads import Threads
from workflows.domain.notice import Notice, Occasion, Outcome
from workflows.ports.herald import DeliveryReceipt, DeliveryRecord, DeliveryRequest, Herald

OPEN = "open"
DELAYED_AFTER = 3
"""Attempts."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5, 600
"""As the policy NOTIFYING has them."""
MOST_PATIENCE_SECONDS = 3600
_TOLD = {Outcome.SENT: "was told", Outcome.MOOT: "was not told", Outcome.FAILED: "could not be told"}


class ChannelHerald(Herald):
    def __init__(self, engine: Engine, channels: Channels, threads: Threads) -> None:
        self._engine = engine
        self._channels = channels
        self._threads = threads

    @override
    @activity.defn
    async def deliver_notice(self, request: DeliveryRequest) -> DeliveryReceipt:
        try:
            return await self._deliver(request)
        except ChannelFault as error:
            await self._note_delay(request, error)
            raise as_failure(_paced(error, activity.info().attempt)) from None
        except Exception as error:
            raise as_failure(error) from error

    @override
    @activity.defn
    async def record_delivery(self, record: DeliveryRecord) -> None:
        receipt = record.receipt
        text = f"{record.channel[:60]} {_TOLD[receipt.outcome]}: {receipt.said}"
        entry = _entry(
            receipt.outcome, record.objective_id, record.task_id, record.approval, record.occasion, record.channel, text
        )
        try:
            await self._threads.run(lambda: self._append(entry))
        except Exception as error:
            raise as_failure(error) from error

    async def _deliver(self, request: DeliveryRequest) -> DeliveryReceipt:
        channel = self._channels.named(request.channel)
        state, asked_at = await self._threads.run(lambda: self._standing(request.notice))
        if state != OPEN and request.notice.occasion is not Occasion.EXPIRED:
            return DeliveryReceipt(outcome=Outcome.MOOT, said=f"it was {state} before")
        letter = letter_of(request, self._channels.base_url, asked_at)
        try:
            said = await channel.send(letter)
        except ChannelFault:
            raise
        except Exception as error:
            # Without its words and its traces: they may hold what the channel was made with.
            raise ChannelUnavailable(f"this host fails at it: {type(error).__name__}") from None
        return DeliveryReceipt(outcome=Outcome.SENT, said=said)

    async def _note_delay(self, request: DeliveryRequest, error: ChannelFault) -> None:
        """Once, when the fault is likely to stay: nobody should learn of a wrong address after days only."""
        if not isinstance(error, ChannelUnavailable) or activity.info().attempt != DELAYED_AFTER:
            return
        approval, occasion = request.notice.approval, request.notice.occasion
        text = f"{request.channel[:60]} cannot be told yet: {error}"
        entry = _entry("delayed", approval.objective_id, approval.task_id, approval.id, occasion, request.channel, text)
        await self._threads.run(lambda: self._append(entry))

    def _standing(self, notice: Notice) -> tuple[str, datetime | None]:
        """The approval's state, and since when it waits; open as long as nobody says otherwise."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(approvals.c.state, approvals.c.asked_at).where(approvals.c.id == notice.approval.id)
            ).one_or_none()
        return (row.state, row.asked_at) if row else (OPEN, None)

    def _append(self, entry: Entry) -> None:
        with self._engine.begin() as connection:
            journal.append(connection, entry)


def _paced(error: ChannelFault, attempt: int) -> ChannelFault:
    """A receiver may ask for more patience than the policy has, up to an hour, and never for less."""
    if not isinstance(error, ChannelUnavailable) or error.seconds is None:
        return error
    usual = min(FIRST_WAIT_SECONDS * 2 ** min(attempt - 1, 10), LONGEST_WAIT_SECONDS)
    return ChannelUnavailable(str(error), min(max(error.seconds, usual), MOST_PATIENCE_SECONDS))


def _entry(
    what: str, objective_id: str, task_id: str, approval: str, occasion: Occasion, channel: str, text: str
) -> Entry:
    about = f"{what}:{approval}:{occasion}:{channel}"
    return Entry(
        objective_id=objective_id,
        kind=f"notice.{what}",
        actor="herald",
        task_id=task_id,
        text=text,
        data={"approval": approval, "occasion": str(occasion), "channel": channel},
        once=f"notice:{hashlib.sha256(about.encode()).hexdigest()}",
    )
