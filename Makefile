# Each target sets up .venv; if it is up to date, that takes no time.
python := .venv/bin/python

# Where this is set, each process that tests start would compile all that it imports, seconds each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-slow test-real lint bench generate page browser setup clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: setup ## move a project between two local OMERO servers
	@$(python) setup/demo.py

# Three at once on two cores: tests also wait, for servers to start and for calls that are slow.
test: setup browser ## run the tests
	@$(python) -m pytest -n 3
	@cd sandbox && ../$(python) -m pytest -n 3

test-slow: setup browser ## run the slow tests
	@$(python) -m pytest -n 2 -m slow
	@cd sandbox && ../$(python) -m pytest -n 2 -m slow

test-real: setup browser ## run the tests against real servers (needs Docker; or see docs/sandbox.md)
	@$(python) -m tests.real

lint: setup ## check style, format and types
	@$(python) -m ruff check
	@$(python) -m ruff format --check
	@$(python) -m mypy
	@cd sandbox && ../$(python) -m mypy

bench: setup ## run the benchmarks, some minutes (see benchmarks/README.md)
	@$(python) -W ignore::DeprecationWarning -m benchmarks.transfer

generate: setup ## write all generated files: contexts/, shapes/, the model of OMERO, the coverage of the sandbox
	@$(python) -m graphxfer.omero.model_facts
	@$(python) -m graphxfer.generate
	@$(python) -m omero_sandbox.coverage > sandbox/COVERAGE.md

page: ## rebuild the JavaScript libraries of the report's page (needs npm; see docs/report.md)
	@cd setup/page && npm ci --silent --no-audit --no-fund && npm run --silent build

browser: setup
	@$(python) setup/browser.py

setup: ## create .venv with all dependencies
	@setup/bootstrap

clean: ## remove .venv, caches and build output
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
