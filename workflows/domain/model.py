"""The base of every model that crosses a border."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen and strict about unknown fields: a typing mistake is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
