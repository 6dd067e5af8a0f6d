"""Training: it learns, the same from the same seed, and says what it does otherwise than asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.data.labels import TRAIN, VAL
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.models.crystal import HEADS, CrystalModel
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training import loop, run
from crystalmatrix.training.objective import Objective
from crystalmatrix.training.state import STATE

from .cases import SETTINGS, held_out, training_data, with_training
from .fitting import CPU, EAGER, assert_same_weights, fit, formulas_of


def test_learns(tmp_path):
    settings = with_training(crystals_seen=3000, max_epochs=100, composition_reference=False)
    losses = [entry.train_loss for entry in fit(tmp_path, settings).summary.history]
    assert losses[0] > 0.5  # 1 is the best constant
    assert losses[-1] < 0.05


@pytest.mark.parametrize("tasks", [("formation_energy",), ("formation_energy", "dielectric")])
def test_same_seed_same_weights(tmp_path, tasks):
    assert_same_weights(fit(tmp_path / "a", tasks=tasks), fit(tmp_path / "b", tasks=tasks))


def test_learned_task_weights_reach_the_optimiser(tmp_path):
    """The scales of the tasks move, each on its own, and a run that continues has them."""
    tasks = ["formation_energy", "dielectric"]
    fit(tmp_path, with_training(task_weights="learned"), tasks=tasks)
    state = torch.load(tmp_path / "seed-0" / STATE, weights_only=True)
    scale = state["objective"]["log_scale"]
    assert torch.all(scale != 0)
    assert scale[0] != scale[1]


def test_balanced_sampling_has_the_same_expectation():
    """Draws times weights: what every label contributes to an epoch on average, sampled or not."""
    data = training_data(["formation_energy", "dielectric"])
    formulas = formulas_of(data)
    targets = run.fit_targets(data, formulas, settings=SETTINGS)
    uniform, balanced = (
        Objective(data, targets, formulas, config=with_training(sampling=kind).training, device=CPU)
        for kind in ("uniform", "balanced")
    )
    draws = torch.zeros(len(data.fold), 1)
    draws[balanced.crystals, 0] = torch.from_numpy(balanced.share * len(balanced.crystals)).float()
    assert draws.max() > 1.5 * draws[balanced.crystals].min()  # it does not draw evenly
    torch.testing.assert_close(draws * balanced.weight, uniform.weight)
    rare = data.fold[:, 1] == TRAIN
    assert np.mean(rare[balanced.draw(seed=0, epoch=0)]) > 1.2 * np.mean(rare[uniform.draw(seed=0, epoch=0)])


def test_dropout_is_for_training_only(tmp_path):
    """It changes what is learned, and predictions do not depend on chance."""
    checkpoint = fit(tmp_path / "a", EAGER)
    with pytest.raises(AssertionError):
        assert_same_weights(checkpoint, fit(tmp_path / "b"))
    data = held_out(["formation_energy"])
    first, second = (predictions_table(checkpoint, data, device=CPU) for _ in range(2))
    assert first.equals(second)


# torch 2.13's compiler itself calls what torch deprecates
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_compiled_model_is_the_model():
    config = SETTINGS.model
    model = CrystalModel(config, outputs_per_head=[1])
    batch = Dataset(training_data(["ehull"]).features, CPU).batch(np.arange(5))
    expected = torch.autograd.grad(model(batch).sum(), list(model.parameters()), allow_unused=True)
    found = torch.autograd.grad(loop.compiled(model)(batch).sum(), list(model.parameters()), allow_unused=True)
    for one, other in zip(expected, found, strict=True):
        if one is not None:
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


def test_a_logarithm_that_cannot_be_is_said(capsys):
    data = training_data(["dielectric"])
    formulas = reduced_formulas(data.features.species, data.features.atom_pointer)
    run.fit_targets(data, formulas, settings=SETTINGS)
    assert capsys.readouterr().out == ""
    values = data.values.copy()
    values[:2, 0] = 0.0, -1.0
    run.fit_targets(replace(data, values=values), formulas, settings=SETTINGS)
    said = capsys.readouterr().out
    assert said.startswith("dielectric: 2 of 30 training values are not positive and have no logarithm: ")
    assert said.count("\n") == 1


def test_fine_tuning_starts_from_the_multitask_trunk(tmp_path):
    universal = fit(tmp_path / "multi", tasks=("formation_energy", "dielectric"))
    frozen = with_training(learning_rate=1e-12, ema_decay=0.0, weight_decay=0.0)
    tuned = fit(tmp_path / "single", frozen, tasks=("dielectric",), init=universal)
    assert (universal.summary.hold_out, tuned.summary.hold_out) == ("strict", "own")
    for name, tensor in tuned.members[0].items():
        source = name.replace(f"{HEADS}0.", f"{HEADS}1.")
        torch.testing.assert_close(tensor, universal.members[0][source], atol=1e-6, rtol=1e-6)


def test_any_checkpoint_can_be_a_start(tmp_path, capsys):
    """A multi-task model from a single-task one: its trunk and its one head; what it has seen is said."""
    start = fit(tmp_path / "start", tasks=("dielectric",))
    frozen = with_training(learning_rate=1e-12, ema_decay=0.0, weight_decay=0.0, init="start.pt")
    capsys.readouterr()
    found = fit(tmp_path / "both", frozen, tasks=("formation_energy", "dielectric"), init=start)
    assert "validation crystals were in the training" not in capsys.readouterr().out
    for name, tensor in start.members[0].items():
        source = name.replace(f"{HEADS}0.", f"{HEADS}1.")
        torch.testing.assert_close(found.members[0][source], tensor, atol=1e-6, rtol=1e-6)
    everything = training_data(["dielectric"])
    seen = replace(start, seen={"dielectric": everything.keys(everything.of_fold(TRAIN, VAL))})
    fit(tmp_path / "again", frozen, tasks=("dielectric",), init=seen)
    n = len(everything.of_fold(VAL))
    assert f"{n} of {n} validation crystals were in the training of lite/dielectric" in capsys.readouterr().out


def test_a_start_with_another_network_or_graph_is_one_line(tmp_path):
    start = fit(tmp_path / "start")
    wider = SETTINGS.model_copy(update={"model": SETTINGS.model.model_copy(update={"channels": 9})})
    with pytest.raises(DataError, match=r"training.init: lite/formation_energy is another network"):
        fit(tmp_path / "wider", wider, init=start)
    farther = replace(start, graph=start.graph.model_copy(update={"cutoff": 4.5}))
    with pytest.raises(DataError, match=r"training.init: lite/formation_energy was trained on other graphs"):
        fit(tmp_path / "farther", init=farther)
    with pytest.raises(ConfigError, match=r"did you mean 'scratch'"):
        with_training(init="scrach")


def test_divergence_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"validation error of epoch 1 is nan, expected a number: training diverged"):
        fit(tmp_path, with_training(learning_rate=1e30, gradient_clip=1e30, warmup=0.0))
