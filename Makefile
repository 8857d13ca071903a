# One way to do each chore. `make setup` needs Python 3.11 to 3.13 with venv and nothing else.
# Override with e.g. `make setup PYTHON=/path/to/python3.12`.

.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys, venv, ensurepip; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	>/dev/null 2>&1 && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_HOME ?= demo
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup test test-random mutants check format bench demo docs pins clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with the pinned packages and plimsoll itself

$(STAMP): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 with venv was found; install one or say PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --only-binary :all: --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

test: setup ## Run all tests
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

ROUNDS ?= 5
test-random: setup ## Draw other examples for the property tests, ROUNDS times (a failing one prints how to repeat it)
	for round in $$(seq $(ROUNDS)); do \
		$(BIN)/python -m pytest -q -n auto -m hypothesis --hypothesis-profile=random $(PYTEST_ARGS) || exit 1; \
	done

mutants: setup ## Put faults into the risk modules and tell which no test finds (MODULES='risk.gates risk.l*')
	$(BIN)/python scripts/mutants.py $(MODULES)

check: setup ## Lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure speed (benchmarks/)
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

demo: setup ## Show every stage on a synthetic market (offline, a minute or so)
	$(BIN)/plimsoll --home $(DEMO_HOME) demo

docs: setup ## Write the generated reference pages and build the site into site/
	$(BIN)/python scripts/docs_reference.py
	@test -x $(VENV)/docs/bin/python || $(PYTHON) -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip install --quiet --only-binary :all: --require-hashes -r requirements/docs.txt
	NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --strict --quiet
	@echo "open site/index.html"

pins: ## Resolve the hashed pins again (needs uv; the maintainer's step)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --only-binary :all: \
		--no-emit-index-url --no-header --no-annotate --quiet -o requirements/dev.txt
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --only-binary :all: \
		-c requirements/dev.txt --no-emit-index-url --no-header --no-annotate --quiet -o requirements/runtime.txt
	uv pip compile --group docs --universal --python-version 3.11 --generate-hashes --only-binary :all: \
		--no-emit-index-url --no-header --no-annotate --quiet -o requirements/docs.txt

clean: ## Remove what the tools left, but not .venv
	rm -rf .mutants.json .mutants_reached.json .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache site $(DEMO_HOME)
