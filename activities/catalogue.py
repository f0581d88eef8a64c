"""Every tool and check that this botted has: add a line here, and playbooks can name it."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from activities.playbooks.compiler import Catalogue
from activities.review import agreement, basic, claims, documents, grounding, shape
from activities.review.check import Check
from activities.tools import catalog
from activities.tools.tool import Effect, Tool

TOOLS: tuple[type[Tool], ...] = catalog.TOOLS
CHECKS: tuple[type[Check], ...] = (
    *basic.CHECKS,
    *shape.CHECKS,
    *documents.CHECKS,
    *agreement.CHECKS,
    *grounding.CHECKS,
    *claims.CHECKS,
)


_CAPABILITIES = {
    "data": ("data.*", "chart.*", "file.*"),
    "writing": ("file.*", "document.*"),
    "general": ("*",),
}
"""What workers can do, and with which tools; a roster of real workers will say."""


def capabilities(tools: Iterable[type[Tool]] = TOOLS) -> dict[str, tuple[str, ...]]:
    """Capability → tools. What cannot be undone is nobody's: it would need a person's word each time."""
    names = sorted(tool.name for tool in tools if tool.effect is not Effect.IRREVERSIBLE)
    return {
        capability: tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))
        for capability, patterns in _CAPABILITIES.items()
    }


def descriptions(tools: Iterable[type[Tool]] = TOOLS, checks: Iterable[type[Check]] = CHECKS) -> dict[str, str]:
    told = {tool.name: tool.description for tool in tools}
    return told | {check.name: check.description for check in checks}


def catalogue(tools: Iterable[type[Tool]] = TOOLS, checks: Iterable[type[Check]] = CHECKS) -> Catalogue:
    return Catalogue(
        tools={tool.name: tool.input_model for tool in tools},
        checks={check.name: check.input_model for check in checks},
        guards={tool.name: guard for tool in tools if (guard := tool.guard()) is not None},
    )
