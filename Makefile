# Each target sets up .venv by itself; when that is done already it takes no time.
python := .venv/bin/python

.PHONY: help demo test test-slow test-real lint bench generate page browser setup clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: setup ## move a project between two small servers on this machine
	@$(python) setup/demo.py

test: setup browser ## run the tests
	@$(python) -m pytest -n 2
	@cd sandbox && ../$(python) -m pytest -n 2

test-slow: setup browser ## run the tests that take long
	@$(python) -m pytest -n 2 -m slow
	@cd sandbox && ../$(python) -m pytest -n 2 -m slow

test-real: setup browser ## run them against real servers (needs Docker; or see docs/sandbox.md)
	@$(python) -m tests.real

lint: setup ## check style, format and types
	@$(python) -m ruff check
	@$(python) -m ruff format --check
	@$(python) -m mypy
	@cd sandbox && ../$(python) -m mypy

bench: setup ## measure the speed; some minutes (see benchmarks/README.md)
	@$(python) -W ignore::DeprecationWarning -m benchmarks.transfer

generate: setup ## write OMERO's model from omero-py, then contexts/ and shapes/ from the catalogue
	@$(python) -m graphxfer.omero.model_facts
	@$(python) -m graphxfer.generate

page: ## bundle the libraries of the report's page again (needs npm; see docs/report.md)
	@cd setup/page && npm ci --silent --no-audit --no-fund && npm run --silent build

browser: setup
	@$(python) setup/browser.py

setup: ## make .venv with all that is needed
	@setup/bootstrap

clean: ## remove .venv and all that tools left here
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
