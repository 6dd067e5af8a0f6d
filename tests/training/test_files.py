"""From files to a model's inputs: labels and folds land on the right crystals, and the stored angles are used."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from crystalmatrix import files
from crystalmatrix.config import GraphConfig, TrainingConfig
from crystalmatrix.contracts import columns
from crystalmatrix.errors import DataError
from crystalmatrix.graphs.shards import write_shard
from crystalmatrix.properties import AUXILIARY_FIELDS, PROPERTIES
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.labels import NONE, TEST, TRAIN, VAL, _drop_outliers, load
from crystalmatrix.training.run import train

from ..models.cases import random_crystal
from .cases import SETTINGS

GRAPH = GraphConfig(shards=2)
N = 24
FOLDS = [columns.TRAIN] * 16 + [columns.VAL] * 4 + [columns.TEST] * 4


@pytest.fixture
def paths(tmp_path):
    """Records, splits and two shards of random crystals; ehull is missing for every third one."""
    crystals = [random_crystal(seed, n_atoms=2 + seed % 3) for seed in range(N)]
    rows = [
        {
            columns.JID: f"JVASP-{i}",
            columns.FORMULA: "X",
            columns.N_ATOMS: len(crystal.species),
            columns.SPECIES: crystal.species.tolist(),
            columns.FRACTIONAL: crystal.fractional.ravel().tolist(),
            columns.LATTICE: crystal.lattice.ravel().tolist(),
            columns.VOLUME: float(abs(np.linalg.det(crystal.lattice))),
            columns.POINT_GROUP: "432" if i == 3 else "1",
            columns.HAS_INVERSION: i == 5,
            **dict.fromkeys([*PROPERTIES, *AUXILIARY_FIELDS]),
            "formation_energy": float(i),
            "ehull": None if i % 3 == 0 else float(-i),
            "epsx": 2.0 + i,
        }
        for i, crystal in enumerate(crystals)
    ]
    records = tmp_path / "records.parquet"
    table = pa.Table.from_pylist(rows, schema=columns.RECORDS)
    files.write_table(
        records, table, version=columns.RECORDS_VERSION, metadata={"digest": "d", "source": "x/a.json", "fields": {}}
    )
    splits = tmp_path / "splits.parquet"
    # ehull trains on JVASP-0 to 15; crystal 2 is held out for ehull, so it is not strict for formation_energy
    split_rows = [
        {columns.JID: f"JVASP-{i}", columns.PROPERTY: "formation_energy", columns.FOLD: fold, columns.STRICT: i != 2}
        for i, fold in enumerate(FOLDS)
    ] + [
        {
            columns.JID: f"JVASP-{i}",
            columns.PROPERTY: "ehull",
            columns.FOLD: columns.TEST if i == 2 else fold,
            columns.STRICT: True,
        }
        for i, fold in enumerate(FOLDS)
    ]
    table = pa.Table.from_pylist(split_rows, schema=columns.SPLITS)
    files.write_table(splits, table, version=columns.SPLITS_VERSION, metadata={"scheme": "random"})
    shards = [tmp_path / f"shard-{k}.parquet" for k in range(2)]
    for k, shard in enumerate(shards):
        write_shard(shard, records, settings=GRAPH, shard=k)
    return records, splits, shards


def load_task(paths, task, **training):
    records, splits, shards = paths
    return load(
        records,
        splits,
        None,
        shards,
        task=task,
        properties=["formation_energy", "ehull"],
        training=TrainingConfig(**training),
    )


def test_labels_and_folds(paths):
    data = load_task(paths, "formation_energy")
    number = np.array([int(jid.split("-")[1]) for jid in data.graphs.jid])
    np.testing.assert_array_equal(data.values[:, 0], number)
    codes = {columns.TRAIN: TRAIN, columns.VAL: VAL, columns.TEST: TEST}
    np.testing.assert_array_equal(data.fold[:, 0], [codes[FOLDS[i]] for i in number])
    np.testing.assert_array_equal(data.zero, np.isin(number, [3, 5]))


def test_missing_labels_teach_nothing(paths):
    data = load_task(paths, "ehull")
    assert not np.isnan(data.values).any()
    assert data.graphs.n_crystals == N - N // 3


@pytest.mark.parametrize("task", ["ehull", "multitask"])
def test_companions_are_training_labels_alone(paths, task):
    """What ehull may be a share of is known where it is in its own training fold, and with strict hold-out, strict."""
    splits = paths[1]
    table, metadata = files.read_table(splits, version=columns.SPLITS_VERSION)
    frame = table.to_pandas()
    energy = frame[columns.PROPERTY] == "formation_energy"
    frame.loc[energy & (frame[columns.JID] == "JVASP-8"), columns.FOLD] = columns.TEST
    frame.loc[energy & (frame[columns.JID] == "JVASP-10"), columns.STRICT] = False
    table = pa.Table.from_pandas(frame, schema=columns.SPLITS, preserve_index=False)
    files.write_table(splits, table, version=columns.SPLITS_VERSION, metadata=metadata)
    data = load_task(paths, task)
    known = dict(zip(data.graphs.jid, data.companions["ehull"], strict=True))
    assert known["JVASP-7"] == 7
    assert np.isnan([known["JVASP-8"], known["JVASP-16"], known["JVASP-22"]]).all()
    assert np.isnan(known["JVASP-10"]) == (task == "multitask")


@pytest.mark.parametrize(("hold_out", "expected"), [("strict", NONE), ("masked", TRAIN)])
def test_strict_hold_out(paths, hold_out, expected):
    data = load_task(paths, "multitask", hold_out=hold_out)
    held = list(data.graphs.jid).index("JVASP-2")
    assert data.fold[held, 0] == expected
    assert data.fold[held, 1] == TEST
    assert data.fold[held, 2] == NONE  # auxiliary labels never come from a held-out structure


def test_outliers_leave_the_training_fold_only(paths, tmp_path):
    records, splits, shards = paths
    outliers = tmp_path / "outliers.csv"
    outliers.write_text("id,property,value,score\nJVASP-1,formation_energy,1,9\nJVASP-20,formation_energy,20,9\n")
    arguments = {"task": "formation_energy", "properties": []}
    data = load(records, splits, outliers, shards, training=TrainingConfig(outliers="drop"), **arguments)
    assert "JVASP-1" not in data.graphs.jid
    assert "JVASP-20" in data.graphs.jid
    kept = load(records, splits, outliers, shards, training=TrainingConfig(outliers="report"), **arguments)
    assert "JVASP-1" in kept.graphs.jid


def test_no_validation_label_is_one_line(paths):
    records, splits, shards = paths
    table, metadata = files.read_table(splits, version=columns.SPLITS_VERSION)
    rows = table.filter(pa.compute.not_equal(table[columns.FOLD], columns.VAL))
    files.write_table(splits, rows, version=columns.SPLITS_VERSION, metadata=metadata)
    with pytest.raises(DataError, match="no validation label for ehull, expected some"):
        load_task((records, splits, shards), "ehull")


def test_dropping_outliers_needs_their_list(paths):
    records, splits, shards = paths
    arguments = {"task": "formation_energy", "properties": ["formation_energy"]}
    with pytest.raises(DataError, match="found drop and no list of outliers"):
        load(records, splits, None, shards, training=TrainingConfig(outliers="drop"), **arguments)


def test_outliers_with_numbers_as_ids(tmp_path):
    fold = np.array([[TRAIN], [TRAIN], [TRAIN]], np.int8)
    outliers = tmp_path / "outliers.csv"
    outliers.write_text("id,property,value,score\n003,ehull,1,9\n")
    _drop_outliers(fold, np.array(["1", "3", "003"]), ["ehull"], outliers)
    assert fold[:, 0].tolist() == [TRAIN, TRAIN, NONE]


def test_unit_is_that_of_the_field(paths):
    data = load_task(paths, "formation_energy")
    assert data.unit("piezoelectric") == "pC/N"
    assert replace(data, source={"fields": {"piezoelectric": "dfpt_piezo_max_eij"}}).unit("piezoelectric") == "C/m2"


def test_no_label_is_one_line(paths):
    records, splits, shards = paths
    with pytest.raises(DataError, match="no training label for dielectric"):
        load(records, splits, None, shards, task="dielectric", properties=[], training=TrainingConfig())


def test_stored_angles_are_used(paths, tmp_path):
    """Change the cosines that stand in a shard: the predictions of a trained model change."""
    data = load_task(paths, "formation_energy")
    checkpoint = train(
        data, tier="lite", task="formation_energy", settings=SETTINGS, run=tmp_path / "run", device=torch.device("cpu")
    )
    before = predictions_table(checkpoint, data, device=torch.device("cpu"))
    for shard in paths[2]:
        table = pq.read_table(shard)
        metadata = json.loads(table.schema.metadata[b"crystalmatrix"])
        perturbed = [(np.frombuffer(row, "<i2") // 2).tobytes() for row in table[columns.COSINE].to_pylist()]
        table = table.set_column(
            table.schema.get_field_index(columns.COSINE), table.field(columns.COSINE), pa.array(perturbed)
        )
        version = metadata.pop("version")
        files.write_table(shard, table, version=version, metadata=metadata)
    after = predictions_table(checkpoint, load_task(paths, "formation_energy"), device=torch.device("cpu"))
    difference = np.abs(before[columns.PREDICTION].to_numpy() - after[columns.PREDICTION].to_numpy())
    assert difference.max() > 1e-6  # the model is hardly trained; equal inputs give differences of exactly zero


def test_other_graph_settings_are_refused(paths, tmp_path):
    data = load_task(paths, "formation_energy")
    checkpoint = train(
        data, tier="lite", task="formation_energy", settings=SETTINGS, run=tmp_path / "run", device=torch.device("cpu")
    )
    records, _, shards = paths
    other = GraphConfig(shards=2, cutoff=4.5)
    for k, shard in enumerate(shards):
        write_shard(shard, records, settings=other, shard=k)
    with pytest.raises(DataError, match="the model was trained with"):
        predictions_table(checkpoint, load_task(paths, "formation_energy"), device=torch.device("cpu"))
