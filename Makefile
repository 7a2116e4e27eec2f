# Every target sets up what it needs first. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := deploy scripts tests $(wildcard benchmarks examples)
LOCK := $(VENV)/tools/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header --quiet

.PHONY: help setup demo up down test faults check mypy format bench compose-test lock

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Virtual environment in .venv, from the hash-locked requirements (Python 3.11 or 3.12)

$(STAMP): requirements/uv.txt requirements/all.txt pyproject.toml
	@scripts/setup $(VENV)
	@touch $@

demo: $(STAMP) ## The whole way once: events on Kafka to verified decisions (3 minutes)
	@$(BIN)/leadline demo

up: $(STAMP) ## The platform with live demo traffic and the API on localhost, until Ctrl-C
	@$(BIN)/leadline up

down: $(STAMP) ## Clear .local/: everything the demo and `make up` left
	@$(BIN)/leadline down

# Three, as most tests wait for a server rather than compute. A worker takes whole files in alphabetical order, which begins
# the longest early: end to end, and faults.
test: $(STAMP) ## Every test, by three processes side by side
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

faults: $(STAMP) ## Faults and properties at length: five times the seeds and cases of `make test` (35 minutes)
	@LEADLINE_THOROUGH=$${LEADLINE_THOROUGH:-5} $(BIN)/python -m pytest --numprocesses 2 --dist load \
		tests/faults tests/ingestion/identity tests/ingestion/contracts tests/features/test_parting.py

check: $(STAMP) ## Exactly what CI checks: ruff, mypy, import order, contracts, features, documents, secrets
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(MAKE) mypy
	@$(BIN)/lint-imports
	@$(BIN)/leadline contracts check
	@$(BIN)/leadline features check
	@$(BIN)/leadline features check --set examples.bank_marketing.definitions:BANK
	@$(BIN)/python -m scripts.check_docs
	@$(BIN)/python -m scripts.check_secrets

mypy: $(STAMP)
	@$(BIN)/mypy
	@$(BIN)/mypy $(CODE)

format: $(STAMP) ## Let ruff put code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## Throughput, latency and the side-by-side comparison
	@$(BIN)/python -m benchmarks

compose-test: $(STAMP) ## docker-compose.yml for real: build, start, drive, restart one of each kind, take down
	@$(BIN)/python -m deploy.compose_test

lock: $(STAMP) ## Resolve the requirements anew (after a change of pyproject.toml)
	@$(LOCK) requirements/uv.in -o requirements/uv.txt
	@$(LOCK) pyproject.toml --all-extras -c requirements/constraints.in -o requirements/all.txt
	@$(LOCK) pyproject.toml requirements/build.in --extra stream --extra features --extra scorer --extra train \
		--extra postgres --extra tracing --extra lineage --extra ui -c requirements/constraints.in -c requirements/all.txt -o requirements/run.txt
