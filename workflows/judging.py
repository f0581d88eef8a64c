"""A panel of verifiers: independent seats, a quorum, and another opinion where one cannot tell."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.domain.panel import conclusion
    from workflows.domain.verdict import MAX_FEEDBACK, Decision, ObjectiveVerdict, TaskVerdict
    from workflows.policies import JUDGING, named
    from workflows.ports.judge import MAX_ROUNDS, Judge, JudgeRequest

Opinion = TaskVerdict | ObjectiveVerdict


class Panel:
    """Opinions come in through `hear`, as signals; `decide` asks for them until they make a decision."""

    def __init__(self, quorum: int, second_opinion: bool, within_budget: Callable[..., Awaitable[object]]) -> None:
        self._quorum = quorum
        self._second_opinion = second_opinion
        self._within_budget = within_budget
        self._opinions: dict[str, Opinion] = {}

    def hear(self, opinion: Opinion) -> None:
        """Of two opinions of one verifier the first counts."""
        self._opinions.setdefault(opinion.by, opinion)

    @property
    def feedback(self) -> str:
        """What those say who did not approve."""
        said = [opinion.feedback for opinion in self._opinions.values() if not opinion.approved and opinion.feedback]
        return "\n".join(said)[:MAX_FEEDBACK]

    @property
    def fingerprint(self) -> str:
        found = [opinion.fingerprint for opinion in self._opinions.values() if isinstance(opinion, TaskVerdict)]
        return next((fingerprint for fingerprint in found if fingerprint), "")

    async def decide(self, request: JudgeRequest, title: str) -> Decision:
        """Raises ActivityError when a verifier could not be asked."""
        await self._ask(request, title, range(1, self._quorum + 1))
        if self._concluded() is None and self._second_opinion:
            await self._ask(request, title, [self._quorum + 1])
        return self._concluded() or Decision.UNCERTAIN

    def _concluded(self) -> Decision | None:
        return conclusion([opinion.decision for opinion in self._opinions.values()], self._quorum)

    async def _ask(self, request: JudgeRequest, title: str, seats: Iterable[int]) -> None:
        asked = [self._ask_seat(request.model_copy(update={"seat": seat}), title) for seat in seats]
        await asyncio.gather(*asked)

    async def _ask_seat(self, request: JudgeRequest, title: str) -> None:
        """An answer that does not hold goes back to its verifier; the last round settles it either way."""
        for round_ in range(1, MAX_ROUNDS + 1):
            asked = request.model_copy(update={"round": round_})
            subject = f"attempt-{asked.attempt}" if asked.task_id else "result"
            config = named(
                JUDGING,
                f"{title}: verifier {asked.seat}" + (f", again ({round_})" if round_ > 1 else ""),
                activity_id=f"{subject}-judge-{asked.seat}-{round_}",
            )
            receipt = await self._within_budget(
                lambda asked=asked, config=config: workflow.execute_activity_method(Judge.judge, asked, **config)
            )
            if getattr(receipt, "settled", False):
                return
