# `make demo`, `make test`: the two commands. Each sets up .venv first, from envs/constraints.txt.

PYTHON ?= python3
BIN := .venv/bin
SET_UP := .venv/.set-up
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)

export PATH := $(CURDIR)/$(BIN):$(PATH)
# glibc's allocator returns large blocks to the system after every step; keeping them speeds CPU training up by half.
export MALLOC_MMAP_MAX_ = 0
export MALLOC_TRIM_THRESHOLD_ = 20000000000
export MALLOC_TOP_PAD_ = 67108864

.PHONY: setup test check demo clean

setup: $(SET_UP)

$(SET_UP): pyproject.toml envs/constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"error: found Python {v.major}.{v.minor}, expected 3.11 or newer; run: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --editable '.[dev]'
	@touch $@

test: setup
	$(BIN)/pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint
