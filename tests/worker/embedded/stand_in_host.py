"""Stands in for `python -m worker` in these tests; standard library only, run as a file."""

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

data = Path(os.environ["BOTTED_DATA_DIR"])


def take_leave(number: int, frame: FrameType | None) -> None:
    database = urlsplit(os.environ["BOTTED_DATABASE__URL"])
    with socket.create_connection((str(database.hostname), database.port or 0), 2):
        (data / "host.left").write_text("while Postgres answered")
    sys.exit(0)


signal.signal(signal.SIGTERM, take_leave)
mine = {name: value for name, value in os.environ.items() if name.startswith("BOTTED_")}
(data / "host.environment").write_text(json.dumps(mine))
Path(os.environ["BOTTED_READY_FILE"]).touch()
while True:
    time.sleep(60)
