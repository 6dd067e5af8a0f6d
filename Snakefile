"""JARVIS-DFT in; a matrix of trained crystal-property models and one page that compares them out.

The matrix is declared in config.yaml, what a machine can do in profiles/. Start here, then rules/<stage>.smk, then
workflow_scripts/<script>.py: no step is further away than that.
"""

import copy
import os
import sys
from pathlib import Path
from shlex import quote

from snakemake.utils import min_version

min_version("9.19")

# Jobs find the scripts beside this file, and the Python that runs Snakemake (or, under --sdm conda, the environment's).
SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
os.environ.update(SCRIPTS=str(SCRIPTS), PATH=PATH)
sys.path.insert(0, str(SCRIPTS))


OVERLAY = copy.deepcopy(config)  # so far it holds what the command line says: --configfile and --config


configfile: f"{workflow.basedir}/config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/start.smk"
include: "rules/data.smk"
include: "rules/graphs.smk"
include: "rules/descriptors.smk"
include: "rules/features.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"
include: "rules/screen.smk"
include: "rules/embeddings.smk"
include: "rules/release.smk"


rule all:
    """Every model of the matrix, its metrics, the page and, on official folds, the leaderboard submissions."""
    default_target: True
    input:
        started,
        expand("{model}.pt", model=MODELS),
        expand("{model}.metrics.json", model=MODELS),
        CARDS,
        "results/report/comparison.html",
        expand("results/leaderboard/{property}", property=SUBMITTED),
