"""Signals that meant nothing: noticed and written down instead of lost, however many come."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ValidationError

    from workflows.domain.text import storable

KEPT = 20
Content = TypeVar("Content", bound=BaseModel)
Reader = Callable[[Any], Content]
"""From what a payload holds to what it means; a model's `model_validate` is one."""


class Strays:
    def __init__(self) -> None:
        self._texts: list[str] = []
        self._dropped = 0

    def add(self, what: str, cause: object = "") -> None:
        if len(self._texts) >= KEPT:
            self._dropped += 1
            return
        self._texts.append(storable(f"{what}: {cause}"[:600] if cause else what))

    def read(self, name: str, args: Sequence[RawValue], known: Mapping[str, Reader[Content]]) -> Content | None:
        """What a signal carries; None, and a stray more, when it is not known or cannot be read."""
        if name not in known:
            self.add(f"a signal that is not known here: {name!r}")
            return None
        if len(args) != 1:
            self.add(f"a {name} with {len(args)} arguments instead of one")
            return None
        try:
            return known[name](workflow.payload_converter().from_payload(args[0].payload))
        except (ValidationError, ValueError, TypeError, RuntimeError) as error:
            self.add(f"a {name} that cannot be read", error)
            return None

    def __bool__(self) -> bool:
        return bool(self._texts)

    def take(self) -> tuple[str, ...]:
        """All that came since the last time."""
        texts, dropped = self._texts, self._dropped
        self._texts, self._dropped = [], 0
        return (*texts, f"{dropped} more signals like these") if dropped else tuple(texts)
