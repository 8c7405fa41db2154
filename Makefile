# Filegate. `make` alone explains itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
# Two steps, since trying Filegate takes half of what developing it does.
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-to-develop
# Processes that share the tests: one more than there are processors, as half of what they do is waiting.
WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# How many worlds are simulated by themselves; `make test` has fewer.
WORLDS ?= 20000
# What `make fuzz` tries, for how many seconds each, and from which seed: the same one tries the same, 0 draws another.
FUZZED = csv json encoding parquet
SECONDS ?= 60
SEED ?= 1
PAGES = $(shell grep --files-with-matches --fixed-strings '[[[cog' docs/*.* tests/infrastructure/*.yaml)

.DEFAULT_GOAL := help
.PHONY: help demo check sample-data test unit simulate fuzz hostile lint types pages requirements clean

help:
	@if [ -t 1 ]; then bold=$$(printf '\033[1m') plain=$$(printf '\033[0m'); fi; \
	awk -F ':.*## ' -v bold="$$bold" -v plain="$$plain" ' \
		/^##@ / {printf "%s%s%s%s\n", (groups++ ? "\n" : ""), bold, substr($$0, 5), plain} \
		/^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it

demo: $(READY) ## Watch the whole pipeline run on real files, on this machine alone
	@$(BIN)/filegate demo

check: $(READY) ## Check the declared datasets
	@$(BIN)/filegate check

sample-data: $(DEV) ## Write larger real files to data/
	$(BIN)/python scripts/sample_data.py data

##@ Develop

unit: $(DEV) ## Run the tests that need no cloud, in about two minutes
	$(BIN)/pytest -n auto tests/unit tests/property tests/cases tests/fuzz tests/infrastructure

test: lint types security ## Run everything that this machine can check
	$(BIN)/pytest -n $(WORKERS) --no-loadscope-reorder

simulate: $(DEV) ## Simulate worlds full of faults, and look for rows lost or published twice: WORLDS=20000
	FILEGATE_WORLDS=$(WORLDS) $(BIN)/pytest -n auto tests/simulation

fuzz: $(DEV) ## Try any bytes on each reader, guided by coverage: SECONDS=60 SEED=1
	@$(MAKE) --no-print-directory --keep-going --jobs $(addprefix fuzz-,$(FUZZED))

fuzz-%: $(DEV)
	@$(BIN)/python -m tests.fuzz $* $(SECONDS) $(SEED)

lint: $(DEV) ## Check style, formatting, words, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell --dictionary - --dictionary .codespell/words.txt
	$(BIN)/lint-imports --no-logo

types: $(DEV) ## Check types
	$(BIN)/mypy

pages: $(DEV) ## Compute the tables and charts of docs/ anew, from what was measured and from the templates
	@$(BIN)/cog -r -U -I . --verbosity 1 $(PAGES)

hostile: $(DEV) ## Measure each stage's memory over hostile files: docs/memory.md
	@$(BIN)/python -m scripts.measure_hostile_files
	@$(MAKE) --no-print-directory pages

requirements: $(DEV) ## Compile the hashed requirement files from pyproject.toml
	UV=$(BIN)/uv scripts/compile-requirements.sh

clean: ## Remove what make has made
	rm -rf $(VENV) $(SCANNERS) $(PEERS) data .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): requirements/local.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Filegate needs Python 3.11 or newer, this is " + sys.version.split()[0] + ". Name another by: make PYTHON=python3.13")'
	@echo "Setting up $(VENV) (once) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes --requirement requirements/local.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/development.txt $(READY)
	@echo "Adding what development needs (once) …"
	@$(PIP) --require-hashes --requirement requirements/development.txt
	@touch $@

include security.mk docker.mk local.mk deploy.mk bench.mk
