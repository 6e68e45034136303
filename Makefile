# make paper   re-execute everything offline at demo scale        make test    every check
# See README.md for RUN=, CENSUS=, PROMPTS=, UNTIL=, CORES=, CONFIRM=, and for make plan.

PYTHON ?= python3
VENV   ?= .venv
RUN    ?= demo
CORES  ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
LAB    := $(VENV)/.ready-lab
SYSTEM := $(VENV)/.ready-system

export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME

.PHONY: help paper plan test test-system verify refresh lab lock clean

help:
	@sed -n '1,2s/^# //p' Makefile

$(READY): requirements.lock pyproject.toml workflow/setup.py
	@command -v $(PYTHON) >/dev/null || { echo "set-up: $(PYTHON) is not found; install Python 3.11 or newer, or: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) workflow/setup.py $(VENV) requirements.lock
	@touch $@

$(LAB): $(READY) requirements-lab.lock
	@$(PYTHON) workflow/setup.py $(VENV) requirements-lab.lock
	@touch $@

$(SYSTEM): $(READY) requirements-system.lock
	@$(PYTHON) workflow/setup.py $(VENV) requirements-system.lock
	@touch $@

paper: $(READY)
	@python -m workflow.paper --run $(RUN) --cores $(CORES) --until "$(UNTIL)" --census "$(CENSUS)" --prompts "$(PROMPTS)" --confirm "$(CONFIRM)"

plan: $(READY)
	@python -m workflow.paper --run $(RUN) --census "$(CENSUS)" --prompts "$(PROMPTS)" --plan

test: $(READY)
	@python -m workflow.check

test-system: $(SYSTEM)
	@python -m pytest -q -m system

verify: $(READY)
	@python -m workflow.expected verify --cores $(CORES)

refresh: $(READY)
	@python -m workflow.expected refresh --cores $(CORES)

lab: $(LAB)
	@jupyter lab notebooks/00_overview.ipynb

lock: $(READY)
	@uv pip compile pyproject.toml --extra ci --universal --generate-hashes --no-emit-index-url -q -o requirements.lock
	@uv pip compile pyproject.toml --extra ci --extra dev -c requirements.lock --universal --generate-hashes --no-emit-index-url -q -o requirements-lab.lock
	@uv pip compile pyproject.toml --extra ci --extra system -c requirements.lock --universal --generate-hashes --no-emit-index-url -q -o requirements-system.lock

clean:
	rm -rf data/runs figures/runs .snakemake
