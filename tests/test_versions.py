"""What the costly stages write, held against tests/versions.json: another content asks for another version.

Rules do not watch the code of these stages (a comment would train all models again): they have versions. A change of
meaning without a new version would leave old results in place, and this is where it is noticed.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from crystalmatrix.config import DataConfig, GraphConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts import versions as other
from crystalmatrix.contracts.summary import DataSource
from crystalmatrix.contracts.view import View
from crystalmatrix.data.entries import fields_of
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.data.official import official_properties
from crystalmatrix.data.records import build_records
from crystalmatrix.data.splits import assign_folds, splits_table
from crystalmatrix.evaluation.composition import predict_composition
from crystalmatrix.features.blocks import MemoryBlock
from crystalmatrix.files import write_table
from crystalmatrix.graphs.shards import write_shard
from crystalmatrix.tiers import EquivariantConfig, TierConfig
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.run import train

from .graphs.cases import ORIGIN, read_back
from .training.cases import held_out, training_data

VERSION = "version"
TABLE = Path(__file__).with_name("versions.json")
MODELS = {
    "equivariant": {"architecture": "equivariant", "channels": 8, "edge_channels": 8, "layers": 1, "l_max": 2},
    "cgcnn": {"architecture": "cgcnn", "channels": 8, "layers": 1},
}
TRAINING = {"crystals_seen": 200, "max_epochs": 5, "min_epochs": 5, "batch_size": 8, "learning_rate": 0.01}

Content = dict[str, float]


def moments(values: Any) -> list[float]:
    """Two numbers that move with nearly any change of an array: its sum, and one weighted by position."""
    flat = np.nan_to_num(np.asarray(values, dtype=np.float64).ravel())
    return [float(flat.sum()), float(flat @ np.cos(np.arange(len(flat))))]


@pytest.fixture(scope="module")
def records() -> pa.Table:
    return build_records(mineral_entries()[:60], id_key="jid", fields=fields_of({}), workers=1).table


def records_content(records: pa.Table) -> Content:
    numeric = [c.N_ATOMS, c.VOLUME, c.SPACE_GROUP, c.HAS_INVERSION, *sorted(official_properties())]
    lists = {name: moments(np.concatenate(records[name].to_pylist())) for name in (c.FRACTIONAL, c.LATTICE)}
    return flatten(lists | {name: moments(records[name].cast(pa.float64(), safe=False)) for name in numeric})


def splits_content(records: pa.Table) -> Content:
    content = {}
    for scheme in ("official", "random", "grouped"):
        splits = splits_table(records, assign_folds(records, DataConfig.parse({"splits": scheme}))).to_pandas()
        splits = splits[splits[c.PROPERTY].isin(official_properties())]
        number = splits[c.FOLD].map({"train": 1, "val": 2, "test": 3}) * splits[c.PROPERTY].str.len()
        content[scheme] = moments(number) + moments(splits[c.STRICT])
    return flatten(content)


def graphs_content(records: pa.Table, folder: Path) -> Content:
    write_table(folder / "records.parquet", records, version=c.RECORDS_VERSION, metadata=ORIGIN.to_dict())
    settings = GraphConfig(shards=1)
    write_shard(folder / "shard-0.parquet", folder / "records.parquet", settings=settings, shard=0)
    graphs = read_back([folder / "shard-0.parquet"])
    return flatten(
        {name: moments(value) for name, value in vars(graphs).items() if np.asarray(value).dtype.kind in "iuf"}
    )


def features_content(records: pa.Table, folder: Path) -> Content:
    """Dense rows and fingerprints, by the code that writes the files; descriptors are the potentials' own."""
    graphs_content(records, folder)
    graphs = read_back([folder / "shard-0.parquet"])
    model = EquivariantConfig(architecture="equivariant")
    block = MemoryBlock(graphs, View.of(GraphConfig(), model))
    arrays = {"neighbourhood": block.neighbourhood, **vars(block.dense)}
    return flatten({n: moments(value) for n, value in arrays.items() if np.asarray(value).dtype.kind in "iuf"})


