"""A network file system that shows files late: a run waits for them as long as `latency-wait` says."""

import json
import os
from pathlib import Path

import pytest
import yaml

from crystalmatrix.data.minerals import mineral_entries

from .running import ROOT, jobs, snakemake

pytestmark = pytest.mark.workflow

SHARD = "results/graphs/shard-0.parquet"
LATE = 12  # s, more than a busy machine takes to see that a job has ended
# In the process of a job: the new name appears when the job has ended, and LATE seconds after it was given.
SITE = """
import os, pathlib, subprocess, sys
if os.environ.get("LATE") and sys.argv[0].endswith("graphs.py"):
    def replace(self, target):
        move = 'sleep "$LATE"; mv "$0.late" "$1"'
        os.rename(self, f"{self}.late")
        subprocess.Popen(["sh", "-c", move, self, target], start_new_session=True, stderr=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    pathlib.Path.replace = replace
"""
CONFIG = {"data": {"source": "crystals.json", "splits": "random"}, "graph": {"shards": 1}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "crystals.json").write_text(json.dumps(mineral_entries()[:20]))
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SITE.replace("sys.argv", "sys.orig_argv[1:]"))
    return tmp_path


def run(folder: Path, *, wait: int, late: int):
    path = os.pathsep.join(filter(None, [str(folder / "site"), os.environ.get("PYTHONPATH", "")]))
    options = ["--cores", "1", "--configfile", str(folder / "tiny.yaml"), "--latency-wait", str(wait)]
    return snakemake(folder, SHARD, *options, LATE=str(late or ""), PYTHONPATH=path)


def test_a_file_that_shows_late_is_waited_for(folder: Path) -> None:
    """First the control: with less patience the run fails, and the same command goes on."""
    impatient = run(folder, wait=1, late=LATE)
    assert impatient.returncode != 0
    assert "1 seconds" in impatient.stdout
    assert "missing" in impatient.stdout
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    patient = run(folder, wait=profile["latency-wait"], late=LATE)
    assert patient.returncode == 0, patient.stdout
    assert "graph_shard" in jobs(patient.stdout)
    assert (folder / SHARD).exists()
    assert run(folder, wait=1, late=0).returncode == 0
