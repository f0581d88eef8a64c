"""Loopback ports: free ones, outside the range from which the system takes ports for outgoing connections."""

import random
import socket
import time
from collections.abc import Callable

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 17_000, 32_000  # Linux hands out 32768 and above by itself: a remembered port there gets lost


class Ports:
    """The remembered port of each server."""

    def __init__(self, known: dict[str, int], report: Callable[[str], None]) -> None:
        self.known = dict(known)
        self._report = report

    def keep(self, name: str) -> int:
        """The port remembered under that name, or a new one if there is none or somebody else sits there."""
        port = self.known.get(name)
        if port is not None and is_free(port, patience=0.5):
            return port
        self.known[name] = choose(avoiding=set(self.known.values()))
        if port is not None:
            self._report(f"Port {port} ({name}) is taken by another program; using {self.known[name]} instead")
        return self.known[name]


def is_free(port: int, patience: float = 0.0) -> bool:
    """Whether a server could listen there; asks again for `patience` seconds, as a dying server needs a moment."""
    deadline = time.monotonic() + patience
    while not _can_listen(port):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def choose(avoiding: set[int]) -> int:
    """A free port that is not in `avoiding`; somebody may still take it before it is bound."""
    while True:
        port = random.randint(LOWEST, HIGHEST)
        if port not in avoiding and _can_listen(port):
            return port


def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: no waiting for old connections
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
    return True
