"""The real wire: llama.cpp with a tiny model, in an embedded stack of its own. Run by `make test-local-model` only."""
