# Every target does its own set-up. Needs Python 3.11 or newer and a POSIX shell, nothing else.
.POSIX:
.SUFFIXES:
.PHONY: help setup run test test-long lint fmt events bench lock clean

BIN = .venv/bin
MADE = .venv/.made
STAMP = .venv/.stamp
FIT = import sys; sys.exit(sys.version_info < (3, 11))
UV = VIRTUAL_ENV=.venv $(BIN)/uv pip
PACKAGES = domain eventlog commands projections api replay migrations ops tests bench

help: ## Explain the targets (this text)
	@echo 'Backstock: an event-sourced inventory ledger. Targets:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Make .venv with every package of the lock and the backstock command

# A set-up that was interrupted leaves no stamp: the next one then installs every package anew.
$(STAMP): requirements.lock bootstrap.lock pyproject.toml
	@test -e $(MADE) && $(BIN)/python -c '$(FIT)' || { \
	  for python in python3.11 python3.12 python3.13 python3.14 python3 none; do \
	    $$python -c 'import ensurepip; $(FIT)' 2>/dev/null && break; done; \
	  test $$python != none || { echo 'Found no Python 3.11 or newer with its venv module' \
	    '(on Debian: apt-get install python3-venv).' >&2; exit 1; }; \
	  echo "Making .venv with $$(command -v $$python)"; \
	  $$python -m venv --clear .venv && touch $(MADE); }
	@echo 'Installing the packages of requirements.lock'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
	  --require-hashes -r bootstrap.lock
	@again=$$(test -e $(STAMP) || echo --reinstall); rm -f $(STAMP); \
	  $(UV) sync $$again --require-hashes --no-build --compile-bytecode requirements.lock
	@$(UV) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

run: setup ## Start the whole stack with sample data and say where to look (Ctrl-C stops it)
	@$(BIN)/backstock up --sample

test: lint ## Run every check and every test but the long ones
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m 'not long'

test-long: setup ## Run the tests that take minutes (full import, endurance)
	$(BIN)/python -m pytest -n 0 -m long --timeout 3600

lint: setup ## Check style, types and architecture without changing anything
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

fmt: setup ## Format the code and repair what can be repaired
	$(BIN)/ruff check --fix $(PACKAGES)
	$(BIN)/ruff format $(PACKAGES)

events: setup ## Write docs/events.md, the catalogue of events, out of the code
	$(BIN)/python -m ops.event_catalogue

bench: setup ## Measure beside the peers and write bench/results/latest.json
	$(BIN)/python -m bench

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock'
lock: $(BIN)/uv ## Resolve the dependencies again (UPGRADE=--upgrade takes newer versions)
	$(COMPILE) $(UPGRADE) --extra embedded --group dev -o requirements.lock pyproject.toml
	@echo uv | $(COMPILE) --no-annotate $(UPGRADE) -o bootstrap.lock -

$(BIN)/uv:
	@$(MAKE) setup

clean: ## Remove what set-up, checks and builds have made; never data in .backstock
	rm -rf .venv dist build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
