# The same commands for people and for continuous integration. Everything installs into .venv.

PYTHON ?= $(firstword $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name"; \
	done))

BIN := .venv/bin
CHECKED := auditsaas tasks config tests bench scripts
STATIC := auditsaas/static

.DEFAULT_GOAL := help

.PHONY: help
help: ## this list
	@awk -F ':.*?## ' '/^[a-z-]+:.*## / {printf "make %-17s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: export PORT ?= 8000
demo: export DATA_DIR ?= ./var
demo: export EVENTS ?= 50000
.PHONY: demo
demo: .venv/.base ## the product with invented data; PORT=8000 DATA_DIR=./var EVENTS=50000
	@$(BIN)/auditsaas demo

# Developers look into a demo that has ended, too.
shell psql: export AUDITSAAS_ENV ?= demo

# One process more than there are cores, for tests wait for servers, browsers and clocks.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: test
test: .venv/.dev programs lint ## linters and every test; T=path for some, ARGS for pytest
	$(PYTEST) $(T) $(ARGS)

.PHONY: test-fast
test-fast: .venv/.dev ## unit tests that take no seconds each; T=tests/unit/events
	$(PYTEST) -m "not slow" $(or $(T),tests/unit) $(ARGS)

.PHONY: test-long
test-long: .venv/.dev programs ## the tests that invent their cases, with 25 times as many; T=path
	$(PYTEST) --hypothesis-profile=many $(or $(T),$(INVENTING)) $(ARGS)

INVENTING = $(sort $(shell grep -rl '^from hypothesis' tests/unit tests/functional))

.PHONY: test-functional
test-functional: .venv/.dev programs ## journeys through the product and the rules of its parts; T=path
	$(PYTEST) $(or $(T),tests/functional tests/architecture tests/deployment tests/sdk) $(ARGS)

.PHONY: test-browser
test-browser: .venv/.dev programs ## journeys in Chromium; T=path
	$(PYTEST) $(or $(T),tests/browser) $(ARGS)

.PHONY: lint
lint: .venv/.dev ## linters only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/djangofmt check templates
	$(BIN)/djangofmt --check templates
	$(BIN)/biome check --error-on-warnings $(STATIC)
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports

.PHONY: format
format: .venv/.dev ## put code, templates, styles and scripts in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/djangofmt check --fix templates
	$(BIN)/djangofmt templates
	$(BIN)/biome check --write --error-on-warnings $(STATIC)

.PHONY: bench
bench: .venv/.dev ## measurements, as tables
	$(BIN)/python -m bench $(ARGS)

.PHONY: faults
faults: .venv/.dev ## everything that can break, broken; as a table
	@$(BIN)/python -m bench.faults $(ARGS)

.PHONY: verifier
verifier: ## the client's copy of the verifier, after the product's has changed
	cp auditsaas/evidence/verifier/auditlog_verify.py sdk/python/src/auditsaas_client/

.PHONY: walls
walls: .venv/.dev ## policies, rights and functions that the migrations make, for the doctor to compare
	$(BIN)/python -m scripts.walls

.PHONY: scan
scan: .venv/.base ## scanners against a demo and a control; ten minutes, prints a table
	@$(BIN)/python -m scripts.scan

.PHONY: docs
docs: .venv-docs/.made ## the documentation as a site, in var/site
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet --site-dir var/site
	@echo "var/site/index.html"

.PHONY: pictures
pictures: .venv/.dev programs ## the pictures of the documentation, taken anew
	@$(BIN)/python -m scripts.pictures

.PHONY: walk
walk: .venv/.dev programs ## a newcomer's way to the first event, schedule and export: clicks, words, pictures in var/walk
	@$(BIN)/python -m scripts.walk

.PHONY: shell
shell: .venv/.dev ## a Python prompt in the application: session, select, events, bind("acme"); DATA_DIR=./var
	@$(BIN)/flask --app scripts.shell shell

.PHONY: psql
psql: .venv/.base ## PostgreSQL's prompt; ROLE=app|platform|owner|superuser WORKSPACE=acme DATA_DIR=./var
	@$(BIN)/python -m scripts.psql

.PHONY: migration
migration: .venv/.base ## the next numbered migration; NAME=add_colours
	@$(BIN)/python -m scripts.migration '$(or $(NAME),$(error Name it: make migration NAME=add_colours))'

.PHONY: watch
watch: .venv/.dev ## tests, again whenever a file changes; T=tests/unit
	@$(BIN)/watchfiles --filter python \
		"$(BIN)/python -m pytest -q $(or $(T),tests/unit) $(ARGS)" auditsaas config tasks tests

.PHONY: coverage
coverage: .venv/.dev ## which lines the tests reach, as a site in var/coverage; T=tests/unit
	$(BIN)/python -m pytest -q --cov --cov-report=term:skip-covered --cov-report=html \
		$(or $(T),tests/unit tests/functional tests/architecture) $(ARGS)
	@echo "var/coverage/index.html"

.PHONY: audit
audit: .venv/.dev ## known vulnerabilities of the locked packages
	@$(BIN)/python -m scripts.audit $(ARGS)

.PHONY: sbom
sbom: .venv/.dev ## the bill of materials of what is shipped, in var/sbom
	@$(BIN)/python -m scripts.sbom

.PHONY: programs
programs: ## what tests drive beside Python packages: Chromium, nginx, PgBouncer, Node
	@scripts/install-programs

.PHONY: lock
lock: .venv/.base ## compile requirements/ from pyproject.toml; UPGRADE=1 for newer versions
	$(COMPILE) pyproject.toml --output-file requirements/base.txt
	$(COMPILE) pyproject.toml --extra otel --constraint requirements/base.txt \
		--output-file requirements/otel.txt
	$(COMPILE) pyproject.toml --group dev --constraint requirements/base.txt \
		--output-file requirements/dev.txt
	$(COMPILE) --group docs --output-file requirements/docs.txt

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header $(if $(UPGRADE),--upgrade)

# The editable install needs to be repeated only when the project's metadata change.
.venv/.base: requirements/base.txt pyproject.toml scripts/install
	@$(INSTALL) base

.venv/.dev: requirements/dev.txt pyproject.toml sdk/python/pyproject.toml scripts/install
	@$(INSTALL) dev

INSTALL = $(or $(PYTHON),$(error AuditSaaS needs Python 3.11 or newer; name it with \
	make PYTHON=/path/to/python3)) scripts/install

# mkdocs stays out of .venv: nothing that is tested or shipped needs it.
.venv-docs/.made: requirements/docs.txt | .venv/.base
	@$(BIN)/python -m venv --clear .venv-docs
	@.venv-docs/bin/pip install -qq --require-hashes -r requirements/docs.txt
	@touch $@
