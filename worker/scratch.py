"""Room for a host's temporary files, which goes with it: also with one that was killed."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def own_scratch(data_folder: Path) -> Iterator[Path]:
    """A folder of this process, where all its temporary files go meanwhile; removes what dead hosts left."""
    parent = data_folder / "scratch"
    parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(parent)
    own = parent / f"{socket.gethostname()}-{os.getpid()}"
    own.mkdir(exist_ok=True)
    before, tempfile.tempdir = tempfile.tempdir, str(own)
    try:
        yield own
    finally:
        tempfile.tempdir = before
        shutil.rmtree(own, ignore_errors=True)


def _remove_leftovers(parent: Path) -> None:
    """Only of processes of this machine: others may share the folder."""
    for left in parent.iterdir():
        machine, _, pid = left.name.rpartition("-")
        if machine == socket.gethostname() and pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
