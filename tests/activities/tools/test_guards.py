"""Which tools take care: what cannot be undone, and what costs money or reaches many people."""

from typing import ClassVar

from activities.catalogue import catalogue
from activities.playbooks.compiler import Given, compile_tasks
from activities.playbooks.document import parse
from tests.fakes.tools import TOOLS, NoOp
from workflows.domain.plan import Guard, outline_of

PLAYBOOK = """
name: careful
version: 1.0.0
description: a test
tasks:
  - {id: a, title: A, steps: [{tool: fake.noop}, {tool: fake.mail}, {tool: fake.publish, with: {name: n, content: c}}]}
"""


class Mail(NoOp):
    name: ClassVar[str] = "fake.mail"
    costly: ClassVar[bool] = True


def test_a_plan_says_which_of_its_steps_take_care() -> None:
    known = catalogue((*TOOLS, Mail), ())
    given = Given(objective_id="x", text="A test", files=(), inputs={})
    [task] = compile_tasks(parse(PLAYBOOK, "careful.yaml"), known, given)
    assert outline_of(task).guards == {1: Guard.COSTLY, 2: Guard.IRREVERSIBLE}
