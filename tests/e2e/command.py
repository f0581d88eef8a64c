"""Runs the botted command the way a person does: as a program of its own, with or without a terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.embedded.stack import Commands

_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
NEVER_PASSED_ON = ("BOTTED_", "OPENAI_", "ANTHROPIC_", "GEMINI_")
"""What a developer has set for other purposes; tests give what they mean."""
WITHOUT_API = Commands(api=())
"""For stacks that are killed and started again and again: the API takes seconds of their two cores each time."""
PROGRAM = str(Path(sys.executable).with_name("botted"))


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


def _hear_interrupts() -> None:
    """A test run that was itself started in the background hands down that Ctrl-C is to be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Botted:
    """The command with a data folder and a working directory."""

    def __init__(self, data_folder: Path, cwd: Path, **settings: str) -> None:
        self.cwd = cwd
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(NEVER_PASSED_ON)},
            "BOTTED_DATA_DIR": str(data_folder),
            "COLUMNS": "120",
            **settings,
        }

    def __call__(self, *arguments: object, seconds: float = 120) -> Ended:
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
        return Ended(process.returncode, out, err)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            cwd=self.cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_interrupts,
        )

    def in_terminal(self, *arguments: object) -> "Terminal":
        return Terminal([PROGRAM, *map(str, arguments)], self.cwd, self.environment)


class Terminal:
    """A program in a pseudo-terminal, and everything that it has shown, without colours and cursor movements."""

    def __init__(self, command: list[str], cwd: Path, environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**environment, "TERM": "xterm-256color", "LINES": "40"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_hear_interrupts,
        )
        os.close(slave)
        self._raw = ""
        self.shown = ""

    def see(self, text: str, seconds: float = 60) -> None:
        """Waits until `text` has been shown."""
        self._read_until(lambda: text in self.shown, seconds, f"{text!r} was not shown")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = 60) -> int:
        self._read_until(lambda: self.process.poll() is not None, seconds, "the program did not end")
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read_until(self, condition: Callable[[], bool], seconds: float, complaint: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{complaint} within {seconds} s; shown: {self.shown[-2000:]}"
            self._read()
        self._read()

    def _read(self) -> None:
        readable, _, _ = select.select([self._master], [], [], 0.1)
        if readable:
            try:
                self._raw += os.read(self._master, 65536).decode("utf-8", "replace")
                self.shown = _CONTROLS.sub("", self._raw)
            except OSError:
                time.sleep(0.05)
