"""Starts a program that dies with its parent, as another user where asked. Run as a file; standard library only.

    launch.py detach COMMAND...                     in a session of its own; prints the process id and returns
    launch.py PARENT SIGNAL IDENTITY COMMAND...     IDENTITY: own | namespace:UID:GID | user:UID:GID
    launch.py PARENT SIGNAL IDENTITY                only tries whether that identity may be had

A program of its own rather than a `preexec_fn`: nothing of ours runs between fork and exec of a bigger process.
"""

import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
CANNOT_BECOME = 125  # exit code: the identity asked for is refused here
CANNOT_RUN = 126


def detach(command: list[str]) -> None:
    child = os.fork()
    if child:
        print(child, flush=True)
        return
    os.setsid()
    os.dup2(2, 1)
    run(command)


def start(parent: int, death_signal: int, identity: str, command: list[str]) -> None:
    become(identity)
    die_with(parent, death_signal)  # after `become`: a change of credentials clears it
    if command:
        run(command)


def become(identity: str) -> None:
    kind, *numbers = identity.split(":")
    if kind == "own":
        return
    uid, gid = (int(number) for number in numbers)
    try:
        enter_namespace(uid, gid) if kind == "namespace" else change_user(uid, gid)
    except OSError as refusal:
        print(f"cannot run as {identity}: {refusal}", file=sys.stderr)
        sys.exit(CANNOT_BECOME)


def enter_namespace(uid: int, gid: int) -> None:
    """Be `uid` in our own eyes, while every file we touch stays our real user's."""
    real_uid, real_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "no user namespace")
    write("/proc/self/setgroups", "deny")  # the kernel wants this before a gid_map
    write("/proc/self/uid_map", f"{uid} {real_uid} 1")
    write("/proc/self/gid_map", f"{gid} {real_gid} 1")


def change_user(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def die_with(parent: int, death_signal: int) -> None:
    """Linux only; elsewhere the next supervisor finishes leftovers off."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(0)


def run(command: list[str]) -> None:
    try:
        os.execv(command[0], command)
    except OSError as refusal:
        print(f"cannot run {command[0]}: {refusal}", file=sys.stderr)
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    if sys.argv[1] == "detach":
        detach(sys.argv[2:])
    else:
        start(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
