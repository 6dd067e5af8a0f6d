"""Extreme labels are looked for in training only, on the scale on which the property is learned."""

import numpy as np
import pyarrow as pa
import pytest

from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.tables import SplitsMetadata
from crystalmatrix.data.outliers import THRESHOLD, find_outliers, read_outliers, robust_scores
from crystalmatrix.errors import DataError
from crystalmatrix.files import sha256


def tables(values, folds, *, name="ehull"):
    jids = [f"JVASP-{i}" for i in range(len(values))]
    records = pa.table(
        {c.JID: pa.array(jids, pa.string()), **{p: pa.array([None] * len(values), pa.float64()) for p in other(name)}}
    )
    records = records.append_column(name, pa.array(values, pa.float64()))
    rows = [{c.JID: jid, c.PROPERTY: name, c.FOLD: fold, c.STRICT: True} for jid, fold in zip(jids, folds, strict=True)]
    return records, pa.Table.from_pylist(rows, c.SPLITS)


def other(name):
    from crystalmatrix.properties import PROPERTIES

    return [p for p in PROPERTIES if p != name]


def test_only_training_labels_are_listed_and_only_they_set_the_scale():
    rng = np.random.default_rng(0)
    values = [*rng.normal(1, 0.1, 200), 9.0, 9.0, 9.0]
    found = find_outliers(*tables(values, [c.TRAIN] * 201 + [c.VAL, c.TEST]))
    assert [(jid, name, value) for jid, name, value, _ in found if value > 5] == [("JVASP-200", "ehull", 9.0)]
    shifted = [*values[:201], 500.0, -500.0]
    assert find_outliers(*tables(shifted, [c.TRAIN] * 201 + [c.VAL, c.TEST])) == found


def test_the_score_is_the_modified_z_score():
    values = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    assert robust_scores(values, transform="identity")[-1] == pytest.approx(0.6745 * 97 / 1)


def test_zeros_are_a_class_of_their_own():
    values = np.concatenate([np.zeros(900), np.full(50, 1.0), np.full(50, 1.2), [60.0]])
    scores = robust_scores(values, transform="identity")
    assert (scores[:900] == 0).all()
    assert scores[-1] > THRESHOLD
    assert np.abs(scores[900:-1]).max() < THRESHOLD


@pytest.mark.parametrize(("transform", "n_flagged"), [("identity", 50), ("log", 0)])
def test_three_decades_are_no_outliers_on_the_scale_of_learning(transform, n_flagged):
    values = np.exp(np.random.default_rng(0).normal(3, 1.5, 500))
    flagged = (np.abs(robust_scores(values, transform=transform)) > THRESHOLD).sum()
    assert flagged <= 2 if n_flagged == 0 else flagged >= n_flagged


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [1.0], [2.0, 2.0, 2.0]])
def test_nothing_stands_out_where_nothing_varies(values):
    assert find_outliers(*tables(values, [c.TRAIN] * len(values))) == []


def test_an_empty_split_has_no_outliers():
    records, splits = tables([1.0, 2.0], [c.TEST, c.TEST])
    assert find_outliers(records, splits) == []


def test_a_list_that_is_not_the_one_of_the_splits_is_refused(tmp_path):
    path = tmp_path / "outliers.csv"
    path.write_text("id,property,value,score\nJVASP-1,ehull,9.0,80.0\n")
    about = SplitsMetadata(scheme="random", seed=0, source="a", records_digest="b", lists={path.name: sha256(path)})
    assert read_outliers(path, about)["id"].tolist() == ["JVASP-1"]
    path.write_text("id,property,value,score\nJVASP-2,ehull,9.0,80.0\n")
    with pytest.raises(DataError, match=r"outliers.csv: not found, damaged or edited"):
        read_outliers(path, about)
    without = about.model_copy(update={"lists": {}})  # of splits that were written before lists had a checksum
    assert read_outliers(path, without)["id"].tolist() == ["JVASP-2"]
    path.unlink()
    with pytest.raises(DataError, match=r"outliers.csv: not found"):
        read_outliers(path, about)


def test_a_list_without_outliers_has_its_types(tmp_path):
    """Pages ask for the largest scores, also of none."""
    path = tmp_path / "outliers.csv"
    path.write_text("id,property,value,score\n")
    about = SplitsMetadata(scheme="random", seed=0, source="a", records_digest="b", lists={path.name: sha256(path)})
    assert read_outliers(path, about).nlargest(3, "score").empty
