"""Running Snakemake as a user does, in a folder of its own, and reading its plan."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .. import preloaded

ROOT = Path(__file__).parents[2]


def copy_of_the_project(folder: Path, *names: str) -> None:
    """Files and folders of the project below `folder`, with what is compiled, as after a first use."""
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=_not_copied)
        else:
            shutil.copy(ROOT / name, target)


def _not_copied(folder: str, names: list[str]) -> list[str]:
    if Path(folder).name == "__pycache__":  # other tests compile meanwhile: only what is finished
        return [name for name in names if Path(name).suffix not in (".pyc", ".nbi", ".nbc")]
    return [name for name in names if name.endswith((".egg-info", "_cache"))]


def snakemake(folder: Path, *arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """`snakemake --directory folder ...` with the Snakefile in `cwd`; `stdout` holds stderr too."""
    return preloaded.run(
        [sys.executable, "-m", "snakemake", *arguments, "--directory", str(folder)],
        preload=preloaded.SNAKEMAKE,
        cwd=cwd,
        environment={**os.environ, **environment},
        merged=True,
    )


def jobs(output: str) -> dict[str, int]:
    """Rule: number of jobs, from Snakemake's table `Job stats`; empty where there is nothing to be done."""
    counts: dict[str, int] = {}
    for line in output.partition("Job stats:")[2].strip().splitlines()[2:]:
        rule, _, count = line.partition(" ")
        if not count.strip().isdigit():
            break
        counts[rule] = int(count)
    return counts
