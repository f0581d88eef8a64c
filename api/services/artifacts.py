"""What was made for an objective, and its content."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from activities.store import work_pages
from activities.store.artifacts import ArtifactLost
from activities.store.work_pages import ArtifactShown, Content
from api.errors import NotFound, Unsatisfiable
from api.house import House
from api.services import cursors
from api.services.objectives import Objectives
from api.services.pages import Page

ArtifactContent = Content
_SHA256 = re.compile("[0-9a-f]{64}")


class ArtifactPage(Page[ArtifactShown]):
    """In the order in which they were made. The task of a file that was given with the objective is empty."""


class Artifacts:
    def __init__(self, house: House) -> None:
        self._house = house
        self._objectives = Objectives(house)

    def page(
        self, tenant: str, objective_id: str, *, task: str | None, delivered: bool | None, cursor: str, limit: int
    ) -> ArtifactPage:
        after = cursors.read(cursor, cursors.NUMBER) or 0
        with self._objectives.reading(tenant, objective_id) as connection:
            rows = work_pages.files_of(
                connection, tenant, objective_id, task_id=task, delivered=delivered, after=after, limit=limit + 1
            )
        more = cursors.write(rows[limit - 1][0], cursors.NUMBER) if len(rows) > limit else None
        return ArtifactPage(items=tuple(made for _, made in rows[:limit]), next=more)

    def find(self, tenant: str, objective_id: str, hash_or_name: str) -> Content:
        """Raises NotFound, also for content that is there but belongs to something else."""
        with self._objectives.reading(tenant, objective_id) as connection:
            found = work_pages.named(connection, tenant, objective_id, hash_or_name)
            if found is None and _SHA256.fullmatch(hash_or_name):
                found = work_pages.hashed(connection, tenant, objective_id, hash_or_name)
        if found is None:
            raise NotFound(f"the objective has no artifact {hash_or_name[:200]!r}")
        return found

    def stream(self, content: Content, start: int, end: int) -> Iterator[bytes]:
        try:
            return self._house.artifacts.stream(content.sha256, start, end)
        except ArtifactLost as error:
            raise NotFound(str(error)) from error


class Span(NamedTuple):
    """The bytes from `start` up to, without, `end`."""

    start: int
    end: int


def span(header: str, size: int) -> Span | None:
    """What a Range header asks for; None: everything, also where it asks for several ranges or makes no sense.

    Raises Unsatisfiable.
    """
    found = re.fullmatch(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", header)
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        wanted = Span(max(0, size - int(last)), size)
    else:
        wanted = Span(int(first), min(size, int(last) + 1) if last else size)
        if last and int(last) < int(first):
            return None
    if wanted.start >= wanted.end:
        raise Unsatisfiable("the range lies behind the end", headers={"Content-Range": f"bytes */{size}"})
    return wanted
