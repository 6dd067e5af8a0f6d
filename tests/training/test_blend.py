"""Models that read descriptors, from training to a file and back; the kernel against scikit-learn, weights by force."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.svm import SVR

from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.data.labels import TRAIN
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.features import Features
from crystalmatrix.models.descriptors import CLIP, LinearReference
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import load_checkpoint, save_checkpoint
from crystalmatrix.trained.prediction import member_values, predict
from crystalmatrix.training.blend import least_absolute
from crystalmatrix.training.labels import TrainingData
from crystalmatrix.training.run import train
from crystalmatrix.training.support import pooled

from ..models.cases import GRAPH, described_by_hand, graphs_of
from .cases import rock_salts, training_data

READOUT = {"architecture": "readout", "channels": 8, "layers": 1, "descriptors": ["chgnet"]}
NETWORK = {
    "architecture": "equivariant", "channels": 8, "edge_channels": 8, "layers": 1, "l_max": 1,
    "descriptors": ["chgnet"], "components": 12, "pooling": "moments",
}  # fmt: skip
KERNEL = {"architecture": "kernel", "descriptors": ["chgnet"], "components": 12}
BLEND = {"architecture": "blend", "members": [READOUT, NETWORK, KERNEL]}
CPU = torch.device("cpu")
N = 60


def settings_of(model: dict, **training: object) -> TierConfig:
    keys = {"crystals_seen": 200, "max_epochs": 3, "min_epochs": 3, "batch_size": 8, "learning_rate": 0.01}
    return TierConfig.parse({"model": model, "training": keys | training})


def data_for(settings: TierConfig, tasks: list[str]) -> TrainingData:
    """The rock salts of cases.py, with descriptors made by hand."""
    plain, crystals = training_data(tasks, N), rock_salts(N)
    described = described_by_hand(crystals, settings.model)  # type: ignore[arg-type]
    features = Features.of_graphs(graphs_of(crystals), View.of(GRAPH, settings.model), described)
    values = {name: getattr(plain, name) for name in plain.__dataclass_fields__}
    return TrainingData(**values | {"features": features.select(np.arange(3 * N // 4))})


def trained(tmp_path: Path, model: dict, tasks: list[str], **training: object):
    settings = settings_of(model, **training)
    data = data_for(settings, tasks)
    task = "multitask" if len(tasks) > 1 else tasks[0]
    return train(data, tier="t", task=task, settings=settings, run=tmp_path / "run", device=CPU), data


def predicted(checkpoint, data: TrainingData) -> np.ndarray:
    formulas = reduced_formulas(data.features.species, data.features.atom_pointer)
    dataset, every = Dataset(data.features, CPU), np.arange(data.features.n_crystals)
    return predict(
        checkpoint.models(CPU), dataset, every,
        targets=checkpoint.targets, formulas=formulas, zero=data.zero, weights=checkpoint.used_weights,
    )[0]  # fmt: skip


@pytest.mark.parametrize("model", [READOUT, NETWORK, KERNEL, BLEND], ids=lambda model: model["architecture"])
@pytest.mark.parametrize("tasks", [["formation_energy"], ["formation_energy", "dielectric"]], ids=["one", "two"])
def test_a_checkpoint_predicts_the_same_after_a_round_trip(tmp_path: Path, model: dict, tasks: list[str]) -> None:
    checkpoint, data = trained(tmp_path, model, tasks)
    save_checkpoint(tmp_path / "model.pt", checkpoint)
    found = load_checkpoint(tmp_path / "model.pt")
    np.testing.assert_array_equal(predicted(found, data), predicted(checkpoint, data))
    assert found.summary.potentials == ("chgnet",)
    taught = data.fold[:, 0] == TRAIN
    error = np.abs(predicted(found, data)[taught, 0] - data.values[taught, 0]).mean()
    assert error < 0.9 * checkpoint.targets[0].deviation  # something is learned


def test_a_blend_is_the_weighted_mean_of_its_members(tmp_path: Path) -> None:
    checkpoint, data = trained(tmp_path, BLEND, ["formation_energy"], seeds=2)
    assert len(checkpoint.members) == 6
    assert checkpoint.weights is not None
    assert (checkpoint.weights >= 0).all()
    np.testing.assert_allclose(checkpoint.weights.sum(axis=0), 1)
    formulas = reduced_formulas(data.features.species, data.features.atom_pointer)
    dataset, every = Dataset(data.features, CPU), np.arange(data.features.n_crystals)
    of_members = member_values(
        checkpoint.models(CPU), dataset, every, targets=checkpoint.targets, formulas=formulas, zero=data.zero
    )
    expected = sum(w * values for w, values in zip(checkpoint.weights[:, 0], of_members[:, :, 0], strict=True))
    np.testing.assert_allclose(predicted(checkpoint, data)[:, 0], expected)
    assert np.ptp(of_members[:, :, 0], axis=0).max() > 1e-3  # the control: members differ


def test_a_member_that_counts_for_nothing_is_left_out_of_the_file(tmp_path: Path) -> None:
    checkpoint, data = trained(tmp_path, BLEND, ["formation_energy"])
    whole = replace(checkpoint, weights=np.array([[0.6], [0.0], [0.4]]))
    lean = whole.without_idle()
    assert lean.used == [0, 2]
    np.testing.assert_array_equal(predicted(lean, data), predicted(whole, data))
    for name, one in {"whole": whole, "lean": lean}.items():
        save_checkpoint(tmp_path / f"{name}.pt", one)
    assert (tmp_path / "lean.pt").stat().st_size < (tmp_path / "whole.pt").stat().st_size
    np.testing.assert_array_equal(predicted(load_checkpoint(tmp_path / "lean.pt"), data), predicted(whole, data))


def test_half_parameters_give_nearly_the_same(tmp_path: Path) -> None:
    checkpoint, data = trained(tmp_path, BLEND, ["formation_energy"])
    save_checkpoint(tmp_path / "half.pt", checkpoint.with_half_parameters())
    found = predicted(load_checkpoint(tmp_path / "half.pt"), data)
    deviation = checkpoint.targets[0].deviation
    assert 0 < np.abs(found - predicted(checkpoint, data)).max() < 0.01 * deviation


def test_a_killed_blend_trains_only_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    first, _ = trained(tmp_path, BLEND, ["formation_energy"])
    capsys.readouterr()
    again, _ = trained(tmp_path, BLEND, ["formation_energy"])
    assert "epoch 1/" not in capsys.readouterr().out
    for one, other in zip(first.members, again.members, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_kernel_says_what_scikit_learn_says(tmp_path: Path) -> None:
    checkpoint, data = trained(tmp_path, KERNEL, ["formation_energy"], composition_reference=False)
    model, dataset = checkpoint.models(CPU)[0], Dataset(data.features, CPU)
    rows = np.flatnonzero(data.fold[:, 0] == TRAIN)
    target = checkpoint.targets[0]
    features = pooled(model, dataset, np.arange(data.features.n_crystals))
    label = (data.values[rows, 0] - target.steps[-1].centre) / target.steps[-1].scale  # type: ignore[union-attr]
    config = settings_of(KERNEL).model
    deviation, gamma = label.std(), config.width / features.shape[1]
    machine = SVR(C=config.cost * deviation, epsilon=config.tube * deviation, gamma=gamma)
    expected = machine.fit(features[rows], label).predict(features)
    with torch.no_grad():
        found = model(dataset.batch(np.arange(data.features.n_crystals))).numpy()[:, 0]
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert np.abs(expected - expected.mean()).max() > 0.5  # the control: it is no constant


def test_a_large_set_is_drawn_from_and_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    checkpoint, _ = trained(tmp_path, {**KERNEL, "most_crystals": 10}, ["formation_energy"])
    assert len(checkpoint.members[0]["readout.vectors"]) <= 10
    assert "30 training crystals, of which 10 are drawn at random for the kernel" in capsys.readouterr().out


def test_weights_are_the_best_of_a_grid() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=200)
    predictions = values[:, None] + random.normal(scale=[0.5, 0.7, 2.0], size=(200, 3))
    found = least_absolute(predictions, values)
    grid = [np.array([a, b, 20 - a - b]) / 20 for a, b in product(range(21), repeat=2) if a + b <= 20]
    best = min(np.abs(predictions @ weights - values).mean() for weights in grid)
    assert np.abs(predictions @ found - values).mean() <= best + 1e-9
    assert found.argmin() == 2
    assert np.abs(predictions.mean(axis=1) - values).mean() > best  # the control: equal weights are worse


def test_the_linear_reference_finds_what_is_linear() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(300, 100 + 5))
    label = features @ random.normal(size=105) + 2.0
    reference = LinearReference(5, 2)
    reference.fit(np.pad(features, ((0, 0), (0, len(reference.weight) - 105))), label, output=1)
    weight, bias = reference.weight[:105, 1].numpy(), float(reference.bias[1])
    np.testing.assert_allclose(features @ weight + bias, label, atol=0.05)
    assert float(reference.scale[1]) < 0.05
    assert float(reference.weight[:, 0].abs().max()) == 0  # the other output is untouched


def test_noise_is_hardly_fitted() -> None:
    """Nearly as many features as labels, and nothing to find: on new crystals no worse than a constant."""
    random = np.random.default_rng(2)
    reference = LinearReference(5, 1)
    shape = (len(reference.weight) + 10, len(reference.weight))
    features, label, new, new_label = (random.normal(size=size) for size in (shape, shape[0], (1000, shape[1]), 1000))
    reference.fit(features, label, output=0)
    constant = np.abs(new_label - label.mean()).mean()
    fitted = new @ reference.weight[:, 0].numpy() + float(reference.bias[0])
    exact = new @ np.linalg.lstsq(features, label, rcond=None)[0]
    assert np.abs(fitted - new_label).mean() < 1.1 * constant
    assert np.abs(exact - new_label).mean() > 1.5 * constant  # the control: least squares


def test_what_is_not_described_counts_with_the_mean(tmp_path: Path) -> None:
    checkpoint, data = trained(tmp_path, READOUT, ["formation_energy"])
    model, batch = checkpoint.models(CPU)[0], Dataset(data.features, CPU).batch(np.arange(5))
    described = model.described
    assert described is not None
    unknown = batch._replace(descriptors=torch.full_like(batch.descriptors, torch.nan))
    assert float(described(unknown).abs().max()) == 0
    assert float(described(batch._replace(descriptors=batch.descriptors + 1e6)).max()) == CLIP
    with torch.no_grad():
        assert torch.isfinite(model(unknown)).all()
