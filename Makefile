# make demo   encode, decode and compare sample pictures: table, build/demo/demo.png
# make test   run the tests
# make check  ruff and strict mypy
# Each creates .venv first if need be; PYTHON=… picks the interpreter, 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SETUP := pyproject.toml constraints.txt

.PHONY: demo test check samples clean

# Progress bars need the terminal, so the demo's output is not redirected. DEMO="--quality 40 FILE …" changes it.
demo: $(VENV)/installed
	$(BIN)/python sample_images/demo.py $(DEMO)

test: $(VENV)/installed-test
	$(BIN)/pytest $(PYTEST)

check: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

samples: $(VENV)/installed
	$(BIN)/python sample_images/make_samples.py

$(VENV)/installed: $(SETUP)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pillow-inr needs Python 3.11 or newer: make PYTHON=…")'
	@echo "Installing into $(VENV); the first time this takes some minutes."
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(INSTALL) --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
