import threading
from pathlib import Path

import psutil

from config.settings import Settings
from tests.e2e.command import Botted
from worker.embedded import stack
from worker.embedded.stack import Addresses

ROWS = 2_000_000
LIMIT = 1_000_000_000  # bytes


def test_two_million_rows_are_reported_on_within_a_gigabyte(
    botted: Botted, settings: Settings, addresses: Addresses, tmp_path: Path
) -> None:
    with (tmp_path / "sales.csv").open("w") as file:
        file.write("day,shop,amount\n")
        for n in range(ROWS):
            file.write(f"2024-{n % 12 + 1:02}-{n % 28 + 1:02},shop {n % 7},{n * 7919 % 1000}\n")
    watch = Watch(settings)
    watch.start()
    try:
        ended = botted("run", "What sells?", "--file", "sales.csv", "--out", "out", seconds=170)
    finally:
        watch.end()
    assert ended.code == 0, ended.out + ended.err
    assert "2,000,000" in (tmp_path / "out" / "report.md").read_text()
    assert 0 < watch.peak < LIMIT


class Watch(threading.Thread):
    """The host's largest resident memory, in bytes, looked at ten times a second."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._ended = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._ended.wait(0.1):
            found = stack.find(self._settings)
            if found is not None and "host" in found.parts:
                self.peak = max(self.peak, psutil.Process(found.parts["host"].pid).memory_info().rss)

    def end(self) -> None:
        self._ended.set()
        self.join()
