"""The cluster, once for all tests of this folder, and a folder whose data and features are made."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from crystalmatrix.data.minerals import mineral_entries

from ..workflow.running import snakemake
from . import cluster
from .jobs import end_jobs_in

# States are written when somebody asks a training to stop, and at no other time.
CONFIG = {
    "data": {"source": "crystals.json"},
    "graph": {"shards": 2},
    "matrix": {"tiers": ["cgcnn"], "properties": ["formation_energy", "bulk_modulus"], "multitask": False},
    "tiers": {
        "cgcnn": {"training": {"crystals_seen": 1000, "min_epochs": 12, "max_epochs": 12, "save_every_seconds": 3600}}
    },
    "report": {"composition_baseline": False, "bootstrap": 100},
}


def filled(folder: Path) -> Path:
    """The folder, with crystals of which all have both labels, and a configuration."""
    labelled = [entry for entry in mineral_entries() if entry["bulk_modulus_kv"] != "na"]
    labelled.sort(key=lambda entry: (len(entry["atoms"]["elements"]), entry["jid"]))
    (folder / "crystals.json").write_text(json.dumps(labelled[:60]))
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if reason := cluster.missing():
        (pytest.fail if os.environ.get("SLURM_REQUIRED") else pytest.skip)(reason)
    with cluster.running(tmp_path_factory.mktemp("cluster")) as name:
        yield name


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Path]:
    """A folder with crystals and a configuration."""
    yield filled(tmp_path)
    end_jobs_in(tmp_path)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all but the trainings is made, on this machine."""
    folder = filled(tmp_path_factory.mktemp("made"))
    result = snakemake(
        folder, "--cores", "2", "--configfile", str(folder / "tiny.yaml"), "--until", "features", "splits"
    )
    assert result.returncode == 0, result.stdout
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it, for trainings."""
    copy = shutil.copytree(made, tmp_path / "run")
    yield copy
    end_jobs_in(copy)
