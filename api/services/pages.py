"""What lists are made of."""

from typing import Generic, TypeVar

from pydantic import Field

from workflows.domain.model import Model

T = TypeVar("T", bound=Model)
MOST_IN_PAGE = 200


class Page(Model, Generic[T]):
    items: tuple[T, ...]
    next: str | None = Field(description="the cursor of the next page; null: this is the last one")
