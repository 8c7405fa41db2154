# Filegate. `make` alone explains itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
# Two steps, since trying Filegate takes half of what developing it does.
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-to-develop

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit check pages requirements sample-data clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Watch the whole pipeline run on real files, on this machine alone
	@$(BIN)/filegate demo

test: lint types security unit ## Run everything that this machine can check

lint: $(DEV) ## Check style, formatting, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(DEV) ## Check types
	$(BIN)/mypy

unit: $(DEV) ## Run the tests
	$(BIN)/pytest

check: $(READY) ## Check the declared datasets
	@$(BIN)/filegate check

pages: $(DEV) ## Compute the tables and charts of docs/ anew, from what was measured and from the templates
	@$(BIN)/cog -r -U -I . --verbosity 1 $(shell grep --files-with-matches --fixed-strings '[[[cog' docs/*.* tests/infrastructure/*.yaml)

sample-data: $(DEV) ## Write larger real files to data/
	$(BIN)/python scripts/sample_data.py data

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

include docker.mk local.mk deploy.mk security.mk bench.mk
