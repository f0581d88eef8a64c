"""Processes: who one is for sure, starting one that dies with us, ending one."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

LAUNCHER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")))


class ProcessId(BaseModel):
    """A process id alone is handed out again after a while; with the moment of birth it names one process for good."""

    model_config = ConfigDict(frozen=True)

    pid: int
    birth: str

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        return cls(pid=pid, birth=birth(pid) or "never")

    def is_alive(self) -> bool:
        return birth(self.pid) == self.birth

    def send(self, number: int) -> None:
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Whether it is gone within that time."""
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def end(self, number: int, patience: float) -> None:
        """Asks with a signal, then kills the process and what it left in its session."""
        self.send(number)
        if not self.wait(patience):
            kill_group(self.pid)
            self.send(signal.SIGKILL)
            self.wait(5)


def birth(pid: int) -> str | None:
    """Boot and clock tick of its start; None when it is gone or only waits to be reaped.

    Not psutil's create_time where /proc is: that one moves whenever the wall clock is set.
    """
    if not sys.platform.startswith("linux"):
        return _birth_by_clock(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _birth_by_clock(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


@dataclass(frozen=True)
class Launch:
    """What to run, and how."""

    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    death_signal: int = signal.SIGKILL
    identity: str = "own"
    umask: int = -1  # unchanged


class Child:
    """A running program, leader of a session of its own: Ctrl-C in our terminal reaches only us."""

    def __init__(self, launch: Launch) -> None:
        with launch.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*LAUNCHER, str(os.getpid()), str(int(launch.death_signal)), launch.identity, *launch.command],
                env={**os.environ, **launch.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=launch.umask,
            )
        self.id = ProcessId.of(self._process.pid)

    def exit_code(self) -> int | None:
        """None while it runs. When it has ended, what it left in its session ends too."""
        if self._process.returncode is None and self._has_ended():
            kill_group(self.id.pid)
        return self._process.poll()

    def send(self, number: int) -> None:
        if self.exit_code() is None:
            self._process.send_signal(number)

    def end(self, number: int, patience: float) -> None:
        self.send(number)
        deadline = time.monotonic() + patience
        while self.exit_code() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.exit_code() is None:
            kill_group(self.id.pid)
        self._process.wait()

    def _has_ended(self) -> bool:
        """Asked without reaping it: until it is reaped, its group's id belongs to nobody else."""
        if sys.platform == "darwin":  # has no waitid
            return False
        return os.waitid(os.P_PID, self.id.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def run(launch: Launch) -> int:
    """Runs to the end; the exit code."""
    child = Child(launch)
    try:
        while (code := child.exit_code()) is None:
            time.sleep(0.01)
        return code
    finally:
        child.end(signal.SIGKILL, 0)


def spawn_detached(command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> ProcessId:
    """Starts a program that outlives us and is nobody's child to wait for."""
    with log.open("ab") as output:
        answer = subprocess.run(
            [*LAUNCHER, "detach", *command],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            check=True,
        )
    return ProcessId.of(int(answer.stdout))


def kill_group(pid: int) -> None:
    """Kills a session leader's group, whether or not the leader still runs."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def working_in(folder: Path, name: str) -> list[ProcessId]:
    """Processes of that name whose working directory is that folder, as far as we may see."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name() == name and process.cwd() == os.path.realpath(folder):
                found.append(ProcessId.of(process.pid))
    return found


def listens(pid: int, port: int) -> bool:
    """Whether that process holds the port, and not a stranger who was quicker."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port for c in connections)
