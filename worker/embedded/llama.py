"""The embedded model server: llama.cpp from the wheel `xllamacpp`, for a GGUF file of the user's."""

import sys
from typing import ClassVar

from worker.embedded.folder import Folder
from worker.embedded.local_model import LocalModel
from worker.embedded.part import Part
from worker.embedded.ports import LOOPBACK, Ports
from worker.embedded.process import Launch, ProcessId, listens
from worker.embedded.temporal_server import answers


class LlamaServer(Part):
    name: ClassVar[str] = "llama"
    title: ClassVar[str] = "llama.cpp"
    stop_seconds: ClassVar[float] = 5
    start_seconds: ClassVar[float] = 600  # a large model from a slow disk takes minutes

    def __init__(self, folder: Folder, numbers: Ports, model: LocalModel) -> None:
        self._folder = folder
        self._numbers = numbers
        self._model = model

    @property
    def url(self) -> str:
        """As OpenAI's clients want it. Only after the first launch is there a port."""
        return f"http://{LOOPBACK}:{self._numbers.known[self.name]}/v1"

    def launch(self) -> Launch:
        self._model.require_servable()
        return Launch(
            (
                *(sys.executable, "-m", "worker.embedded.llama_server"),
                *("--gguf", str(self._model.gguf)),
                *("--port", str(self._numbers.keep(self.name))),
                *("--context-tokens", str(self._model.context_tokens)),
                *("--slots", str(self._model.slots)),
                *("--alias", self._model.alias),
                *(("--threads", str(self._model.threads)) if self._model.threads else ()),
            ),
            log=self._folder.log(self.name),
            umask=0o077,
        )

    def is_ready(self, process: ProcessId) -> bool:
        """It says 503 while the model loads; and the server that says 200 is ours."""
        port = self._numbers.known[self.name]
        return answers(port, "/health") and listens(process.pid, port)
