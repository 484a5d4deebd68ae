# make run · make test · make check · make bench. Each sets up what it needs in .venv; the second run starts at once.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test check bench browser format reference
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check
# Words after `make test` and the like: make test ARGS="tests/figures -x"
ARGS ?=

help:
	@echo "make run    open the studio in a browser tab"
	@echo "make test   all tests, in a real browser too (ARGS=… goes to pytest)"
	@echo "make check  style, types and the direction of imports"
	@echo "make bench  the measured claims, one table each (ARGS=… chooses some)"

run: $(VENV)/.runtime
	@$(PY) app.py $(ARGS)

test: $(VENV)/.dev browser
	@$(PY) -m pytest -n 2 --dist loadgroup $(ARGS)

check: $(VENV)/.dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(PY) docs/reference.py --check

bench: $(VENV)/.runtime
	@$(PY) benchmarks/run.py $(ARGS)

# Finds or installs a Chromium; without one the browser tests are skipped, or fail where CI is set.
browser: $(VENV)/.dev
	@$(PY) tests/browser_setup.py

format: $(VENV)/.dev
	@$(VENV)/bin/ruff check --quiet --fix . || true
	@$(VENV)/bin/ruff format .

# Writes docs/REFERENCE.md and docs/ENGINES.md from the registries.
reference: $(VENV)/.runtime
	@$(PY) docs/reference.py

$(VENV)/.dev: requirements-dev.txt requirements-models.txt $(VENV)/.runtime
	@echo "Installing the tools for tests and checks, and the model libraries …"
	@$(PIP) install -r requirements-dev.txt
	@touch $@

$(VENV)/.runtime: requirements.txt | $(VENV)/.made
	@echo "Installing what the studio needs (some minutes the first time) …"
	@$(PIP) install -r requirements.txt
	@touch $@

# The first of python3.12, python3.11 and python3 that starts, is 3.11 or 3.12 and can make an environment.
$(VENV)/.made:
	@suits='import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))'; \
	if $(PY) -c "$$suits" >/dev/null 2>&1; then touch $@; exit 0; fi; \
	for name in python3.12 python3.11 python3; do \
	  if "$$name" -c "$$suits" >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$("$$name" --version) …"; \
	    "$$name" -m venv --clear $(VENV); touch $@; exit 0; \
	  fi; \
	done; \
	echo "No Python 3.11 or 3.12 with venv was found (tried python3.12, python3.11, python3); install one, for example: apt-get install python3.11-venv" >&2; \
	exit 1
