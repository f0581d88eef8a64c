"""What can go wrong at the door, as types; `api.problems` turns each into a problem document (RFC 9457)."""

from collections.abc import Mapping


class Problem(Exception):
    """An answer that is not what was asked for. `errors` name fields: ("body.text", "must not be empty")."""

    status = 400
    title = "This cannot be done"

    def __init__(
        self, detail: str, *, errors: tuple[tuple[str, str], ...] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})


class Unreadable(Problem):
    """Not even JSON."""

    status = 400
    title = "The request cannot be read"


class Unauthenticated(Problem):
    """`reason` is for the caller, who can act on it; it never says whether a part of a secret was right."""

    status = 401
    title = "Not authenticated"

    def __init__(self, reason: str) -> None:
        error = ', error="invalid_token"' if reason != NO_CREDENTIAL else ""
        super().__init__(reason, headers={"WWW-Authenticate": f'Bearer realm="botted"{error}'})


NO_CREDENTIAL = "send an API key or a token: Authorization: Bearer …, or X-API-Key: …"


class Forbidden(Problem):
    status = 403
    title = "Not allowed"


class NotFound(Problem):
    """Unknown here, or another tenant's: which of the two is nobody's business."""

    status = 404
    title = "Not found"


class Conflict(Problem):
    """Too late, already decided, or made from something that has changed since."""

    status = 409
    title = "This does not fit what is there now"


class TooLarge(Problem):
    status = 413
    title = "Too large"


class Unsatisfiable(Problem):
    status = 416
    title = "There is no such range"


class Invalid(Problem):
    status = 422
    title = "The request is not valid"


class TooMany(Problem):
    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, retry_after: float) -> None:
        """`retry_after` in seconds."""
        super().__init__(detail, headers={"Retry-After": str(max(1, round(retry_after + 0.5)))})


class Unavailable(Problem):
    status = 503
    title = "Not available now"


class Unanswered(Problem):
    """Temporal, or a host, did not answer in time."""

    status = 504
    title = "No answer in time"
