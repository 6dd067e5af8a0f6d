"""From files to a model's inputs: labels and folds land on the right crystals, and the stored angles are used."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from crystalmatrix import files
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.tables import SplitsMetadata
from crystalmatrix.data.labels import NONE, TEST, TRAIN, VAL
from crystalmatrix.errors import DataError
from crystalmatrix.trained.checkpoint import load_checkpoint
from crystalmatrix.trained.held_out import load_held_out
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.labels import _mask_outliers, load
from crystalmatrix.training.run import train

from ..features.cases import ORIGIN, write_records, write_shards, write_stage
from ..models.cases import random_crystal
from ..report.report_run import run_script
from .cases import SETTINGS, with_training

CPU = torch.device("cpu")
GRAPH = GraphConfig(shards=2)
N = 24
FOLDS_ORIGIN = SplitsMetadata(scheme="random", seed=0, source=ORIGIN.source, records_digest=ORIGIN.digest)
FOLDS = [columns.TRAIN] * 16 + [columns.VAL] * 4 + [columns.TEST] * 4


@pytest.fixture
def paths(tmp_path):
    """Records, splits and the features of two shards of random crystals; ehull is missing for every third one."""
    records = write_records(
        tmp_path / "records.parquet",
        [random_crystal(seed, n_atoms=2 + seed % 3) for seed in range(N)],
        point_group=["432" if i == 3 else "1" for i in range(N)],
        has_inversion=[i == 5 for i in range(N)],
        formation_energy=[float(i) for i in range(N)],
        ehull=[None if i % 3 == 0 else float(-i) for i in range(N)],
        epsx=[2.0 + i for i in range(N)],
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
    files.write_table(splits, table, version=columns.SPLITS_VERSION, metadata=FOLDS_ORIGIN.to_dict())
    shards = write_shards(tmp_path, records, GRAPH)
    return records, splits, write_stage(tmp_path, shards, GRAPH, SETTINGS.model)


def load_task(paths, task, **training):
    records, splits, features = paths
    properties = ["formation_energy", "ehull"]
    return load(records, splits, None, features, task=task, properties=properties, settings=with_training(**training))


def test_labels_and_folds(paths):
    data = load_task(paths, "formation_energy")
    number = np.array([int(jid.split("-")[1]) for jid in data.features.jid])
    np.testing.assert_array_equal(data.values[:, 0], number)
    np.testing.assert_array_equal(data.fold[:, 0], [TRAIN] * 16 + [VAL] * 4)
    np.testing.assert_array_equal(data.zero, np.isin(number, [3, 5]))


def test_extra_labels_weigh_and_are_shifted_as_the_splits_say(paths):
    plain = load_task(paths, "formation_energy")
    assert plain.weight is None
    table, metadata = files.read_table(paths[1], version=columns.SPLITS_VERSION)
    rows = table.to_pylist()
    chosen = next(row for row in rows if row[columns.JID] == "JVASP-4" and row[columns.PROPERTY] == "formation_energy")
    chosen |= {columns.WEIGHT: 0.25, columns.OFFSET: 0.5}
    shifted = pa.Table.from_pylist(rows, schema=columns.SPLITS)
    files.write_table(paths[1], shifted, version=columns.SPLITS_VERSION, metadata=metadata)
    data = load_task(paths, "formation_energy")
    expected = np.where(data.features.jid == "JVASP-4", 0.5, 0.0)
    np.testing.assert_array_equal(plain.values[:, 0] - data.values[:, 0], expected)
    assert data.weight is not None
    np.testing.assert_array_equal(data.weight[:, 0], np.where(data.features.jid == "JVASP-4", 0.25, 1.0))


def test_training_sees_no_test_crystal(paths):
    """Neither its label nor its atoms."""
    single = load_task(paths, "formation_energy")
    assert all(FOLDS[int(jid.split("-")[1])] != columns.TEST for jid in single.features.jid)
    assert not (load_task(paths, "multitask", hold_out="masked").fold == TEST).any()


def test_prediction_sees_held_out_labels_alone(paths, tmp_path):
    records, splits, features = paths
    checkpoint = fit(paths, tmp_path)
    data = load_held_out(records, splits, features, checkpoint)
    number = np.array([int(jid.split("-")[1]) for jid in data.features.jid])
    np.testing.assert_array_equal(number, np.arange(16, N))
    np.testing.assert_array_equal(data.values[:, 0], number)
    np.testing.assert_array_equal(data.fold[:, 0], [VAL] * 4 + [TEST] * 4)


def test_missing_labels_teach_nothing(paths):
    data = load_task(paths, "ehull")
    assert not np.isnan(data.values).any()
    number = [int(jid.split("-")[1]) for jid in data.features.jid]
    assert number == [i for i in range(20) if i % 3 and i != 2]  # crystal 2 is in the test fold


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
    known = dict(zip(data.features.jid, data.companions["ehull"], strict=True))
    assert known["JVASP-7"] == 7
    assert np.isnan([known["JVASP-8"], known["JVASP-16"]]).all()
    assert np.isnan(known["JVASP-10"]) == (task == "multitask")


def test_hold_out(paths):
    """A structure that is held out for one task teaches another nothing (strict), or its label (masked)."""
    assert "JVASP-2" not in load_task(paths, "multitask", hold_out="strict").features.jid
    data = load_task(paths, "multitask", hold_out="masked")
    held = list(data.features.jid).index("JVASP-2")
    assert data.fold[held].tolist() == [TRAIN, NONE, NONE]  # auxiliary labels never come from a held-out structure
    assert np.isnan(data.values[held]).tolist() == [False, True, True]  # nor does any other label come along


@pytest.fixture
def outliers(tmp_path):
    path = tmp_path / "outliers.csv"
    path.write_text("id,property,value,score\nJVASP-1,formation_energy,1,9\nJVASP-17,formation_energy,17,9\n")
    return path


def test_outliers_leave_the_training_fold_only(paths, outliers):
    records, splits, features = paths
    arguments = {"task": "formation_energy", "properties": []}
    data = load(records, splits, outliers, features, settings=with_training(outliers="drop"), **arguments)
    assert "JVASP-1" not in data.features.jid
    assert "JVASP-17" in data.features.jid
    kept = load(records, splits, outliers, features, settings=with_training(outliers="report"), **arguments)
    assert "JVASP-1" in kept.features.jid


@pytest.mark.parametrize("choice", ["drop", "report"])
def test_whatever_training_masks_the_model_predicts(paths, outliers, tmp_path, choice):
    """From script to script, as the rules call them: prediction takes no outliers."""
    records, splits, features = paths
    model, predictions = tmp_path / "model.pt", tmp_path / "predictions.parquet"
    data = ["--records", records, "--splits", splits, "--device", "cpu", "--features", *features]
    settings = with_training(outliers=choice).to_json()
    task = ["--tier", "lite", "--task", "formation_energy", "--settings", settings, "--run", tmp_path / "run"]
    assert run_script("train", *map(str, [*task, "--outliers", outliers, "--out", model, *data])) == 0
    assert run_script("predict", *map(str, ["--model", model, "--out", predictions, *data])) == 0
    assert sorted(pq.read_table(predictions)[columns.JID].to_pylist()) == [f"JVASP-{i}" for i in range(16, N)]
    assert len(load_checkpoint(model).seen["formation_energy"]) == (15 if choice == "drop" else 16)


def test_no_validation_label_is_one_line(paths):
    records, splits, features = paths
    table, metadata = files.read_table(splits, version=columns.SPLITS_VERSION)
    rows = table.filter(pa.compute.not_equal(table[columns.FOLD], columns.VAL))
    files.write_table(splits, rows, version=columns.SPLITS_VERSION, metadata=metadata)
    with pytest.raises(DataError, match="no validation label for ehull, expected some"):
        load_task((records, splits, features), "ehull")


def test_dropping_outliers_needs_their_list(paths):
    records, splits, features = paths
    arguments = {"task": "formation_energy", "properties": ["formation_energy"]}
    with pytest.raises(DataError, match="found drop and no list of outliers"):
        load(records, splits, None, features, settings=with_training(outliers="drop"), **arguments)


def test_outliers_with_numbers_as_ids(tmp_path):
    fold = np.array([[TRAIN], [TRAIN], [TRAIN]], np.int8)
    outliers = tmp_path / "outliers.csv"
    outliers.write_text("id,property,value,score\n003,ehull,1,9\n")
    about = SplitsMetadata(scheme="random", seed=0, source="a", records_digest="b")
    _mask_outliers(fold, np.array(["1", "3", "003"]), ["ehull"], outliers, about)
    assert fold[:, 0].tolist() == [TRAIN, TRAIN, NONE]


def test_unit_is_that_of_the_field(paths):
    data = load_task(paths, "formation_energy")
    assert data.unit("piezoelectric") == "pC/N"
    source = data.source.model_copy(update={"fields": {"piezoelectric": "dfpt_piezo_max_eij"}})
    assert replace(data, source=source).unit("piezoelectric") == "C/m2"


def test_no_label_is_one_line(paths):
    records, splits, features = paths
    with pytest.raises(DataError, match="no training label for dielectric"):
        load(records, splits, None, features, task="dielectric", properties=[], settings=SETTINGS)


def fit(paths, tmp_path):
    data = load_task(paths, "formation_energy")
    return train(data, tier="lite", task="formation_energy", settings=SETTINGS, run=tmp_path / "run", device=CPU)


def test_stored_angles_are_used(paths, tmp_path):
    """Change the cosines that stand in a shard: the predictions of a trained model change, and without that do not."""
    records, splits, features = paths
    shards = [tmp_path / f"shard-{k}.parquet" for k in range(2)]
    checkpoint = fit(paths, tmp_path)

    def predictions():
        write_stage(tmp_path, shards, GRAPH, SETTINGS.model)
        held_out = load_held_out(records, splits, features, checkpoint)
        return predictions_table(checkpoint, held_out, device=CPU)[columns.PREDICTION].to_numpy()

    before = predictions()
    np.testing.assert_array_equal(before, predictions())
    for shard in shards:
        table, metadata = files.read_table(shard, version=columns.GRAPHS_VERSION)
        perturbed = [(np.frombuffer(row, "<i2") // 2).tobytes() for row in table[columns.COSINE].to_pylist()]
        table = table.set_column(
            table.schema.get_field_index(columns.COSINE), table.field(columns.COSINE), pa.array(perturbed)
        )
        del metadata["version"]
        files.write_table(shard, table, version=columns.GRAPHS_VERSION, metadata=metadata)
    assert np.abs(before - predictions()).max() > 1e-6  # the model is hardly trained


def test_other_graphs_are_refused(paths, tmp_path):
    records, splits, features = paths
    checkpoint = fit(paths, tmp_path)
    other = GraphConfig(shards=2, cutoff=4.5)
    features = write_stage(tmp_path, write_shards(tmp_path, records, other), other, SETTINGS.model)
    with pytest.raises(DataError, match=r'features of .*"cutoff":4.5.*the model was trained with .*"cutoff":5.0'):
        load_held_out(records, splits, features, checkpoint)


def test_features_of_another_model_are_refused(paths):
    records, splits, features = paths
    wider = SETTINGS.model_copy(update={"model": SETTINGS.model.model_copy(update={"neighbours": 24})})
    arguments = {"task": "formation_energy", "properties": [], "settings": wider}
    with pytest.raises(DataError, match=r'features of .*"neighbours":16.*the model was trained with .*"neighbours":24'):
        load(records, splits, None, features, **arguments)


def test_features_of_other_records_are_refused(paths):
    records, splits, features = paths
    table, metadata = files.read_table(records, version=columns.RECORDS_VERSION)
    metadata = {**metadata, "digest": "another"}
    del metadata["version"]
    files.write_table(records, table, version=columns.RECORDS_VERSION, metadata=metadata)
    with pytest.raises(DataError, match=r"shard-0\.arrow: made from other records, expected those of the data stage"):
        load_task((records, splits, features), "ehull")


def test_nothing_to_measure_is_one_line(paths, tmp_path):
    records, splits, features = paths
    checkpoint = fit(paths, tmp_path)
    table, metadata = files.read_table(splits, version=columns.SPLITS_VERSION)
    del metadata["version"]
    rows = table.filter(pa.compute.equal(table[columns.FOLD], columns.TRAIN))
    files.write_table(splits, rows, version=columns.SPLITS_VERSION, metadata=metadata)
    with pytest.raises(DataError, match="no validation or test label for formation_energy, expected some"):
        load_held_out(records, splits, features, checkpoint)
