"""Training: it learns, resumes exactly, stops when asked, lets a second trainer wait, survives damaged states."""

import json
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

from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.data.labels import NONE, TEST, TRAIN
from crystalmatrix.errors import ConfigError, DataError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.features import Features
from crystalmatrix.models.crystal import HEADS, CrystalModel
from crystalmatrix.models.registry import ARCHITECTURES
from crystalmatrix.tiers import TierConfig, TrainingConfig
from crystalmatrix.trained.checkpoint import load_checkpoint, save_checkpoint
from crystalmatrix.trained.held_out import HeldOut
from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training import loop, run
from crystalmatrix.training.objective import Objective
from crystalmatrix.training.run import train, weights_digest
from crystalmatrix.training.state import PREVIOUS, STATE, run_lock
from crystalmatrix.training.stop import TrainingStoppedError

from ..models.cases import GRAPH, graphs_of
from .cases import SETTINGS, held_out, rock_salts, training_data, with_training

CPU = torch.device("cpu")
# states are written at every step, so that a kill finds one anywhere; dropout draws random numbers in every step
EAGER = with_training(save_every_seconds=1e-6)
EAGER = EAGER.model_copy(update={"model": EAGER.model.model_copy(update={"dropout": 0.2})})


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def fit(run: Path, settings=SETTINGS, tasks=("formation_energy",), init=None, window_atoms=None):
    data = training_data(list(tasks))
    if window_atoms is not None:
        limit = window_atoms * data.features.bytes_per_atom
        data = replace(data, features=replace(data.features, limit=limit))
    return train(
        data, tier="lite", task=tasks[0] if len(tasks) == 1 else "multitask",
        settings=settings, run=run, device=CPU, init=init,
    )  # fmt: skip


def formulas_of(data):
    return reduced_formulas(data.features.species, data.features.atom_pointer)


def assert_same_weights(first, second):
    for one, other in zip(first.members, second.members, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            assert torch.equal(one[name], other[name]), name


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


def test_bfloat16_stays_near_float32(tmp_path):
    settings = [with_training(precision=precision) for precision in ("float32", "bfloat16")]
    runs = [fit(tmp_path / one.training.precision, one).summary.history for one in settings]
    expected, found = (history[-1].val_mae["formation_energy"] for history in runs)
    assert found == pytest.approx(expected, rel=0.05)
    assert [entry.train_loss for entry in runs[0]] != [entry.train_loss for entry in runs[1]]


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_what_is_predicted_is_what_was_validated(tmp_path, precision):
    """Steps may be in lower precision; validation, calibration and prediction are in float32, and agree."""
    checkpoint = fit(tmp_path, with_training(precision=precision))
    table = predictions_table(checkpoint, held_out(["formation_energy"]), device=CPU).to_pandas()
    held = table[table["fold"] == "val"]
    error = (held["prediction"] - held["target"]).abs()
    best = min(entry.val_mae["formation_energy"] for entry in checkpoint.summary.history)
    assert best == pytest.approx(error.mean(), rel=1e-6)
    residual = checkpoint.calibration["formation_energy"].residual
    np.testing.assert_allclose(np.sort(residual), np.sort(error), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("precision", "expected"), [("float32", "highest"), ("tf32", "high"), ("bfloat16", "high")])
def test_steps_alone_are_in_lower_precision(tmp_path, monkeypatch, precision, expected):
    inside, outside = set(), set()
    backward, validate = loop.Trainer._backward, loop.Trainer._validation_errors

    def watched(function, seen):
        def watch(self, *arguments):
            seen.add((torch.get_float32_matmul_precision(), torch.is_autocast_enabled("cpu")))
            return function(self, *arguments)

        return watch

    monkeypatch.setattr(loop.Trainer, "_backward", watched(backward, inside))
    monkeypatch.setattr(loop.Trainer, "_validation_errors", watched(validate, outside))
    fit(tmp_path, with_training(precision=precision))
    assert inside == {(expected, False)}  # autocast wraps the forward pass alone
    assert outside == {("highest", False)}


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


def test_energy_is_power_times_time(tmp_path, monkeypatch):
    assert fit(tmp_path / "a").summary.energy_joules is None  # the CPU does not tell
    monkeypatch.setattr(loop, "power_watts", lambda device: 50.0)
    summary = fit(tmp_path / "b", with_training(seeds=2)).summary
    assert summary.energy_joules == pytest.approx(50 * summary.train_seconds)


def test_energy_goes_on_where_a_run_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "power_watts", lambda device: 50.0)
    update = loop.Trainer._update_average

    def update_and_signal(self):
        update(self)
        if self.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(loop.Trainer, "_update_average", update_and_signal)
        with pytest.raises(TrainingStoppedError):
            fit(tmp_path)
    before = torch.load(tmp_path / "seed-0" / STATE, weights_only=True)
    assert before["joules"] == pytest.approx(50 * before["seconds"])
    summary = fit(tmp_path).summary
    assert summary.train_seconds > before["seconds"]
    assert summary.energy_joules == pytest.approx(50 * summary.train_seconds)


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


