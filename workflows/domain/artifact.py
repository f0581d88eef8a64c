from typing import Annotated

from pydantic import Field

from workflows.domain.model import Model

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ArtifactRef(Model):
    """A name for content in the store, addressed by its SHA-256; workflows carry this, never content."""

    sha256: Sha256
    name: str
    media_type: str = "application/octet-stream"
    size: int = Field(ge=0, description="bytes")
