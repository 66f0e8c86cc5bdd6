# The same commands for people and for continuous integration. Everything installs into .venv.

PYTHON ?= $(firstword $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name"; \
	done))

BIN := .venv/bin
CHECKED := auditsaas tasks config

.PHONY: help demo test lint format bench faults scan docs pictures lock

help:
	@echo "make demo    the product with invented data; PORT=8000 DATA_DIR=./var EVENTS=50000"
	@echo "make test    linters and every test"
	@echo "make lint    linters only"
	@echo "make format  put the code in order"
	@echo "make bench   measurements, as tables"
	@echo "make faults  everything that can break, broken; as a table"
	@echo "make scan    scanners against a demo and a control; ten minutes, prints a table"
	@echo "make docs    the documentation as a site, in var/site"
	@echo "make pictures  the pictures of the documentation, taken anew"
	@echo "make lock    compile requirements/ from pyproject.toml; UPGRADE=1 for newer versions"

demo: export PORT ?= 8000
demo: export DATA_DIR ?= ./var
demo: export EVENTS ?= 50000
demo: .venv/.base
	@$(BIN)/auditsaas demo

test: .venv/.dev programs lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports

format: .venv/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/.dev
	$(BIN)/python -m bench $(ARGS)

faults: .venv/.dev
	@$(BIN)/python -m bench.faults $(ARGS)

scan: .venv/.base
	@$(BIN)/python -m scripts.scan

# A site of the pages; they also read well as they are.
docs: .venv/.base
	@test -x .venv-docs/bin/mkdocs || { $(BIN)/python -m venv .venv-docs && \
		.venv-docs/bin/pip install -qq mkdocs-material==9.8.1; }
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet --site-dir var/site
	@echo "var/site/index.html"

pictures: .venv/.dev programs
	@$(BIN)/python -m scripts.pictures

.PHONY: programs
programs:
	@scripts/install-programs

lock: .venv/.base
	$(COMPILE) --output-file requirements/base.txt
	$(COMPILE) --output-file requirements/dev.txt --group dev --constraint requirements/base.txt

COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header $(if $(UPGRADE),--upgrade)

# The editable install needs to be repeated only when the project's metadata change.
.venv/.base: requirements/base.txt pyproject.toml scripts/install
	@$(INSTALL) base

.venv/.dev: requirements/dev.txt pyproject.toml scripts/install
	@$(INSTALL) dev

INSTALL = $(or $(PYTHON),$(error AuditSaaS needs Python 3.11 or newer; name it with \
	make PYTHON=/path/to/python3)) scripts/install
