"""Learning curves: which crystals a size has, and that what was measured is not measured again."""

import importlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crystalmatrix.contracts import columns as c
from crystalmatrix.data.labels import NONE, TRAIN, VAL

from ..training.cases import training_data


@pytest.fixture
def curve(beside_each_other):
    return importlib.import_module("learning_curve")


def crystals(data, code):
    return set(np.flatnonzero(data.fold[:, 0] == code))


def test_a_larger_set_holds_the_smaller_ones(curve):
    data = training_data(["formation_energy"], n=120)
    small, large = (curve.some(data, size, seed=0) for size in (18, 36))
    assert (len(crystals(small, TRAIN)), len(crystals(small, VAL))) == (16, 2)
    for code in (TRAIN, VAL):
        assert crystals(small, code) < crystals(large, code) < crystals(data, code)
    assert crystals(curve.some(data, 18, seed=1), TRAIN) != crystals(small, TRAIN), "another seed is another draw"
    assert curve.some(data, 1000, seed=0) is None


def test_crystals_of_extra_sources_are_left_out(curve):
    data = training_data(["formation_energy"], n=120)
    train = sorted(crystals(data, TRAIN))
    jid = data.features.jid.astype("U20")
    jid[train[:10]] = [f"proxies:{k}" for k in range(10)]
    mixed = replace(data, features=replace(data.features, jid=jid))
    every = len(train) - 10
    found = curve.some(mixed, round(every * 9 / 8), seed=0)
    assert crystals(found, TRAIN) == set(train[10:])
    assert (found.fold[train[:10], 0] == NONE).all()


def test_a_row_is_the_mean_over_seeds_with_its_interval(curve):
    target = np.arange(200.0)
    errors = np.random.default_rng(0).normal(size=(2, 200))
    tables = [pd.DataFrame({c.TARGET: target, c.PREDICTION: target + error}) for error in errors]
    row = curve.summary(tables, median=99.5)
    assert row["of_seeds"] == pytest.approx(np.abs(errors).mean(axis=1))
    assert row["mae"] == pytest.approx(np.abs(errors).mean())
    assert row["low"] < row["mae"] < row["high"]
    assert row["constant_mae"] == pytest.approx(np.abs(target - 99.5).mean())


def test_rows_are_kept_with_where_they_were_measured(tmp_path, beside_each_other):
    rows = importlib.import_module("rows")
    file = rows.Rows(tmp_path / "new/curve.json")
    file.add({"property": "ehull", "n": 100, "mae": 0.5})
    again = rows.Rows(file.path)
    found = again.find(property="ehull", n=100)
    assert found is not None
    assert found["mae"] == 0.5
    assert {"date", "machine", "commit"} < set(found)
    assert again.find(property="ehull", n=200) is None
    again.add({"property": "ehull", "n": 200})
    assert len(json.loads(file.path.read_text())["rows"]) == 2


def test_a_row_has_the_commit_of_the_code_that_began(tmp_path, beside_each_other, monkeypatch):
    """And not of what lies there when it ends."""
    rows = importlib.import_module("rows")
    monkeypatch.setattr(rows, "commit", lambda: "first")
    file = rows.Rows(tmp_path / "curve.json")
    monkeypatch.setattr(rows, "commit", lambda: "later")
    assert file.add({"n": 100})["commit"] == "first"
    assert rows.Rows(file.path).add({"n": 200})["commit"] == "later"  # the control
