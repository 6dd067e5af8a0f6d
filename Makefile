# Set-up, demo, tests. Everything is installed into .venv, from the versions in envs/constraints.txt.

PYTHON ?= python3
BIN := .venv/bin
SET_UP := .venv/.set-up
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
DEMO := $(BIN)/snakemake --directory demo --configfile demo/config.yaml --cores $(CORES) --resources gpu=0 --set-threads train=1 predict=1

.PHONY: help setup demo test test-slurm check docs audit lock clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 16

setup: $(SET_UP) ## create .venv

$(SET_UP): pyproject.toml envs/constraints.txt envs/locked.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"error: found Python {v.major}.{v.minor}, expected 3.11 or newer; run: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement envs/locked.txt
	$(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --editable '.[dev]'
	@echo "compiling, once: the first prediction is then as quick as any other"
	@$(BIN)/python -m compileall -q workflow_scripts
	@$(BIN)/python workflow_scripts/minerals.py > /dev/null
	@touch $@

demo: setup ## train a small matrix on 503 bundled crystals and compare it: minutes, no GPU, no network after the set-up
	@$(DEMO)
	@$(BIN)/python workflow_scripts/summary.py demo/results
	@echo
	@echo "400 crystals teach little. The models that come with the project saw 20,000 (models/*.md):"
	@echo
	@$(BIN)/python workflow_scripts/minerals.py
	@echo
	@echo "The page: $(CURDIR)/demo/results/report/comparison.html"
	@echo
	@echo "Next (after: source .venv/bin/activate):"
	@echo "  crystalmatrix predict my_structures/ --out mine.csv"
	@echo "  snakemake -n --quiet rules --resources gpu=1     what the whole matrix would train, on 55,723 crystals"
	@echo "  snakemake --resources gpu=1                      train it"

# One more than there are cores, up to four: some tests wait for a clock, a disk or a lock.
WORKERS := $(shell echo $$(( $(CORES) < 4 ? $(CORES) + 1 : 4 )))

test: check ## everything that must hold, a small run of the whole workflow among it
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-slurm: setup ## trainings on a Slurm cluster that the tests start on this machine; root, slurm-wlm and munge
	$(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --editable '.[slurm]'
	$(BIN)/pytest -m slurm $(SLURM_TESTS) tests/slurm

check: setup ## linters, types, links, and whether a pinned package is known to be vulnerable
	$(BIN)/python docs/links.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint
	$(BIN)/python envs/audited.py

docs: setup ## the documentation as a site, in site/; a dead link stops it
	$(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --editable '.[docs]'
	$(BIN)/mkdocs build --strict

audit: ## ask for known vulnerabilities of the packages in envs/constraints.txt and keep them for make check; needs a network
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet pip-audit
	rm -f build/found.json
	-build/audit/bin/pip-audit --no-deps --disable-pip --requirement envs/constraints.txt --format json --output build/found.json $(AUDIT)
	$(PYTHON) envs/audited.py build/found.json

# Which of torch's builds is taken, and the CUDA libraries that it brings, depend on the machine.
OF_TORCH := torch triton cuda-bindings cuda-pathfinder cuda-toolkit $(addprefix nvidia-, cublas cuda-cupti cuda-nvrtc \
	cuda-runtime cudnn-cu13 cufft cufile curand cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)

lock: ## write envs/locked.txt: the hashes of all files that the set-up may take at the versions of envs/constraints.txt
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile pyproject.toml --quiet --extra dev --constraint envs/constraints.txt --universal \
		--python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' \
		$(addprefix --no-emit-package=, $(OF_TORCH)) --output-file envs/locked.txt

clean: ## remove the demo's results and caches; results/ and .venv stay
	rm -rf site demo/results demo/.snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
