"""The user's own model file: what is asked for, and whether it can be served here."""

import importlib.util
import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from config.settings import LocalModelSettings
from worker.embedded.errors import ModelFileError, StackError

MAGIC = b"GGUF"


class LocalModel(BaseModel):
    """What a stack serves; written down in its state, so that clients can see whether it is what they want."""

    model_config = ConfigDict(frozen=True)

    gguf: Path
    threads: int | None
    context_tokens: int
    slots: int
    alias: str

    @classmethod
    def asked_for(cls, settings: LocalModelSettings) -> Self | None:
        """None where no file is given, or a server that runs already is used instead."""
        if settings.gguf is None or settings.url:
            return None
        return cls(
            gguf=Path(os.path.abspath(settings.gguf.expanduser())),
            threads=settings.threads,
            context_tokens=settings.context_tokens,
            slots=settings.slots,
            alias=settings.alias,
        )

    def __str__(self) -> str:
        threads = f"{self.threads} threads, " if self.threads else ""
        return f"{self.gguf} ({threads}{self.slots} x {self.context_tokens} tokens, named {self.alias!r})"

    def require_servable(self) -> None:
        """Raises ModelFileError when the file is no model, StackError when llama.cpp is not installed."""
        if not self.gguf.exists():
            raise ModelFileError(f"The model file {self.gguf} does not exist. Set BOTTED_LOCAL__GGUF to a GGUF file.")
        if self.gguf.is_dir():
            raise ModelFileError(f"{self.gguf} is a folder. Set BOTTED_LOCAL__GGUF to a GGUF file, perhaps one in it.")
        if self._first_bytes() != MAGIC:
            raise ModelFileError(
                f"{self.gguf} is not a GGUF file: it does not begin with {MAGIC.decode()}. "
                "Set BOTTED_LOCAL__GGUF to a model in llama.cpp's format."
            )
        if importlib.util.find_spec("xllamacpp") is None:
            raise StackError(
                f"llama.cpp, which is to serve {self.gguf.name}, is missing (package xllamacpp). "
                "Install botted[local]: pip install 'botted[local]'"
            )

    def _first_bytes(self) -> bytes:
        try:
            with self.gguf.open("rb") as file:
                return file.read(len(MAGIC))
        except OSError as error:
            raise ModelFileError(
                f"The model file {self.gguf} cannot be read: {error.strerror}. "
                "Make it readable for you, or set BOTTED_LOCAL__GGUF to another file."
            ) from error
