"""The OpenAPI document: complete, and true under whatever schemathesis makes of it."""

import asyncio
import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.objectives import Objectives
from tests.service import Service
from workflows.domain.naming import WORKFLOW_QUEUE, objective_workflow_id
from workflows.domain.objective import Mode, Objective
from workflows.domain.order import ObjectiveOrder
from workflows.objective import ObjectiveWorkflow

EXAMPLES = int(os.environ.get("BOTTED_TEST_EXAMPLES", "8"))
TENANT = "fuzz"
KNOWN = "monthly-report-k3x9aa"
"""The objective of the document's examples; it is there, so that they do not all end as 404."""
PLAYBOOK = "name: test\nversion: 1.0.0\ndescription: a test\ntasks: [{id: a, title: A, steps: [{tool: fake.noop}]}]"


@pytest.fixture(scope="session")
async def known(objectives: Objectives, service: Service) -> str:
    """Its plan waits to be approved. Comes with a key to it."""
    objective = Objective(
        id=KNOWN,
        text="A test",
        playbook=objectives.artifacts.put("test.yaml", PLAYBOOK.encode(), "application/yaml"),
        mode=Mode.MANUAL,
        tenant=TENANT,
    )
    await objectives.client.start_workflow(
        ObjectiveWorkflow.run,
        ObjectiveOrder(objective=objective),
        id=objective_workflow_id(KNOWN),
        task_queue=WORKFLOW_QUEUE,
    )
    return service.key("admin", tenant=TENANT)


@pytest.fixture(scope="session")
def document(service: Service, known: str) -> BaseSchema:
    """As the running service tells it."""
    found: BaseSchema = schemathesis.openapi.from_url(
        f"{service.url}/v1/openapi.json", headers={"Authorization": f"Bearer {known}"}
    )
    return found


async def test_no_request_makes_it_fail_or_break_its_word(document: BaseSchema, known: str) -> None:
    """No 5xx, and no answer that the document does not tell of. What is well formed may still be about nothing."""
    broken: dict[str, str] = {}
    operations: list[Any] = [result.ok() for result in document.get_all_operations()]  # type: ignore[union-attr]
    for operation in operations:
        try:
            await asyncio.to_thread(try_out, operation, known)  # the host runs in this loop
        except (Exception, BaseExceptionGroup) as failure:
            broken[operation.label] = str(failure)[:1500]
    assert len(operations) > 40
    assert not broken, "\n\n".join(f"{label}: {text}" for label, text in broken.items())


def try_out(operation: Any, key: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def holds(case: Any) -> None:
        excluded: list[Any] = [positive_data_acceptance]
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=excluded, timeout=30)

    holds()
