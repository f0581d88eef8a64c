"""How the opinions of several verifiers become one decision."""

from collections.abc import Sequence

from workflows.domain.verdict import Decision


def conclusion(opinions: Sequence[Decision], quorum: int) -> Decision | None:
    """One rejection rejects, `quorum` approvals approve; None: it takes another opinion.

    An uncertain opinion counts for neither side, so that doubt alone never approves.
    """
    if Decision.REJECTED in opinions:
        return Decision.REJECTED
    return Decision.APPROVED if opinions.count(Decision.APPROVED) >= quorum else None
