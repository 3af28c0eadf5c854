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
# Processes that `make test` runs its tests in: more than there are cores, and services are too busy to answer in time. The
# slow tests run one after another, for some take the whole machine.
WORKERS ?= 2

export HF_HUB_OFFLINE = 1
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: help demo test test-all check test-hostile test-load test-crash test-differential bench mutation sbom audit train docs clean
help:
	@echo "make demo [PHOTOS=folder] [PORT=8000]  index photographs and serve them at http://127.0.0.1:8000"
	@echo "make demo CHECK=1                      the same, asked and checked over HTTP, then stopped"
	@echo "make test                              lint, types, import contracts and the tests, without the slow ones"
	@echo "make test-all                          the same with the slow ones, as the continuous integration does"
	@echo "make test-hostile                      100,000 altered images, damaged files, hostile requests (an hour)"
	@echo "make test-load                         hostile uploads, overload, explanations, new generations, stopping, a long run (1 hour)"
	@echo "make test-crash                        kill, fill the disk and cut the power at every system call (1 hour)"
	@echo "make test-differential                 10,000 random operations on every kind of index (an hour)"
	@echo "make check                             lint, types and import contracts only"
	@echo "make bench                             measure; results go to benchmarks/results"
	@echo "make mutation                          plant faults and count those that the tests notice"
	@echo "make sbom                              list what is installed with its licences, as CycloneDX: sbom.json"
	@echo "make audit                             look for known faults of what is installed (needs the network)"
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
	@$(PIP) --editable '.[$(EXTRA),heic,jxl,raw,milvus,postgres,ray,s3,evaluate,train,dev]'
	@touch $@

demo: $(VENV)/run
	@$(BIN)/python demo/run.py $(if $(CHECK),--check) --photographs '$(PHOTOS)' --host $(HOST) --port $(PORT)

test: check
	@$(BIN)/python -m pytest -m 'not slow and not long' --numprocesses $(WORKERS) --dist loadfile

test-all: check
	@$(BIN)/python -m pytest -m 'not long'

test-differential: $(VENV)/dev
	@$(BIN)/python -m pytest -m long

test-hostile: $(VENV)/dev
	@$(BIN)/python benchmarks/mutated_images.py
	@$(BIN)/python benchmarks/damaged_files.py
	@$(BIN)/python benchmarks/hostile_requests.py

test-load: $(VENV)/dev
	@$(BIN)/python benchmarks/hostile_uploads.py
	@$(BIN)/python benchmarks/overload.py
	@$(BIN)/python benchmarks/explaining.py
	@$(BIN)/python benchmarks/hot_swaps.py
	@$(BIN)/python benchmarks/stopping.py
	@$(BIN)/python benchmarks/replicas.py
	@$(BIN)/python benchmarks/soak.py

test-crash: $(VENV)/dev
	@$(BIN)/python benchmarks/crash.py --write

check: $(VENV)/dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

bench: $(VENV)/dev
	@$(BIN)/python benchmarks/run.py

mutation: $(VENV)/dev
	@$(BIN)/python benchmarks/mutation.py

# Apart from what they look at: they bring thirty packages of their own.
$(VENV)/tools: $(VENV)/python
	@$(PYTHON) -m venv $(VENV)/supply
	@$(VENV)/supply/bin/pip --disable-pip-version-check install --quiet cyclonedx-bom==7.5.0 pip-audit==2.10.1
	@touch $@

sbom: $(VENV)/run $(VENV)/tools
	@$(VENV)/supply/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o sbom.json $(BIN)/python

audit: $(VENV)/run $(VENV)/tools
	@$(VENV)/supply/bin/pip-audit --skip-editable --path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

train: $(VENV)/dev
	@$(BIN)/semblance train semblance-base

docs: $(VENV)/dev
	@$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache
