"""Where a page ended, as text that nobody needs to understand."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from api.errors import Invalid

T = TypeVar("T")
Cursor = Annotated[str, Field(max_length=600, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of the page before")]
NUMBER: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0, lt=1 << 63)])


def write(place: T, form: TypeAdapter[T]) -> str:
    return urlsafe_b64encode(form.dump_json(place)).decode().rstrip("=")


def read(cursor: str, form: TypeAdapter[T]) -> T | None:
    """None for the first page. Raises Invalid for what `write` never wrote."""
    if not cursor:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return form.validate_python(json.loads(urlsafe_b64decode(padded)))
    except (ValueError, ValidationError, RecursionError) as error:
        raise Invalid(
            "this is not a cursor of ours", errors=(("query.cursor", "take it from `next` of a page"),)
        ) from error