def test_out_of_memory_computes_in_parts(tmp_path, monkeypatch, capsys):
    """The gradient of a batch in parts is that of the batch: same weights up to rounding."""
    backward, failures = loop.Trainer._backward, []

    def fail_once(self, crystals, n_batch):
        if self.chunks == 1:
            failures.append(len(crystals))
            raise torch.OutOfMemoryError("simulated")
        return backward(self, crystals, n_batch)

    monkeypatch.setattr(loop.Trainer, "_backward", fail_once)
    in_parts = fit(tmp_path / "a")
    monkeypatch.undo()
    whole = fit(tmp_path / "b")
    assert len(failures) == 1
    assert "out of memory" in capsys.readouterr().out
    for name, tensor in whole.members[0].items():
        torch.testing.assert_close(in_parts.members[0][name], tensor, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_parts_of_a_batch_are_the_batch_unless_it_is_normalised(tmp_path, architecture):
    """Which models may be computed in parts: with batch statistics, the outputs depend on the other crystals."""
    config = TierConfig.parse({"model": {"architecture": architecture}}).model
    dataset = Dataset(Features.of_graphs(graphs_of(rock_salts(12)), View.of(GRAPH, config)), CPU)
    torch.manual_seed(0)
    model = CrystalModel(config, outputs_per_head=[1]).train()
    crystals = np.arange(12)
    whole = model(dataset.batch(crystals))
    parts = torch.cat([model(dataset.batch(part)) for part in np.array_split(crystals, 3)])
    same = torch.allclose(whole, parts, atol=1e-5)
    assert same == loop.is_divisible(model)
    assert same or architecture == "cgcnn"


def test_out_of_memory_with_batch_statistics_is_one_line(tmp_path, monkeypatch):
    """Parts of a batch would be another model, silently."""

    def fail(self, crystals, n_batch):
        raise torch.OutOfMemoryError("simulated")

    monkeypatch.setattr(loop.Trainer, "_backward", fail)
    settings = TierConfig.parse({**SETTINGS.model_dump(), "model": {"architecture": "cgcnn", "channels": 8}})
    with pytest.raises(
        ConfigError, match=r"batch_size: found 8, .* cgcnn normalises over a batch.*; expected a smaller"
    ):
        fit(tmp_path, settings)


def test_dropout_after_out_of_memory_is_that_of_the_step(tmp_path, monkeypatch):
    """The random numbers of a step do not depend on how far an attempt that failed had come."""
    backward = loop.Trainer._backward

    def fail_after_drawing(self, crystals, n_batch):
        if self.chunks == 1:
            torch.rand(7)
            raise torch.OutOfMemoryError("simulated")
        return backward(self, crystals, n_batch)

    def in_two(self, *arguments, **keywords):
        start(self, *arguments, **keywords)
        self.chunks = 2

    with monkeypatch.context() as patched:
        patched.setattr(loop.Trainer, "_backward", fail_after_drawing)
        failed = fit(tmp_path / "a", EAGER)
    start = loop.Trainer.__init__
    monkeypatch.setattr(loop.Trainer, "__init__", in_two)
    assert_same_weights(failed, fit(tmp_path / "b", EAGER))


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
    assert set(shown["dielectric"]) | {"sampling", "hold_out", "auxiliary", "task_weights"} == set(
        TrainingConfig.model_fields
    )


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


def test_divergence_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"validation error of epoch 1 is nan, expected a number: training diverged"):
        fit(tmp_path, with_training(learning_rate=1e30, gradient_clip=1e30, warmup=0.0))


def test_damaged_checkpoint_is_one_line(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "model.pt")
    with pytest.raises(DataError, match="not found"):
        load_checkpoint(tmp_path / "other.pt")
