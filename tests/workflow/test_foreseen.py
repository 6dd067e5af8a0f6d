"""A run on a terminal says before its first job how long its trainings will take here."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from crystalmatrix.cli.plan import at_start

from .running import ROOT

SMALL = {
    "data": {"source": "minerals"},
    "matrix": {"tiers": ["lite"], "properties": ["formation_energy", "band_gap", "bulk_modulus", "ehull"]},
    "tiers": {"lite": {"model": {"channels": 8, "edge_channels": 8, "layers": 1, "l_max": 1}}},
}


def said_on_a_terminal(folder: Path, settings: dict, *arguments: str, until: bytes = b"", **environment: str) -> str:
    """What a run writes to a terminal, without colours and movements, to its end or until it has written a text."""
    (folder / "small.yaml").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(folder / "small.yaml"), "--resources", "gpu=0", "--cores", "2", *arguments]
    ours, theirs = pty.openpty()
    said = b""
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, start_new_session=True, env=os.environ | environment
    ) as process:
        os.close(theirs)
        try:
            while not (until and until in said) and (chunk := os.read(ours, 1 << 16)):
                said += chunk
        except OSError:  # the other end is closed
            pass
        if until:
            os.killpg(process.pid, signal.SIGKILL)
    os.close(ours)
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", said.decode(errors="replace")).replace("\r", "")


@pytest.mark.workflow
def test_before_the_first_job_of_many_trainings(tmp_path: Path) -> None:
    """Five trainings to come; the run is stopped at its first job."""
    text = said_on_a_terminal(tmp_path, SMALL, "--set-threads", "train=2", until=b"all jobs")
    assert "no GPU found: models train on the CPU" in text
    assert re.search(r"\nmeasuring lite, 1 of 1: about \d+ s to go\n", text), text
    assert re.search(r"\nlite +5 +0 +[\d,]+", text), text
    assert re.search(r"\nall +5 +0 +[\d,]+", text), text
    assert "trainings on the CPU, one at a time." in text  # of two threads each, on two cores


@pytest.mark.workflow
def test_without_a_network_nothing_is_measured_first(tmp_path: Path) -> None:
    """Nor where nothing trains is anything said of training."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    settings = SMALL | {"data": {"source": "dft_3d_2021"}}
    text = said_on_a_terminal(tmp_path, settings, https_proxy=dead, HTTPS_PROXY=dead)
    assert "measuring" not in text
    assert f"crystalmatrix plan --configfile {tmp_path}/small.yaml --directory {tmp_path}" in text.replace("\n", "")
    assert "is there no network, or is https_proxy missing?" in " ".join(text.split())
    text = said_on_a_terminal(tmp_path, settings, "results/data/raw.json.zip", https_proxy=dead, HTTPS_PROXY=dead)
    assert "crystalmatrix plan" not in text
    assert "no GPU" not in text


def test_where_nobody_can_know_yet_there_is_no_forecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own: dict[str, object] = {"data": {"source": "mine", "splits": "random"}}
    assert at_start(["lite/band_gap"], own, "--cores", "1", "--device", "cpu") is None
