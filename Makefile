# The one menu of commands. `make demo` and `make test` need Python 3.11 or newer with venv and pip, and nothing else.

PYTHON ?= python3
VENV ?= .venv
# An extra package index for torch, such as https://download.pytorch.org/whl/cpu for PyTorch's own CPU wheels.
TORCH_INDEX ?=
# `gpu` instead of `cpu` installs faiss-gpu and leaves OpenVINO out.
EXTRA ?= cpu
PHOTOS ?= demo/photographs
HOST ?= 127.0.0.1
PORT ?= 8000
CHECK ?=

export HF_HUB_OFFLINE = 1
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: help demo test test-all check bench mutation train docs clean
help:
	@echo "make demo [PHOTOS=folder] [PORT=8000]  index photographs and serve them at http://127.0.0.1:8000"
	@echo "make demo CHECK=1                      the same, asked and checked over HTTP, then stopped"
	@echo "make test                              lint, types, import contracts and the tests, without the slow ones"
	@echo "make test-all                          the same with the slow ones, as the continuous integration does"
	@echo "make check                             lint, types and import contracts only"
	@echo "make bench                             measure; results go to benchmarks/results"
	@echo "make mutation                          plant faults and count those that the tests notice"
	@echo "make train                             train semblance-base (needs SEMBLANCE_TRAINING_DATA)"
	@echo "make docs                              write the generated pages under docs/"

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "semblance needs Python 3.11 or newer, found $$($(PYTHON) --version 2>&1); set PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# torch first and alone: its index, where one is given, must answer for nothing else; what it needs comes with the rest
$(VENV)/torch: $(VENV)/python constraints.txt
	@echo "installing torch (once, some minutes)"
	@$(PIP) --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	@touch $@

$(VENV)/run: $(VENV)/torch pyproject.toml
	@echo "installing semblance"
	@$(PIP) --editable '.[$(EXTRA),heic]'
	@touch $@

$(VENV)/dev: $(VENV)/run
	@$(PIP) --editable '.[$(EXTRA),heic,jxl,raw,evaluate,train,dev]'
	@touch $@

demo: $(VENV)/run
	@$(BIN)/python demo/run.py $(if $(CHECK),--check) --photographs '$(PHOTOS)' --host $(HOST) --port $(PORT)

test: check
	@$(BIN)/python -m pytest -m 'not slow'

test-all: check
	@$(BIN)/python -m pytest

check: $(VENV)/dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

bench: $(VENV)/dev
	@$(BIN)/python benchmarks/run.py

mutation: $(VENV)/dev
	@$(BIN)/python benchmarks/mutation.py

train: $(VENV)/dev
	@$(BIN)/semblance train semblance-base

docs: $(VENV)/dev
	@$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache
