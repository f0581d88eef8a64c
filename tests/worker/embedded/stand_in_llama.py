"""Stands in for the package `xllamacpp` in these tests, which copy it to a place of that name; standard library only.

A model file that says "broken" does not load.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace


class CommonParams(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())


class Server:
    def __init__(self, parameters: CommonParams) -> None:
        if b"broken" in Path(parameters.model.path).read_bytes():
            raise RuntimeError("this model is broken")
        server = ThreadingHTTPServer((parameters.hostnames[0], parameters.port), Answers)
        Answers.told = {name: value for name, value in vars(parameters).items() if isinstance(value, int)}
        threading.Thread(target=server.serve_forever, daemon=True).start()


class Answers(BaseHTTPRequestHandler):
    told: dict[str, int] = {}

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.told).encode())
