"""What people write, as it can be kept everywhere."""

from typing import Annotated

from pydantic import AfterValidator


def storable(text: str) -> str:
    """Postgres keeps no NUL; what holds one must not fail for ever where it is written down."""
    return text.replace("\x00", "\ufffd")


Said = Annotated[str, AfterValidator(storable)]
