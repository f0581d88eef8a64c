"""Stands in for `python -m api` in these tests; standard library only, run as a file."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def take_leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


signal.signal(signal.SIGTERM, take_leave)
mine = {name: value for name, value in os.environ.items() if name.startswith("BOTTED_")}
(Path(os.environ["BOTTED_DATA_DIR"]) / "api.environment").write_text(json.dumps(mine))
ThreadingHTTPServer(("127.0.0.1", int(os.environ["BOTTED_API__PORT"])), Ready).serve_forever()
