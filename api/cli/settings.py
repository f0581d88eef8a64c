"""Settings for a command, with mistakes in them told as mistakes."""

from pydantic import ValidationError

from api.cli.errors import BadInput
from config import settings
from config.settings import Settings


def load() -> Settings:
    try:
        return settings.load()
    except ValidationError as error:
        faults = [
            f"setting {'.'.join(map(str, fault['loc']))}: {fault['msg']}{_given(fault['input'])}"
            for fault in error.errors()
        ]
        raise BadInput(*faults, "settings come from botted.toml and from BOTTED_… variables") from error
    except ValueError as error:
        raise BadInput(f"botted.toml: {error}") from error


def _given(value: object) -> str:
    """Quoted where it is a single value; a whole section may hold secrets."""
    return f" (it is {value!r})" if isinstance(value, str | int | float | bool) else ""
