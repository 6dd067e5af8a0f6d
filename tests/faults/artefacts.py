"""A small run of every stage, in process: the files that mutations.py damages.

In: a folder.  Out: {name: bytes} of sound artefacts.
"""

import shutil
from pathlib import Path

import pyarrow as pa
import torch

from crystalmatrix import files
from crystalmatrix.config import GraphConfig, ReportConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.summary import PredictionsMetadata
from crystalmatrix.contracts.tables import SplitsMetadata
from crystalmatrix.data.archive import read_entries, write_entries
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.quality import quality
from crystalmatrix.data.records import build_records
from crystalmatrix.descriptors.shards import write_shard as describe
from crystalmatrix.evaluation.predictions import read_predictions
from crystalmatrix.evaluation.score import model_scores
from crystalmatrix.trained.checkpoint import save_checkpoint
from crystalmatrix.trained.held_out import load_held_out
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.labels import load
from crystalmatrix.training.run import train

from ..data.entries import ORIGIN as FETCHED
from ..data.entries import rock_salt
from ..descriptors.test_shards import Arithmetic
from ..features.cases import ORIGIN, write_records, write_shards, write_stage
from ..models.cases import random_crystal
from ..training.cases import with_training

N = 24
TASK = "formation_energy"
FOLDS = [c.TRAIN] * 12 + [c.VAL] * 6 + [c.TEST] * 6
GRAPH = GraphConfig(shards=1)


def build(folder: Path) -> dict[str, bytes]:
    raw = folder / "raw.json.zip"
    write_entries(raw, [rock_salt(f"JVASP-{i}", formation_energy_peratom=-1.0 - i / 7) for i in range(N)])
    held = build_records(read_entries(raw), id_key="jid", fields=fields_of({}), workers=1)
    quality(held, source=FETCHED, fields={}).write(folder / "quality.json")
    records = write_records(
        folder / "records.parquet",
        [random_crystal(seed, n_atoms=2 + seed % 3) for seed in range(N)],
        point_group=["1"] * N,
        has_inversion=[False] * N,
        formation_energy=[-1.0 - 0.03 * i for i in range(N)],
    )
    rows = [{c.JID: f"JVASP-{i}", c.PROPERTY: TASK, c.FOLD: fold, c.STRICT: True} for i, fold in enumerate(FOLDS)]
    splits = folder / "splits.parquet"
    about = SplitsMetadata(scheme="random", seed=0, source=ORIGIN.source, records_digest=ORIGIN.digest)
    table = pa.Table.from_pylist(rows, schema=c.SPLITS)
    files.write_table(splits, table, version=c.SPLITS_VERSION, metadata=about.to_dict())
    settings = with_training(max_epochs=2, min_epochs=2)
    shards = write_shards(folder, records, GRAPH)
    features = write_stage(folder, shards, GRAPH, settings.model)
    data = load(records, splits, None, features, task=TASK, properties=[TASK], settings=settings)
    cpu = torch.device("cpu")
    checkpoint = train(data, tier="tiny", task=TASK, settings=settings, run=folder / "run", device=cpu)
    save_checkpoint(folder / "model.pt", checkpoint)
    held_out = load_held_out(records, splits, features, checkpoint)
    predictions = folder / "model.predictions.parquet"
    files.write_table(
        predictions,
        predictions_table(checkpoint, held_out, device=cpu),
        version=c.PREDICTIONS_VERSION,
        metadata=PredictionsMetadata(model=checkpoint.summary).to_dict(),
    )
    frame = table.to_pandas()
    model_scores(
        read_predictions(predictions), splits=frame, leakage=frame.iloc[:0], settings=ReportConfig(), fields={}
    ).write(folder / "model.metrics.json")
    shutil.copy(shards[0], folder / "shard.parquet")
    describe(folder / "descriptors.parquet", shards[0], Arithmetic(), name="chgnet")
    shutil.copy(features[0], folder / "features.arrow")
    shutil.copy(folder / "run/seed-0/state.pt", folder / "state.pt")
    names = ("raw.json.zip", "records.parquet", "quality.json", "splits.parquet", "shard.parquet",
             "descriptors.parquet", "features.arrow", "model.pt", "state.pt", "model.predictions.parquet",
             "model.metrics.json")  # fmt: skip
    return {name: (folder / name).read_bytes() for name in names}
