"""What the user sees of a profile that does not fit, before anything is submitted: its last line says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..workflow.running import ROOT, snakemake

pytestmark = pytest.mark.slurm

TARGET = ("results/data/splits.parquet", "--workflow-profile", "slurm")
# Snakemake in a Python that does not find the plugin.
WITHOUT_PLUGIN = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == {hidden!r} else find(name, *rest)
from snakemake.cli import main
main(["--workflow-profile", "slurm", "--dry-run", "--directory", {folder!r}])
"""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            ("--default-resources", "slurm_partition=gpus"),
            "error: profiles/slurm/profile.yaml: records: slurm_partition: no 'gpus' on this cluster; "
            "did you mean 'gpu'? (known: cpu, gpu)",
        ),
        (
            ("--set-resources", "splits:runtime=2000"),
            "error: profiles/slurm/profile.yaml: splits: runtime: found 2,000, but partition 'cpu' ends a job after "
            "1,440 minutes; set splits: {runtime: ...} under `resources`, or another partition",
        ),
        (
            ("--set-resources", "splits:mem_mb=64001"),
            "error: profiles/slurm/profile.yaml: splits: mem_mb: found 64,001, but partition 'cpu' has no node of ",
        ),
        (
            ("--set-resources", "trian:gpu=1"),
            "error: profiles/slurm/profile.yaml: set-resources: no rule 'trian' in the workflow; did you mean 'train'?",
        ),
        (
            ("--set-threads", "trian=2"),
            "error: profiles/slurm/profile.yaml: set-threads: no rule 'trian' in the workflow; did you mean 'train'?",
        ),
        (
            ("--default-resources", "mem_mb=2000 * atempt"),
            "error: profiles/slurm/profile.yaml: default-resources: mem_mb: found '2000 * atempt', expected a number, ",
        ),
    ],
    ids=["partition", "time", "largest", "rule", "threads", "memory"],
)
def test_what_the_cluster_lacks(node: str, tmp_path: Path, changes: tuple[str, ...], expected: str) -> None:
    result = snakemake(tmp_path, *TARGET, *changes)
    assert result.returncode == 2
    assert result.stdout.splitlines()[-1].startswith(expected)
    assert not (tmp_path / "results").exists()


def test_trainings_in_a_default_partition_without_gpus(node: str, tmp_path: Path) -> None:
    """The profile as it comes, on a cluster as most are."""
    result = snakemake(tmp_path, "results/cgcnn/ehull.pt", "--workflow-profile", "slurm")
    assert result.returncode == 2
    line = "error: profiles/slurm/profile.yaml: train: partition 'cpu' has no GPU, 'gpu' has: set gpu_partition, "
    assert result.stdout.splitlines()[-1].startswith(line)
    assert not (tmp_path / "results").exists()


def test_a_cluster_without_gpus_says_so(node: str, tmp_path: Path) -> None:
    """An sinfo of such a one, whose nodes are too small besides, so that the run ends there."""
    (tmp_path / "sinfo").write_text("#!/bin/sh\necho 'cpu*|(null)|1:00:00|100'\n")
    (tmp_path / "sinfo").chmod(0o755)
    target = ("results/graphs/shard-0.parquet", "--workflow-profile", "slurm")
    result = snakemake(tmp_path, *target, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert "no GPU on this cluster: models train on processors\n" in result.stdout
    line = "graph_shard: mem_mb: found 2,000, but partition 'cpu' has no node of more than 100 MB; set graph_shard: "
    assert result.stdout.splitlines()[-1].startswith(f"error: profiles/slurm/profile.yaml: {line}")


@pytest.mark.parametrize("hidden", ["snakemake_executor_plugin_slurm", "no such module"], ids=["missing", "there"])
def test_a_plugin_that_is_not_installed(node: str, tmp_path: Path, hidden: str) -> None:
    """The control: with the plugin the same command plans."""
    code = WITHOUT_PLUGIN.format(hidden=hidden, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    line = "found no snakemake-executor-plugin-slurm, expected it beside snakemake; run: pip install -c envs/"
    assert (done.returncode != 0) == (line in done.stderr.splitlines()[-1]) == hidden.startswith("snakemake")
