"""What can go wrong at the door, as types; `api.problems` turns each into a problem document (RFC 9457)."""


class Problem(Exception):
    """An answer that is not what was asked for. `errors` name fields: ("body.text", "must not be empty")."""

    status = 400
    title = "This cannot be done"

    def __init__(self, detail: str, *, errors: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors


class NotFound(Problem):
    """Unknown here, or another tenant's: which of the two is nobody's business."""

    status = 404
    title = "Not found"


class Invalid(Problem):
    status = 422
    title = "The request is not valid"


class Conflict(Problem):
    """Too late, already decided, or made from something that has changed since."""

    status = 409
    title = "This does not fit what is there now"


class Forbidden(Problem):
    status = 403
    title = "Not allowed"


class TooLarge(Problem):
    status = 413
    title = "Too large"


class Unanswered(Problem):
    """Temporal, or a host, did not answer in time."""

    status = 504
    title = "No answer in time"


class Unavailable(Problem):
    status = 503
    title = "Not available now"
