"""`python -m worker.embedded.llama_server`: llama.cpp's own HTTP server for one model, until a signal ends it."""

import argparse
import signal
import sys

import xllamacpp

from worker.embedded.ports import LOOPBACK

WARNINGS = 2  # the next level writes several lines per request
PROMPT_CACHE = 1024  # MiB of earlier prompts; llama.cpp's own limit is 8 GiB


def main() -> int:
    try:
        _held = xllamacpp.Server(parameters(arguments()))  # it serves as long as somebody holds it
    except RuntimeError as error:
        print(f"llama.cpp did not start: {error}", file=sys.stderr)
        return 1
    signal.pause()  # SIGTERM keeps its default action: the kernel ends us at once, also while a model loads
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m worker.embedded.llama_server")
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context-tokens", type=int, required=True, help="per slot")
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--threads", type=int)
    return parser.parse_args()


def parameters(asked: argparse.Namespace) -> xllamacpp.CommonParams:
    wanted = xllamacpp.CommonParams()
    wanted.model.path = asked.gguf
    wanted.model_alias = {asked.alias}
    wanted.hostnames = [LOOPBACK]
    wanted.port = asked.port
    wanted.n_parallel = asked.slots
    wanted.n_ctx = asked.context_tokens * asked.slots  # llama.cpp divides it among the slots
    wanted.use_jinja = True
    wanted.cache_ram_mib = PROMPT_CACHE
    wanted.verbosity = WARNINGS
    # What runs in a browser here has no business with the model, nor anybody with the prompts of others.
    wanted.cors_origins = "localhost"
    wanted.cors_credentials = False
    wanted.endpoint_slots = False
    wanted.ui = False
    if asked.threads:
        wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = asked.threads
    return wanted


if __name__ == "__main__":
    sys.exit(main())
