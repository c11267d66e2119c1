# Everything a person needs is here; `make help` lists it. Needs only make and Python 3.11 to 3.13.

VENV := .venv
STAMP := $(VENV)/.installed
SOURCES := bot plugins storage tests docs

FITTING := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3; do \
	$$each -c '$(FITTING)' 2>/dev/null && { echo $$each; break; }; done)

# pip and uv name the folder of ready-made wheels differently.
ifdef PIP_FIND_LINKS
comma := ,
space := $(subst ,, )
UV_FIND_LINKS ?= $(subst $(space),$(comma),$(strip $(PIP_FIND_LINKS)))
export UV_FIND_LINKS
endif

.DEFAULT_GOAL := help
.PHONY: help install run test test-kill test-long check format bench lock clean browser

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
		while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

install: $(STAMP) ## set up everything in .venv

run: install ## start parley and its chat page; data is kept in ./data
	$(VENV)/bin/parley run --data-dir data

test: install browser ## run all tests
	$(VENV)/bin/python -m pytest $(ARGS)

test-kill: install ## the long kill test: KILLS=200 by default
	KILLS=$${KILLS:-200} $(VENV)/bin/python -m pytest tests/acceptance/test_kill.py tests/acceptance/test_kill_platforms.py \
		tests/acceptance/test_processes.py $(ARGS)

test-long: install ## the long flood and soak tests: FLOOD=60 seconds and MINUTES=60 by default
	FLOOD=$${FLOOD:-60} MINUTES=$${MINUTES:-60} $(VENV)/bin/python -m pytest -s tests/acceptance/test_flood.py \
		tests/acceptance/test_soak.py $(ARGS)

check: install ## lint, formatting, types and who may import whom
	$(VENV)/bin/ruff check $(SOURCES)
	$(VENV)/bin/ruff format --check $(SOURCES)
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: install ## format the code and mend what ruff can mend
	$(VENV)/bin/ruff check --fix $(SOURCES)
	$(VENV)/bin/ruff format $(SOURCES)

bench: install ## measure the core, the models, the worker and the connectors; takes some minutes
	$(VENV)/bin/parley bench core $(ARGS)
	$(VENV)/bin/parley bench models
	$(VENV)/bin/parley bench worker --quick
	$(VENV)/bin/parley bench connectors

lock: ## renew uv.lock and constraints.txt from pyproject.toml (ARGS=--upgrade for newer versions)
	env -u UV_FIND_LINKS $(VENV)/bin/uv lock $(ARGS)
	env -u UV_FIND_LINKS $(VENV)/bin/uv export --frozen --quiet --format requirements.txt \
		--all-extras --all-groups --no-hashes --no-emit-project --no-annotate --no-header \
		--output-file constraints.txt

clean: ## remove what was built; data and .venv stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { \
		echo "parley needs Python 3.11, 3.12 or 3.13; none was found. Install one, or name it: make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c '$(FITTING)' || { \
		echo "parley needs Python 3.11, 3.12 or 3.13; $(PYTHON) is another. Name one: make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet 'uv>=0.9'
	$(VENV)/bin/uv pip install --compile-bytecode --python $(VENV)/bin/python -c constraints.txt -e '.[all]' --group dev
	@touch $@

# The page is tested in a real browser: the system's, else playwright's own, else those tests are skipped.
browser: install
	@for each in chromium chromium-browser google-chrome; do \
		command -v $$each >/dev/null && exit 0; done; \
	PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT=10000 $(VENV)/bin/playwright install chromium >/dev/null 2>&1 || \
		echo "No browser here: the tests of the page in a browser are skipped."
