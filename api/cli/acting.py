"""Who a command acts as, and whether they may."""

from api.auth.local import NoKey, owner
from api.auth.principal import RIGHTS, Principal, Right, Role
from api.cli.errors import Stopped
from api.cli.session import Session
from api.errors import Unauthenticated


def acting(session: Session) -> Principal:
    """The owner of this machine's key, or of the one in BOTTED_API__KEY. Raises Stopped when neither may act."""
    try:
        return owner(session.engine, session.settings)
    except (NoKey, Unauthenticated) as error:
        raise Stopped(
            [f"no command may act here: {error}", "BOTTED_API__KEY holds the key to act by, if it is set"]
        ) from error


def require(principal: Principal, right: Right) -> None:
    """Raises Stopped with what it would take."""
    if principal.may(right):
        return
    fitting = ", ".join(role for role in Role if right in RIGHTS[role])
    roles = ", ".join(principal.roles) or "none"
    raise Stopped(
        [
            f"the key of {principal.name} may not do this: its roles are {roles}",
            f"it takes one of these: {fitting}; set BOTTED_API__KEY to such a key",
        ]
    )
