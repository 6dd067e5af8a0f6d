"""Training: it learns, resumes exactly, stops when asked, lets a second trainer wait, survives damaged states."""

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.data.labels import TRAIN
from crystalmatrix.errors import DataError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.models.crystal import HEADS, CrystalModel
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training import loop, run
from crystalmatrix.training.objective import Objective
from crystalmatrix.training.run import weights_digest
from crystalmatrix.training.state import PREVIOUS, STATE, run_lock
from crystalmatrix.training.stop import TrainingStoppedError

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


def _train_in_child(run: Path, after_states: int, window_atoms: int | None) -> None:
    torch.set_num_threads(1)
    save, written = loop.save_state, []

    def save_and_die(folder, state):
        if len(written) == after_states:  # in the middle of the next one
            (folder / f".{STATE}.{os.getpid()}.part").write_bytes(b"half a state")
            os.kill(os.getpid(), signal.SIGKILL)
        save(folder, state)
        written.append(folder)

    loop.save_state = save_and_die
    fit(run, EAGER, window_atoms=window_atoms)


def test_dropout_is_for_training_only(tmp_path):
    """It changes what is learned, and predictions do not depend on chance."""
    checkpoint = fit(tmp_path / "a", EAGER)
    with pytest.raises(AssertionError):
        assert_same_weights(checkpoint, fit(tmp_path / "b"))
    data = held_out(["formation_energy"])
    first, second = (predictions_table(checkpoint, data, device=CPU) for _ in range(2))
    assert first.equals(second)


@pytest.mark.parametrize(("after_states", "window_atoms"), [(1, None), (6, None), (11, None), (2, 20), (7, 20)])
def test_kill_and_resume_is_exact(tmp_path, after_states, window_atoms):
    """kill -9 while a state is written; the second run ends with the weights of an uninterrupted one, bit for bit.

    Also within a window of a set that is larger than memory.
    """
    run = tmp_path / "killed"
    child = multiprocessing.get_context("fork").Process(target=_train_in_child, args=(run, after_states, window_atoms))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert (run / "seed-0" / STATE).exists()
    whole = fit(tmp_path / "whole", EAGER, window_atoms=window_atoms)
    assert_same_weights(fit(run, EAGER, window_atoms=window_atoms), whole)


def test_windows_are_another_order(tmp_path):
    """The control of the above: a window that does not hold the set changes the weights, one that does changes none."""
    whole = fit(tmp_path / "whole")
    assert_same_weights(fit(tmp_path / "large", window_atoms=1000), whole)
    with pytest.raises(AssertionError):
        assert_same_weights(fit(tmp_path / "small", window_atoms=20), whole)


def test_signal_saves_and_stops(tmp_path, monkeypatch):
    """SIGTERM at a step: the state is there, the error names the signal, and the rerun is exact."""
    update = loop.Trainer._update_average

    def update_and_signal(self):
        update(self)
        if self.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop.Trainer, "_update_average", update_and_signal)
    with pytest.raises(TrainingStoppedError) as stopped:
        fit(tmp_path / "a")
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    monkeypatch.undo()
    assert torch.load(tmp_path / "a" / "seed-0" / STATE, weights_only=True)["step"] == 5
    assert_same_weights(fit(tmp_path / "a"), fit(tmp_path / "b"))


def test_damaged_state_falls_back(tmp_path, capsys):
    checkpoint = fit(tmp_path / "a", EAGER)
    state = tmp_path / "a" / "seed-0" / STATE
    assert (tmp_path / "a" / "seed-0" / PREVIOUS).exists()
    state.write_bytes(state.read_bytes()[:1000])
    assert_same_weights(fit(tmp_path / "a", EAGER), checkpoint)
    assert "damaged" in capsys.readouterr().out


def test_other_settings_start_afresh(tmp_path, capsys):
    fit(tmp_path)
    fit(tmp_path, with_training(learning_rate=0.02))
    assert "other settings" in capsys.readouterr().out


def test_state_of_another_version_starts_afresh(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "STATE_VERSION", run.STATE_VERSION - 1)
    fit(tmp_path)
    monkeypatch.undo()
    fit(tmp_path)
    assert "starting afresh" in capsys.readouterr().out


def test_finished_run_trains_nothing(tmp_path, capsys):
    fit(tmp_path)
    capsys.readouterr()
    fit(tmp_path)
    assert "epoch 1/" not in capsys.readouterr().out


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


def test_second_trainer_waits_for_the_first(tmp_path, capsys):
    """Left over from a killed snakemake, the first still works; the second goes on when it is gone."""
    held, ended = threading.Event(), []

    def first():
        with run_lock(tmp_path):
            held.set()
            time.sleep(0.5)
            ended.append(True)

    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    with run_lock(tmp_path):
        assert ended
    thread.join()
    assert "another trainer works here" in capsys.readouterr().out


def test_fine_tuning_starts_from_the_multitask_trunk(tmp_path):
    universal = fit(tmp_path / "multi", tasks=("formation_energy", "dielectric"))
    frozen = with_training(learning_rate=1e-12, ema_decay=0.0, weight_decay=0.0)
    tuned = fit(tmp_path / "single", frozen, tasks=("dielectric",), init=universal)
    assert (universal.summary.hold_out, tuned.summary.hold_out) == ("strict", "own")
    for name, tensor in tuned.members[0].items():
        source = name.replace(f"{HEADS}0.", f"{HEADS}1.")
        torch.testing.assert_close(tensor, universal.members[0][source], atol=1e-6, rtol=1e-6)


def test_another_trunk_starts_afresh(tmp_path):
    """A finished state is not taken for the result of fine-tuning other weights with the same settings."""
    task, trunk = ("dielectric",), with_training(max_epochs=4)
    universal = [
        fit(tmp_path / f"multi-{rate}", with_training(learning_rate=rate), tasks=("formation_energy", *task))
        for rate in (0.01, 0.02)
    ]
    universal[1] = replace(universal[1], settings=universal[0].settings)
    first, second = (fit(tmp_path / "single", trunk, tasks=task, init=init) for init in universal)
    assert_same_weights(second, fit(tmp_path / "alone", trunk, tasks=task, init=universal[1]))
    with pytest.raises(AssertionError):
        assert_same_weights(first, second)


def test_digest_leaves_out_what_changes_no_weight():
    data = training_data(["formation_energy"])
    digest = weights_digest(data, SETTINGS, None, 0)
    assert weights_digest(data, with_training(seeds=5, save_every_seconds=9), None, 0) == digest
    assert weights_digest(data, with_training(learning_rate=0.02), None, 0) != digest
    assert weights_digest(data, SETTINGS, None, 1) != digest


def test_divergence_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"validation error of epoch 1 is nan, expected a number: training diverged"):
        fit(tmp_path, with_training(learning_rate=1e30, gradient_clip=1e30, warmup=0.0))
