# Everything runs in an environment of its own, .venv, from pinned versions. Only Python >= 3.11 has to be there.
PYTHON ?= python3
VENV   ?= .venv
# An extra package index for torch: without a GPU, give the address of PyTorch's CPU wheel index (see its install page).
TORCH_INDEX ?=
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --constraint constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: demo test test-slow test-portable lint types format bench docs clean

demo: $(VENV)/.installed
	$(BIN)/rrdyn demo

# Two workers of one thread each: on tensors this small two threads of one process mostly wait for its interpreter.
test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

# The goldens and numerical tests under every kernel and thread count to be had here; a short form is part of `test`.
test-portable: $(VENV)/.installed-dev
	$(BIN)/python scripts/portable.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check src tests benchmarks docs scripts
	$(BIN)/ruff format --check src tests benchmarks docs scripts

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix src tests benchmarks docs scripts
	$(BIN)/ruff format src tests benchmarks docs scripts

types: $(VENV)/.installed-dev
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/commands/make.py
	$(BIN)/python docs/rooms.py
	$(BIN)/python docs/reference.py build/reference
	$(PIP) --editable '.[docs]'
	$(BIN)/python docs/lay_out.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt $(VENV)/.installed | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@touch $@
