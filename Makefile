# `make` alone lists the targets. Everything is installed into .venv, nothing outside it, except
# system packages that are missing for the tests on Debian: see .ci/apt-install.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt --editable
SOURCES := src tests benchmarks docs starter

# Stamps: each is newer than the files that decide what is installed.
BASE := $(VENV)/.installed-base
TEST := $(VENV)/.installed-test
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow torture check docs format pictures benchmarks clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(BASE)  ## train on a stained tissue for about a minute; writes demo-output/; needs no display
	$(BIN)/napari-unet demo

test: $(TEST)  ## run all tests, the real window included, on a virtual display
	@.ci/with-display $(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(TEST)  ## run the tests that take minutes
	@.ci/with-display $(BIN)/python -m pytest -m slow --timeout 1800

# An hour or more on two cores. The seed of the monkey and of the fuzzers: make torture SEED=3.
SEED ?= 0
torture: $(TEST)  ## attack the program for long: a monkey, faults, bad input, Stop, 200 rounds
	@.ci/with-display $(BIN)/python -m benchmarks.trust --long --seed $(SEED)

check: $(DEV) docs  ## lint, format, types, imports; the manifest, the citation, the docs, the wheel
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/npe2 validate src/napari_unet/napari.yaml
	$(BIN)/python -m pytest --quiet tests/test_packaging.py tests/test_docs.py
	.ci/try-wheel $(BIN)

# Not --quiet, which would drop the warnings before they are counted.
docs: $(DEV)  ## make the documentation a site, in site/; any warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(DEV)  ## format the sources, and mend what the linter can mend
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

pictures: $(TEST)  ## draw every picture of README and docs with the program itself, in minutes
	@.ci/with-display $(BIN)/python docs/make_pictures.py
	@.ci/with-display $(BIN)/python docs/make_animation.py

benchmarks: $(DEV)  ## list the benchmarks; `make benchmark-NAME` runs one
	@for file in benchmarks/[a-z]*.py; do \
	    name=$$(basename $$file .py); \
	    printf 'make benchmark-%-12s %s\n' "$$name" "$$(sed -n '1s/"""//gp' $$file)"; \
	done

benchmark-%: $(DEV)
	@.ci/with-display $(BIN)/python -m benchmarks.$*

clean:  ## delete outputs and caches; what is installed in .venv stays
	rm -rf demo-output build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'napari-unet needs Python 3.11 or newer. If there is one under another name, give' \
	         'it: make PYTHON=python3.12 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/apt-install python3-venv
	$(PYTHON) -m venv $(VENV)

$(BASE): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) .
	@touch $@

$(TEST): $(BASE)
	$(INSTALL) '.[test]'
	@touch $@

$(DEV): $(TEST)
	$(INSTALL) '.[dev]'
	@touch $@
