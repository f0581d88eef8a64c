"""As whom Postgres runs: it refuses root, and initdb refuses a user without a name."""

import os
import pwd
import stat
import sys
from pathlib import Path

from worker.embedded.errors import StackError
from worker.embedded.process import Launch, run

OWN = "own"


def of_postgres(folder: Path, binaries: Path) -> str:
    """An identity for the launcher. `folder` is what Postgres writes in; raises StackError when nobody fits."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return OWN
    stand_in = _stand_in()
    if namespaces_work(stand_in):
        return f"namespace:{stand_in.pw_uid}:{stand_in.pw_gid}"
    if os.geteuid() != 0:
        raise StackError(
            f"Postgres needs a user with a name; user id {os.geteuid()} has none in /etc/passwd, and user namespaces "
            "are refused here. Run botted as a user that has a name."
        )
    return as_user(stand_in, folder, binaries)


def as_user(user: pwd.struct_passwd, folder: Path, binaries: Path) -> str:
    """The second best: really another user, who must be able to enter both folders."""
    folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    for path, remedy in (
        (folder, "set BOTTED_DATA_DIR to a folder that others may enter, such as /var/lib/botted"),
        (binaries, "install botted where others may enter"),
    ):
        if wall := closed_to_others(path):
            raise StackError(
                f"Postgres refuses to run as root, user namespaces are refused here, and the user {user.pw_name!r} "
                f"cannot enter {wall}: {remedy}, or run botted as an ordinary user."
            )
    return f"user:{user.pw_uid}:{user.pw_gid}"


def namespaces_work(user: pwd.struct_passwd | None = None) -> bool:
    """Whether a process of ours may enter a user namespace; asked by trying."""
    if not sys.platform.startswith("linux"):
        return False
    user = user or _stand_in()
    identity = f"namespace:{user.pw_uid}:{user.pw_gid}"
    return run(Launch((), log=Path(os.devnull), identity=identity)) == 0


def closed_to_others(path: Path) -> Path | None:
    """The first folder on the way to `path` (itself included) that other users cannot enter."""
    way = [*reversed(path.resolve().parents), path.resolve()]
    return next((folder for folder in way if not folder.stat().st_mode & stat.S_IXOTH), None)


def give(folder: Path, identity: str) -> None:
    """Makes everything in `folder` belong to that identity; quick when it does already."""
    uid, gid = owner(identity)
    if os.geteuid() != 0 or not folder.exists() or folder.stat().st_uid == uid:
        return
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(root, name), uid, gid, follow_symlinks=False)
    os.chown(folder, uid, gid)  # last: it says that the rest is done


def owner(identity: str) -> tuple[int, int]:
    """Whose files it writes, seen from here."""
    kind, *numbers = identity.split(":")
    return (int(numbers[0]), int(numbers[1])) if kind == "user" else (os.geteuid(), os.getegid())


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _stand_in() -> pwd.struct_passwd:
    """`nobody`, or whoever else is not root."""
    others = [user for user in pwd.getpwall() if user.pw_uid != 0]
    named = [user for user in others if user.pw_name == "nobody"]
    if not others:
        raise StackError("Postgres refuses to run as root, and /etc/passwd names nobody else. Add an ordinary user.")
    return (named or others)[0]
