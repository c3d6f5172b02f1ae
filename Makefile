# make demo   encode, decode and compare sample pictures: table, build/demo/demo.png
# make test   run the tests, in two processes; PYTEST="-x tests/latent -k tiles" in one, of what it says
# make slow   run those that take long and are left out there
# make check  ruff and strict mypy
# make docs   build the site of these documents, build/site/index.html; it fails on any warning
# make fuzz   coverage-guided fuzzing for FUZZ_SECONDS; make mutate: MUTANTS mutated files; make slowest: their cost;
#   make faults: FAULTS exceptions and signals at random moments;
#   make sanitize: the compiled kernels under sanitizers, SANITIZED mutants of each level
# make programs  install real programs that use Pillow, and try them with .inr files: the table of docs/PROGRAMS.md
# make wasm   compile the kernels of the browser's viewer (clang, wasm-ld); make viewer: its folder, in build/viewer
# The first three, and slow, create .venv first if need be; PYTHON=… picks the interpreter, 3.11 or newer.

PYTHON ?= python3
FUZZ_SECONDS ?= 300
MUTANTS ?= 1000000
SANITIZED ?= 10000
FAULTS ?= 10000
SLOWEST_SECONDS ?= 120
WORKERS ?= $(shell nproc 2>/dev/null || echo 1)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SETUP := pyproject.toml constraints.txt

.PHONY: demo test slow check docs samples programs fuzz mutate faults sanitize slowest wasm viewer clean

# Progress bars need the terminal, so the demo's output is not redirected. DEMO="--quality 40 FILE …" changes it.
demo: $(VENV)/installed
	$(BIN)/python sample_images/demo.py $(DEMO)

test: $(VENV)/installed-test
	@$(BIN)/python tests/side_by_side.py $(PYTEST)

slow: $(VENV)/installed-test
	@$(BIN)/python tests/side_by_side.py $(PYTEST) -m slow

check: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "build/site/index.html"

samples: $(VENV)/installed
	$(BIN)/python sample_images/make_samples.py

# An environment of its own: `inr enable` changes what every program there opens. Without torch.
programs:
	$(PYTHON) -m venv build/programs
	build/programs/bin/python -m pip install --quiet --requirement tests/real_programs/requirements.txt
	build/programs/bin/python -m pip install --quiet --no-deps --editable . term-image==0.7.2  # says it needs Pillow < 11
	build/programs/bin/inr enable
	build/programs/bin/python tests/real_programs/run.py

FUZZ := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=tests:tests/helpers $(BIN)/python

# Goes on from what was kept in build/corpus. Without atheris, unguided mutants for the same time. A file that breaks a promise is left in build/findings.
fuzz: $(VENV)/installed-test
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet atheris || \
	    echo "atheris cannot be installed here"
	@mkdir -p build/findings
	$(FUZZ) tests/fuzz/fuzz_decode.py build/corpus -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/findings/ $(FUZZ_ARGS)

# Goes on where it was stopped, until all are done: rm build/mutants.json begins anew. MUTATE_ARGS=--both: by NumPy, too.
mutate: $(VENV)/installed-test
	$(FUZZ) tests/fuzz/mutants.py $(MUTANTS) --workers $(WORKERS) --state build/mutants.json --findings build/findings $(MUTATE_ARGS)

# The compiled kernels built for AddressSanitizer and UndefinedBehaviorSanitizer, in build/sanitize.
sanitize: $(VENV)/installed-test
	PYTHON=$(abspath $(BIN))/python tests/fuzz/sanitize.sh $(SANITIZED)

slowest: $(VENV)/installed-test
	$(FUZZ) tests/fuzz/slowest.py --seconds $(SLOWEST_SECONDS)

faults: $(VENV)/installed-test
	$(FUZZ) tests/fuzz/faults.py $(FAULTS)

wasm:
	$(PYTHON) wasm/build.py

viewer:
	rm -rf build/viewer
	mkdir -p build/viewer/priors
	cp -R docs/viewer/decoder docs/viewer/*.* build/viewer/
	cp inr_core/latent/priors/*.npz build/viewer/priors/

$(VENV)/installed: $(SETUP)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pillow-inr needs Python 3.11 or newer: make PYTHON=…")'
	@echo "Installing into $(VENV); the first time this takes some minutes."
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(INSTALL) --editable '.[test]'
	@touch $@

# Without the package: the reference is read from its sources.
$(VENV)/installed-docs: $(SETUP)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) $$($(BIN)/python -c 'import tomllib; \
	    print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"])')
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
