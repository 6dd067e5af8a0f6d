"""A run on a terminal says before its first job how long its trainings will take here."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crystalmatrix.cli.plan import HINT, at_start

from .running import ROOT

SMALL = {
    "data": {"source": "minerals"},
    "matrix": {"tiers": ["lite"], "properties": ["formation_energy", "band_gap", "bulk_modulus", "ehull"]},
    "tiers": {"lite": {"model": {"channels": 8, "edge_channels": 8, "layers": 1, "l_max": 1}}},
}


@pytest.mark.workflow
def test_before_the_first_job_of_many_trainings(tmp_path: Path) -> None:
    """Five trainings to come; the run is stopped at its first job."""
    (tmp_path / "small.yaml").write_text(json.dumps(SMALL))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    command += ["--configfile", str(tmp_path / "small.yaml"), "--resources", "gpu=0", "--cores", "2"]
    ours, theirs = pty.openpty()
    said = b""
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        while b"all jobs" not in said and (chunk := os.read(ours, 1 << 16)):
            said += chunk
        os.killpg(process.pid, signal.SIGKILL)
    os.close(ours)
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", said.decode(errors="replace"))
    assert "measuring for some seconds" in text
    assert re.search(r"\nlite +5 +0 +[\d,]+", text), text
    assert re.search(r"\nall +5 +0 +[\d,]+", text), text


def test_where_nobody_can_know_yet_there_is_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own: dict[str, object] = {"data": {"source": "mine", "splits": "random"}}
    assert at_start(["lite/band_gap"], own, cores=1, device="cpu") == HINT
