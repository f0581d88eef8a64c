"""Signals that meant nothing: noticed and written down instead of lost, however many come."""

KEPT = 20


class Strays:
    def __init__(self) -> None:
        self._texts: list[str] = []
        self._dropped = 0

    def add(self, what: str, cause: object = "") -> None:
        if len(self._texts) >= KEPT:
            self._dropped += 1
            return
        self._texts.append(f"{what}: {cause}"[:600] if cause else what)

    def __bool__(self) -> bool:
        return bool(self._texts)

    def take(self) -> tuple[str, ...]:
        """All that came since the last time."""
        texts, dropped = self._texts, self._dropped
        self._texts, self._dropped = [], 0
        return (*texts, f"{dropped} more signals like these") if dropped else tuple(texts)
