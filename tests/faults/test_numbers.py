"""Numbers that spoil a training: it ends with a sentence, or with finite predictions; never with nonsense."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from crystalmatrix.contracts.view import View
from crystalmatrix.data.labels import NONE, TRAIN, VAL
from crystalmatrix.errors import DataError
from crystalmatrix.features.features import Features
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.run import train

from ..models.cases import GRAPH, Crystal, graphs_of
from ..training.cases import SETTINGS, held_out, rock_salts, training_data, with_training

CPU = torch.device("cpu")
TASK = "formation_energy"


def fit(run: Path, data, settings=SETTINGS):
    return train(data, tier="lite", task=TASK, settings=settings, run=run, device=CPU)


def with_values(change):
    data = training_data([TASK])
    return replace(data, values=change(data.values.copy()))


def spoiled(values):
    values[3] = np.inf
    return values


@pytest.mark.parametrize("rate", [1e12, 1e30])
def test_a_training_that_diverges_is_one_line(tmp_path: Path, rate: float) -> None:
    """Exploding gradients, then weights that are no numbers."""
    with pytest.raises(DataError, match=r"training diverged; lower training.learning_rate") as caught:
        fit(tmp_path, training_data([TASK]), with_training(learning_rate=rate))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [np.zeros_like, lambda values: np.full_like(values, 2.5), lambda values: values * 1e30],
    ids=["zero", "constant", "1e30"],
)
def test_labels_without_a_scale_or_of_a_huge_one_give_finite_predictions(tmp_path: Path, change) -> None:
    checkpoint = fit(tmp_path, with_values(change))
    predicted = predictions_table(checkpoint, held_out([TASK]), device=CPU)["prediction"].to_numpy()
    assert np.isfinite(predicted).all()
    expected = change(training_data([TASK]).values)
    spread = np.ptp(expected) or 1.0
    assert np.abs(predicted - np.median(expected)).max() < 10 * spread


def test_one_training_crystal_and_one_to_validate(tmp_path: Path) -> None:
    data = training_data([TASK])
    fold = np.full_like(data.fold, NONE)
    fold[0], fold[-1] = TRAIN, VAL
    checkpoint = fit(tmp_path, replace(data, fold=fold))
    assert checkpoint.summary.n_train[TASK] == 1
    assert all(torch.isfinite(weight).all() for weight in checkpoint.members[0].values())


def test_many_equal_crystals(tmp_path: Path) -> None:
    data = training_data([TASK])
    same = graphs_of(rock_salts(1) * len(data.fold))
    checkpoint = fit(tmp_path, replace(data, features=Features.of_graphs(same, View.of(GRAPH, SETTINGS.model))))
    assert all(torch.isfinite(weight).all() for weight in checkpoint.members[0].values())


def test_one_atom_of_one_element(tmp_path: Path) -> None:
    """Nothing tells the crystals apart but their size: no composition, no second element, one atom each."""
    data = training_data([TASK])
    cell = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    copper = [
        Crystal(np.array([29], np.uint8), np.zeros((1, 3)), cell * (3.4 + k / 100)) for k in range(len(data.fold))
    ]
    features = Features.of_graphs(graphs_of(copper), View.of(GRAPH, SETTINGS.model))
    for reference in (False, True):
        settings = with_training(composition_reference=reference)
        checkpoint = fit(tmp_path / str(reference), replace(data, features=features), settings)
        assert all(torch.isfinite(weight).all() for weight in checkpoint.members[0].values())
        assert checkpoint.elements == [29]


def test_an_infinite_label_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the label of .* is not a finite number"):
        fit(tmp_path, with_values(spoiled))
