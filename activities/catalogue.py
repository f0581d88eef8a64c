"""Every tool and check that this botted has: add a line here, and playbooks can name it."""

from collections.abc import Iterable

from activities.playbooks.compiler import Catalogue
from activities.review import basic, claims
from activities.review.check import Check
from activities.tools import catalog
from activities.tools.tool import Tool

TOOLS: tuple[type[Tool], ...] = catalog.TOOLS
CHECKS: tuple[type[Check], ...] = (*basic.CHECKS, *claims.CHECKS)


def catalogue(tools: Iterable[type[Tool]] = TOOLS, checks: Iterable[type[Check]] = CHECKS) -> Catalogue:
    return Catalogue(
        tools={tool.name: tool.input_model for tool in tools},
        checks={check.name: check.input_model for check in checks},
    )
