# Each target is a task of tasks.py, which needs no make: `python tasks.py test`.
# ARGS="-k wheel" are a task's options; PYTHON=python3.12 makes .venv, and runs gpu-check.
PYTHON ?= python3
ARGS ?=
TASKS := help train test check lint bench gpu-check docs pictures clean

.PHONY: $(TASKS)
$(TASKS):
	@$(PYTHON) tasks.py $@ $(ARGS)
