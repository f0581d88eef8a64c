"""Names of files that come from outside."""

import re
import unicodedata
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field

MAX_BYTES = 200
"""In UTF-8; file systems take 255, and readers put a few before it."""
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,60}/[\w!#$&^.+-]{1,60}", re.ASCII)


def require_file_name(name: str) -> str:
    """One that is no path and means the same everywhere. Raises ValueError."""
    if name in ("", ".", "..") or name != name.strip():
        raise ValueError("give the file a name, without spaces around it")
    if "/" in name or "\\" in name:
        raise ValueError("a file's name is no path; leave out / and \\")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise ValueError("a file's name has no control characters")
    if len(name.encode()) > MAX_BYTES:
        raise ValueError(f"a file's name has at most {MAX_BYTES} bytes")
    return name


FileName = Annotated[str, Field(min_length=1, max_length=MAX_BYTES), AfterValidator(require_file_name)]


def attachment(name: str) -> str:
    """The value of Content-Disposition that makes every client save it, under its last part."""
    last = name.rsplit("/", 1)[-1] or "file"
    plain = re.sub(r'[^ !#-\[\]-~]|[%"]', "_", unicodedata.normalize("NFKD", last).encode("ascii", "replace").decode())
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(last, safe='')}"


def media_type_of(stored: str) -> str:
    """As a header may say it."""
    return stored if _MEDIA_TYPE.fullmatch(stored) else "application/octet-stream"
