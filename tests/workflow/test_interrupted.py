"""Snakemake and its trainer, killed with SIGKILL as a power cut would; then the same command goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from crystalmatrix.data.minerals import mineral_entries

from .running import ROOT, jobs, snakemake

pytestmark = pytest.mark.workflow

MODEL = "results/cgcnn/formation_energy.pt"
CONFIG = {
    "data": {"source": "crystals.json"},
    "graph": {"shards": 1},
    "matrix": {"tiers": ["cgcnn"], "properties": ["formation_energy"]},
    "tiers": {
        "cgcnn": {"training": {"crystals_seen": 1000, "min_epochs": 20, "max_epochs": 20, "save_every_seconds": 0.01}}
    },
}
STATE = "results/runs/cgcnn/formation_energy/seed-0/state.pt"
BURIED = "removed the locks of a run that was killed: process "


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that a training reads."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "crystals.json").write_text(json.dumps(mineral_entries()[:60]))
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    result = snakemake(folder, *command(folder), "--until", "view", "splits")
    assert result.returncode == 0, result.stdout
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "run")


def command(folder: Path) -> list[str]:
    return [MODEL, "--cores", "1", "--resources", "gpu=0", "--configfile", str(folder / "tiny.yaml")]


def start(folder: Path) -> tuple[psutil.Popen, psutil.Process]:
    """Snakemake in the midst of the training, and the trainer, which has saved its state at least once."""
    runner = psutil.Popen(
        [sys.executable, "-m", "snakemake", *command(folder), "--directory", str(folder)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while not (folder / STATE).exists():
        assert runner.poll() is None, "the run ended before its training"
        assert time.monotonic() < end, "no training within two minutes"
        time.sleep(0.02)
    children = runner.children(recursive=True)
    trainer = next(child for child in children if "train.py" in " ".join(child.cmdline()[1:2]))
    return runner, trainer


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_signal_to_all_ends_the_trainer_before_its_job(folder: Path) -> None:
    """As from Slurm at a time limit: when the process that it started has ended, it kills what is left of the job."""
    runner, trainer = start(folder)
    trainer.suspend()  # as if its state took long to write
    for process in (*runner.children(recursive=True), runner):
        process.send_signal(signal.SIGTERM)
    time.sleep(3)
    assert runner.poll() is None, "the job waits for its trainer"
    trainer.resume()
    runner.wait(60)
    assert not trainer.is_running()


def test_after_a_power_cut_the_same_command_goes_on(folder: Path) -> None:
    """But while the first run lives, it keeps its locks."""
    runner, trainer = start(folder)
    trainer.suspend()
    result = snakemake(folder, *command(folder))
    assert result.returncode != 0
    assert "LockException" in result.stdout
    assert f"another run works in this folder: process {runner.pid} on " in result.stdout
    assert BURIED not in result.stdout
    kill(runner)
    kill(trainer)
    assert list((folder / ".snakemake/locks").iterdir()), "the control: Snakemake has left its locks"
    locks = sorted(path.name for path in (folder / ".snakemake/locks").iterdir())
    snakemake(folder, *command(folder), "--dry-run")
    assert sorted(path.name for path in (folder / ".snakemake/locks").iterdir()) == locks, "looking removes none"

    result = snakemake(folder, *command(folder))
    assert result.returncode == 0, result.stdout
    assert f"{BURIED}{runner.pid} on " in result.stdout
    assert jobs(result.stdout) == {"train": 1, "total": 1}
    assert "continuing" in (folder / "results/logs/train/cgcnn/formation_energy.log").read_text()
    assert not list((folder / ".snakemake/runs").iterdir())


def test_a_trainer_that_outlived_snakemake_is_waited_for(folder: Path) -> None:
    runner, trainer = start(folder)
    kill(runner)
    os.kill(trainer.pid, signal.SIGSTOP)  # so that it is still there when the next one comes
    again = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *command(folder), "--directory", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log = folder / "results/logs/train/cgcnn/formation_energy.log"
    end = time.monotonic() + 120
    # the second run removes the log of the first before it starts its own trainer
    while not log.exists() or "another trainer works here" not in log.read_text():
        assert again.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(trainer.pid, signal.SIGCONT)
    output, _ = again.communicate()
    assert again.returncode == 0, output
    assert (folder / MODEL).exists()