def composition_content(records: pa.Table) -> Content:
    splits = splits_table(records, assign_folds(records, DataConfig.parse({"splits": "random"})))
    source = DataSource(name="a", release=None, raw_sha256=None, fields={}, scheme="random")
    fitted = predict_composition(
        records.to_pandas(), splits.to_pandas(), name="bulk_modulus", source=source, data_digest="0"
    )
    return flatten({"prediction": moments(fitted.table[c.PREDICTION])})


def predictions_content(folder: Path) -> Content:
    content = {}
    for name, model in MODELS.items():
        data = training_data(["formation_energy"])
        settings = TierConfig.parse({"model": model, "training": TRAINING})
        checkpoint = train(
            data, tier="lite", task="formation_energy", settings=settings, run=folder / name, device=torch.device("cpu")
        )
        table = predictions_table(checkpoint, held_out(["formation_energy"]), device=torch.device("cpu"))
        content[name] = moments(table[c.PREDICTION]) + moments(table[c.UPPER])
    return flatten(content)


def flatten(content: dict[str, list[float]]) -> Content:
    return {f"{name}.{k}": float(f"{value:.7g}") for name, values in content.items() for k, value in enumerate(values)}


def complaint(found: dict[str, Any], expected: dict[str, Any], *, tolerance: float) -> str | None:
    """What is wrong with a stage whose content and versions are `found`; None where they are as recorded."""
    same = found.keys() == expected.keys() and all(
        found[key] == pytest.approx(expected[key], rel=tolerance, abs=tolerance) for key in found if key != VERSION
    )
    if found[VERSION] != expected.get(VERSION):
        return f"another version than recorded; put this into tests/versions.json:\n{json.dumps(found)}"
    return None if same else "another content under the same version; raise it in contracts/, and run again"


@pytest.mark.parametrize(
    ("stage", "versions", "tolerance"),
    [
        ("records", ["RECORDS_VERSION"], 1e-5),
        ("splits", ["SPLITS_VERSION"], 1e-5),
        ("graphs", ["GRAPHS_VERSION"], 1e-4),
        ("features", ["FEATURES_VERSION"], 1e-4),
        ("composition", ["COMPOSITION_VERSION"], 1e-4),
        ("predictions", ["CHECKPOINT_VERSION", "PREDICTIONS_VERSION"], 2e-2),  # five epochs in float32
    ],
)
def test_another_content_has_another_version(
    records: pa.Table, tmp_path: Path, stage: str, versions: list[str], tolerance: float
) -> None:
    contents: dict[str, Callable[[], Content]] = {
        "records": lambda: records_content(records),
        "splits": lambda: splits_content(records),
        "graphs": lambda: graphs_content(records, tmp_path),
        "features": lambda: features_content(records, tmp_path),
        "composition": lambda: composition_content(records),
        "predictions": lambda: predictions_content(tmp_path),
    }
    found = {VERSION: [getattr(c, name, None) or getattr(other, name) for name in versions], **contents[stage]()}
    wrong = complaint(found, json.loads(TABLE.read_text()).get(stage, {}), tolerance=tolerance)
    assert wrong is None, f"{stage} ({', '.join(versions)}): {wrong}"


def test_a_change_is_noticed() -> None:
    """The control: another number, another key, another version."""
    recorded = {VERSION: [1], "volume.0": 10.0}
    assert complaint(recorded, recorded, tolerance=1e-4) is None
    assert "another content" in str(complaint(recorded | {"volume.0": 10.1}, recorded, tolerance=1e-4))
    assert "another content" in str(complaint(recorded | {"mass.0": 1.0}, recorded, tolerance=1e-4))
    assert "another version" in str(complaint(recorded | {VERSION: [2]}, recorded, tolerance=1e-4))
