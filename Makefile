# What a fresh clone needs: Python 3.11 or newer with venv and pip, git and make.  No root, nothing installed before.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.synced
FOLDER := run
SYSTEM_TOOLS := nginx chromium wrk

export UV_LINK_MODE ?= copy
export UV_PYTHON_DOWNLOADS ?= never
# A network with a certificate authority of its own is no reason to fail.
export UV_SYSTEM_CERTS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all check bench wheel

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(READY) ## Make .venv with everything that is locked

$(READY): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
		{ echo "Python's venv module is needed (Debian: apt install python3-venv)" >&2; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv sync --frozen --inexact --quiet --python $(BIN)/python
	@touch $@

run: $(READY) ## Start a gateway in the folder run/; without a key of the Claude API: against the built-in fake Claude
	@mkdir -p $(FOLDER)
	@cd $(FOLDER) && TIDEGATE_ENV=development && export TIDEGATE_ENV && PATH="$(CURDIR)/$(BIN):$$PATH" && \
	tidegate init > /dev/null && \
	{ tidegate keys list --json | grep -q '"state": "active"' || tidegate keys create --app my-app; } && \
	if [ -n "$$ANTHROPIC_API_KEY" ] || grep -Eq '^(export )?ANTHROPIC_API_KEY=.' .env; then fake=; else \
		fake=--fake; echo; \
		echo "No ANTHROPIC_API_KEY in the environment or in $(FOLDER)/.env: the built-in fake Claude answers."; \
	fi && \
	echo && echo "The dashboard's password is TIDEGATE_ADMIN_TOKEN in $(FOLDER)/.env." && \
	exec tidegate serve $$fake

test: $(READY) ## Pass the tests, but for the slow ones
	$(BIN)/pytest -n auto --dist worksteal -m "not slow"
	@for tool in $(SYSTEM_TOOLS); do command -v $$tool > /dev/null || echo "Left to make test-all: what needs $$tool"; done

test-all: $(READY) ## Pass all tests
	@for tool in $(SYSTEM_TOOLS); do command -v $$tool > /dev/null || missing="$$missing $$tool"; done; \
	test -z "$$missing" || echo "Skipped is what needs$$missing; to get it, on Debian: sudo apt install$$missing"
	$(BIN)/pytest -n auto --dist worksteal --hypothesis-profile=far

check: $(READY) ## Lint, format, types, imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## Measure beside nginx, and a crowd of calls; needs nginx and wrk
	$(BIN)/python bench/gateway.py
	$(BIN)/python bench/crowd.py
	$(BIN)/python bench/guard.py
	$(BIN)/python bench/scan.py
	$(BIN)/python bench/check.py

wheel: $(READY) ## Build the wheel into dist/
	$(BIN)/uv build --wheel --quiet --out-dir dist
	@ls dist/*.whl
