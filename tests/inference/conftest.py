"""A small multi-task ensemble, trained from files as the workflow does it; once for all tests."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from crystalmatrix import files
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.tables import SplitsMetadata
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.records import build_records
from crystalmatrix.graphs.shards import write_shard
from crystalmatrix.properties import MULTITASK
from crystalmatrix.trained.checkpoint import save_checkpoint
from crystalmatrix.trained.held_out import load_held_out
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.labels import load
from crystalmatrix.training.run import train

from ..features.cases import ORIGIN, write_stage
from ..training.cases import rock_salts, with_training

N = 40
FOLDS_ORIGIN = SplitsMetadata(scheme="random", seed=0, source=ORIGIN.source, records_digest=ORIGIN.digest)
PROPERTIES = ["formation_energy", "dielectric", "piezoelectric"]
SYMBOL = {3: "Li", 8: "O", 9: "F", 11: "Na", 12: "Mg", 16: "S", 17: "Cl", 19: "K", 20: "Ca", 35: "Br"}


@dataclass(frozen=True)
class Trained:
    """What a run of the workflow leaves behind."""

    model: Path
    entries: list[dict]  # the crystals in JARVIS's format, in the order of their ids
    predictions: pd.DataFrame  # columns.PREDICTIONS of the validation and test folds


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    entries = _entries()
    records, splits, shard = (folder / f"{name}.parquet" for name in ("records", "splits", "shard"))
    table = build_records(entries, id_key="jid", fields=fields_of({}), workers=1).table
    files.write_table(records, table, version=columns.RECORDS_VERSION, metadata=ORIGIN.to_dict())
    fold = [columns.TRAIN] * (N // 2) + [columns.VAL] * (N // 4) + [columns.TEST] * (N // 4)
    rows = [
        {columns.JID: entry["jid"], columns.PROPERTY: name, columns.FOLD: fold[i], columns.STRICT: True}
        for name in PROPERTIES
        for i, entry in enumerate(entries)
    ]
    files.write_table(
        splits,
        pa.Table.from_pylist(rows, schema=columns.SPLITS),
        version=columns.SPLITS_VERSION,
        metadata=FOLDS_ORIGIN.to_dict(),
    )
    write_shard(shard, records, settings=GraphConfig(shards=1), shard=0)
    settings = with_training(seeds=2, max_epochs=2, min_epochs=2)
    features = write_stage(folder, [shard], GraphConfig(shards=1), settings.model)
    data = load(records, splits, None, features, task=MULTITASK, properties=PROPERTIES, settings=settings)
    cpu = torch.device("cpu")
    checkpoint = train(data, tier="tiny", task=MULTITASK, settings=settings, run=folder / "run", device=cpu)
    save_checkpoint(folder / "multitask.pt", checkpoint)
    measured = load_held_out(records, splits, features, checkpoint)
    return Trained(folder / "multitask.pt", entries, predictions_table(checkpoint, measured, device=cpu).to_pandas())


def _entries() -> list[dict]:
    """Rock salts; in every other one an atom is moved along the diagonal, which leaves no inversion centre."""
    entries = []
    for i, crystal in enumerate(rock_salts(N)):
        fractional = crystal.fractional + (0.03 * (i % 2) * np.array([[0.0], [1.0]]))
        atoms = {
            "lattice_mat": crystal.lattice.tolist(),
            "coords": (fractional @ crystal.lattice).tolist(),
            "elements": [SYMBOL[z] for z in crystal.species.tolist()],
            "cartesian": True,
        }
        labels = {"formation_energy_peratom": -1.0 - 0.01 * i, "dfpt_piezo_max_dielectric": 2.0 + i}
        entries.append({"jid": f"JVASP-{100 + i}", "atoms": atoms, **labels, "dfpt_piezo_max_dij": float(i) * (i % 2)})
    return entries
