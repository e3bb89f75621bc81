# What can be run here. `make` alone prints it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
DEMO_DIR = .hub/demo
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-full test-long check format bench install lock schema clean

help: ## Print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(READY) ## Make .venv with everything pinned in deploy/requirements.lock

$(READY): deploy/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "the hub needs Python 3.11 or newer: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: install ## Show the main job on real servers: catalog, stock, shops, tills, orders, points (ARGS="--for 30")
	@HUB_DATA_DIR=$(DEMO_DIR) $(BIN)/hub down; rm -rf $(DEMO_DIR); \
	HUB_DATA_DIR=$(DEMO_DIR) HUB_PORT=$${HUB_PORT:-0} $(BIN)/hub up --demo $(ARGS); status=$$?; \
	HUB_DATA_DIR=$(DEMO_DIR) $(BIN)/hub down; rm -rf $(DEMO_DIR); exit $$status

test: install ## The quick suite: wheels only, any user, under ten minutes (ARGS="-k name")
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not full" $(ARGS)

test-full: install ## What takes longer or needs Chromium and Node (installs them with apt when root)
	deploy/install-test-tools
	$(BIN)/python -m pytest -q -m full $(ARGS)

test-long: install ## The stock engine against its model for a million operations, then 140 blows to a hub under load (OPERATIONS=10000 BLOWS=14)
	OPERATIONS=$${OPERATIONS:-1000000} $(BIN)/python -m pytest -q tests/properties/long_stock_engine.py $(ARGS)
	HUB_TEST_BLOWS=$${BLOWS:-140} $(BIN)/python -m pytest -q tests/faults/test_kills.py $(ARGS)

check: install ## Format, lint, types, imports, schema and migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hub schema --check
	$(BIN)/python -m pytest -q tests/architecture

format: install ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## Benchmarks, one JSON object a line (ARGS=NAME runs those whose name contains NAME)
	@$(BIN)/python -m tests.bench $(ARGS)

schema: install ## Write graphql/schema.graphql
	$(BIN)/hub schema --write

lock: ## Pin every dependency anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
		--no-emit-index-url --no-header --output-file deploy/requirements.lock pyproject.toml

clean: ## Remove .venv, caches and embedded data
	-@HUB_DATA_DIR=.hub $(BIN)/hub down 2>/dev/null
	rm -rf $(VENV) .hub .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
