"""Checkpoints: what is saved comes back, and predicts; what does not fit is one line."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from crystalmatrix.data.labels import NONE, TEST
from crystalmatrix.errors import DataError
from crystalmatrix.tiers import TrainingConfig
from crystalmatrix.trained.checkpoint import load_checkpoint, save_checkpoint
from crystalmatrix.trained.held_out import HeldOut
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training.run import train

from ..training.cases import SETTINGS, held_out, training_data, with_training
from ..training.fitting import CPU, assert_same_weights, fit


def test_ensemble_round_trip_and_predictions(tmp_path):
    settings = with_training(seeds=2)
    tasks = ("formation_energy", "dielectric")
    checkpoint = fit(tmp_path / "run", settings, tasks=tasks)
    save_checkpoint(tmp_path / "model.pt", checkpoint)
    again = load_checkpoint(tmp_path / "model.pt")
    assert_same_weights(checkpoint, again)
    assert again.targets == checkpoint.targets
    data = held_out(list(tasks))
    table = predictions_table(again, data, device=CPU).to_pandas()
    counts = table.groupby(["property", "fold"]).size()
    assert counts["formation_energy", "test"] == 15
    assert counts["dielectric", "test"] == (data.fold[:, 1] == TEST).sum()
    assert (table["spread"] > 0).all()
    assert ((table["lower"] <= table["prediction"]) & (table["prediction"] <= table["upper"])).all()
    by_id = dict(zip(data.features.jid, data.values[:, 0], strict=True))
    first = table[table["property"] == "formation_energy"]
    np.testing.assert_array_equal(first["target"], first["jid"].map(by_id))


def test_a_checkpoint_shows_the_settings_that_concern_it(tmp_path):
    """Of what the user wrote; keys of the other kind of model are not shown, and a fine-tuned one keeps its rate."""
    tasks = ("formation_energy", "dielectric")
    universal = fit(tmp_path / "multi", with_training(sampling="uniform", init="multitask"), tasks=tasks)
    tuned = fit(tmp_path / "single", with_training(sampling="uniform"), tasks=tasks[1:], init=universal)
    shown = {}
    for checkpoint in (universal, tuned):
        save_checkpoint(tmp_path / "model.pt", checkpoint)
        again = load_checkpoint(tmp_path / "model.pt")
        shown[again.task] = json.loads(again.settings.for_task(again.task))["training"]
        assert again.settings.training.learning_rate == SETTINGS.training.learning_rate
        header = json.loads(torch.load(tmp_path / "model.pt", weights_only=True)["header"])
        assert header["settings"]["training"] == shown[again.task]
    assert shown["multitask"]["sampling"] == "uniform"
    assert "init" not in shown["multitask"]
    assert {"sampling", "hold_out", "auxiliary", "task_weights"}.isdisjoint(shown["dielectric"])
    of_others = {"sampling", "hold_out", "auxiliary", "task_weights", "gpus_per_model"}
    assert set(shown["dielectric"]) | of_others == set(TrainingConfig.model_fields)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda header: header.update(version=3), "schema 3, this version reads"),
        (lambda header: header["summary"].pop("n_train"), "summary.n_train: not found"),
        (lambda header: header["summary"].update(fold="own"), "summary.fold: unknown key"),
        (lambda header: header["settings"]["training"].update(seed=1), "settings.training"),
    ],
)
def test_a_foreign_header_is_one_line_that_names_the_key(tmp_path, change, said):
    path = tmp_path / "model.pt"
    save_checkpoint(path, fit(tmp_path / "run"))
    content = torch.load(path, weights_only=True)
    header = json.loads(content["header"])
    change(header)
    torch.save(content | {"header": json.dumps(header)}, path)
    with pytest.raises(DataError, match=said) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_crystals_that_the_model_has_seen_are_not_scored(tmp_path):
    checkpoint = fit(tmp_path)
    save_checkpoint(tmp_path / "model.pt", checkpoint)
    checkpoint = load_checkpoint(tmp_path / "model.pt")
    data = training_data(["formation_energy"])
    fold = np.full(data.fold.shape, NONE, np.int8)
    fold[27:33] = TEST  # the last three training crystals, the first three of the validation fold
    measured = HeldOut(data.features, data.tasks, data.values, fold, data.zero, {"formation_energy": "eV/atom"})
    with pytest.raises(DataError, match="formation_energy: 3 of 6 held-out crystals were in the model's training fold"):
        predictions_table(checkpoint, measured, device=CPU)


def test_labels_in_another_unit_are_refused(tmp_path):
    data = training_data(["formation_energy", "piezoelectric"])
    checkpoint = train(data, tier="lite", task="multitask", settings=SETTINGS, run=tmp_path, device=CPU)
    units = {"formation_energy": "eV/atom", "piezoelectric": "C/m2"}
    other = replace(held_out(["formation_energy", "piezoelectric"]), units=units)
    with pytest.raises(DataError, match="piezoelectric: the model predicts pC/N, the labels are in C/m2"):
        predictions_table(checkpoint, other, device=CPU)


def test_damaged_checkpoint_is_one_line(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match="damaged, or not a file of this workflow"):
        load_checkpoint(tmp_path / "model.pt")
    with pytest.raises(DataError, match="not found"):
        load_checkpoint(tmp_path / "other.pt")
