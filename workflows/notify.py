"""Tells people outside botted that something waits for them. Nobody waits for this workflow."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, RetryState, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from workflows.domain.naming import objective_workflow_id, task_workflow_id
    from workflows.domain.notice import Notice, NoticeResult, Outcome
    from workflows.failures import reason_of
    from workflows.policies import BOOKKEEPING, NOTIFYING, named
    from workflows.ports.herald import DeliveryReceipt, DeliveryRecord, DeliveryRequest, Herald

SHOWN = 60
"""Characters of a channel's name in summaries; the name comes from whoever asked for the objective."""


@workflow.defn
class NotifyWorkflow:
    """`…/notify/<approval>/<occasion>`: one notice, to each of its channels on its own, for up to three days."""

    @workflow.init
    def __init__(self, notice: Notice) -> None:
        self._notice = notice
        self._outcomes: dict[str, Outcome] = {}

    @workflow.run
    async def run(self, notice: Notice) -> NoticeResult:
        channels = list(dict.fromkeys(notice.channels))
        self._show()
        await asyncio.gather(*(self._tell(number, channel) for number, channel in enumerate(channels, start=1)))
        return NoticeResult(outcomes={channel: self._outcomes[channel] for channel in channels})

    async def _tell(self, number: int, channel: str) -> None:
        receipt = await self._deliver(number, channel)
        await self._record(number, channel, receipt)
        self._outcomes[channel] = receipt.outcome
        self._show()

    async def _deliver(self, number: int, channel: str) -> DeliveryReceipt:
        request = DeliveryRequest(
            notice=self._notice, channel=channel, at=workflow.info().start_time, asked_by=self._asked_by()
        )
        config = named(NOTIFYING, f"Tell {channel[:SHOWN]}", activity_id=f"deliver-{number}")
        try:
            return await workflow.execute_activity_method(Herald.deliver_notice, request, **config)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            given_up = "given up: " if error.retry_state is RetryState.TIMEOUT else ""
            return DeliveryReceipt(outcome=Outcome.FAILED, said=f"{given_up}{reason_of(error)}"[:500])

    async def _record(self, number: int, channel: str, receipt: DeliveryReceipt) -> None:
        approval = self._notice.approval
        record = DeliveryRecord(
            objective_id=approval.objective_id,
            task_id=approval.task_id,
            approval=approval.id,
            occasion=self._notice.occasion,
            channel=channel,
            receipt=receipt,
        )
        config = named(BOOKKEEPING, f"{channel[:SHOWN]}: {receipt.outcome}", activity_id=f"record-{number}")
        await workflow.execute_activity_method(Herald.record_delivery, record, **config)

    def _asked_by(self) -> str:
        """Where the answer is waited for: whoever started this, or else the workflow that the approval names."""
        parent = workflow.info().parent
        if parent is not None:
            return parent.workflow_id
        approval = self._notice.approval
        if approval.task_id:
            return task_workflow_id(approval.objective_id, approval.task_id)
        return objective_workflow_id(approval.objective_id)

    def _show(self) -> None:
        approval = self._notice.approval
        told = [
            f"- {channel[:SHOWN]}: {self._outcomes.get(channel, 'being told')}"
            for channel in dict.fromkeys(self._notice.channels)
        ]
        workflow.set_current_details("\n".join([f"**{self._notice.occasion}** {approval.id}", "", *told]))
