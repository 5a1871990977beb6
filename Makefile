PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PARALLEL := -n auto --dist worksteal

# Tests that pytest has rewritten are kept from one run to the next, even where bytecode is not.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help train test check lint bench gpu-check docs pictures clean

help: ## list these targets
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "make %-9s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

train: $(VENV)/installed ## install, then train on MNIST (or digits); ARGS="--epochs 3" goes to nnaccel
	$(BIN)/nnaccel train $(ARGS)

test: $(VENV)/installed-test ## install, then run the tests; ARGS="-k wheel" goes to pytest
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

check: lint ## ruff and mypy, then the quick tests: what most changes need
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" $(ARGS)

lint: $(VENV)/installed-test ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-bench ## race nnaccel against PyTorch, JAX and others; rewrites README's tables
	$(BIN)/python benchmarks/run.py $(ARGS)
	$(BIN)/python benchmarks/conv.py $(ARGS)
	$(BIN)/python benchmarks/cnn.py $(ARGS)
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/conv_memory.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/table.py

gpu-check: ## on a machine with a GPU: tests marked gpu, benchmarks; installs nothing; ARGS="--only conv"
	PYTHONPATH=.:kernels:$$PYTHONPATH $(PYTHON) -m benchmarks.gpu $(ARGS)

docs: $(VENV)/installed-docs ## build the site in docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -E -W --keep-going -q docs docs/_build/html

pictures: $(VENV)/installed-test ## draw README's pictures anew
	cd docs && ../$(BIN)/python ../examples/01_least_squares.py
	cd docs && ../$(BIN)/python ../examples/03_spirals.py

clean: ## remove the environment and all that was built
	rm -rf $(VENV) dist docs/_build docs/ladder docs/reference .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find . -name __pycache__ -prune -exec rm -rf {} +

# One stamp for each set of extras, made again when pyproject.toml changes.
$(VENV)/installed: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install -q -e .
	@touch $@

$(VENV)/installed-%: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install -q -e '.[$*]'
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("nnaccel needs Python 3.11 or newer, this is %d.%d; name one: make PYTHON=python3.12 …" % sys.version_info[:2])'
	$(PYTHON) -m venv --clear $(VENV)
