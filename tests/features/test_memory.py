"""A set larger than the memory that a job may hold: an epoch, a validation and the domain within the limit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from crystalmatrix.config import GraphConfig
from crystalmatrix.tiers import EquivariantConfig

from ..models.cases import random_crystal
from .cases import ORIGIN, write_records, write_shards, write_stage

LIMIT = 8_000_000
GRAPH = GraphConfig(shards=4)
MODEL = EquivariantConfig(architecture="equivariant", neighbours=40)
EPOCH = """
import json, sys
from pathlib import Path
import numpy as np, psutil, torch
from crystalmatrix.tiers import EquivariantConfig
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.sampling import epoch_batches, inference_batches
from crystalmatrix.features.store import open_features
from crystalmatrix.trained.domain import fit_domain

arguments = json.loads(sys.argv[1])
features = open_features(
    [Path(path) for path in arguments["paths"]],
    model=EquivariantConfig.parse(arguments["model"]),
    records_digest=arguments["digest"],
    limit=arguments["limit"],
)
dataset = Dataset(features, torch.device("cpu"))
dataset.batch(np.arange(4))
process = psutil.Process()
held = [process.memory_info().rss]
every = np.arange(features.n_crystals)
batches = epoch_batches(every, features.n_atoms, batch_size=16, seed=0, epoch=0, window_atoms=dataset.window_atoms)
batches += inference_batches(features.n_atoms, atoms_per_batch=500, window_atoms=dataset.window_atoms)
for crystals in batches:
    dataset.batch(crystals)
    held.append(process.memory_info().rss)
fit_domain(features, train=every[::2], validation=every[1:40:2])
held.append(process.memory_info().rss)
print(json.dumps({"grown": max(held) - held[0], "n_bytes": int(features.n_atoms.sum()) * features.bytes_per_atom}))
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Some 60 MB of features."""
    folder = tmp_path_factory.mktemp("large")
    crystals = [random_crystal(seed, n_atoms=20) for seed in range(30)] * 50
    shards = write_shards(folder, write_records(folder / "records.parquet", crystals), GRAPH)
    return [str(path) for path in write_stage(folder, shards, GRAPH, MODEL, block_bytes=250_000)]


def epoch(paths: list[str], limit: int) -> dict[str, int]:
    """By how much an epoch lets the resident memory grow, and the size of the set."""
    arguments = {"paths": paths, "model": MODEL.model_dump(mode="json"), "digest": ORIGIN.digest, "limit": limit}
    command = [sys.executable, "-c", EPOCH, json.dumps(arguments)]
    scripts = Path(__file__).parents[2] / "workflow_scripts"
    run = subprocess.run(command, cwd=scripts, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows takes pages back itself, when it needs them")
def test_an_epoch_holds_no_more_than_the_limit(paths: list[str]) -> None:
    """The slack is torch's own, a few batches and pages read ahead; without a limit the whole set is held."""
    bounded, unbounded = epoch(paths, LIMIT), epoch(paths, 1 << 40)
    assert bounded["n_bytes"] > 7 * LIMIT
    assert bounded["grown"] < 2 * LIMIT
    assert unbounded["grown"] > 4 * LIMIT
