"""Training that was stopped: it resumes exactly, lets a second trainer wait, and survives damaged states."""

import functools
import itertools
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from crystalmatrix.training import loop, members
from crystalmatrix.training.members import weights_digest
from crystalmatrix.training.state import PREVIOUS, STATE, run_lock
from crystalmatrix.training.stop import StopRequest, TrainingStoppedError

from .cases import SETTINGS, training_data, with_training
from .fitting import EAGER, assert_same_weights, fit, terminated_at_step


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


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """window_atoms -> the checkpoint of a run that nobody stops; trained once."""

    @functools.cache
    def trained(window_atoms):
        return fit(tmp_path_factory.mktemp("whole"), EAGER, window_atoms=window_atoms)

    return trained


@pytest.mark.parametrize(("after_states", "window_atoms"), [(1, None), (6, None), (11, None), (2, 20), (7, 20)])
def test_kill_and_resume_is_exact(tmp_path, uninterrupted, after_states, window_atoms):
    """kill -9 while a state is written; the second run ends with the weights of an uninterrupted one, bit for bit.

    Also within a window of a set that is larger than memory.
    """
    run = tmp_path / "killed"
    child = multiprocessing.get_context("fork").Process(target=_train_in_child, args=(run, after_states, window_atoms))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert (run / "seed-0" / STATE).exists()
    assert_same_weights(fit(run, EAGER, window_atoms=window_atoms), uninterrupted(window_atoms))


def test_windows_are_another_order(tmp_path):
    """The control of the above: a window that does not hold the set changes the weights, one that does changes none."""
    whole = fit(tmp_path / "whole")
    assert_same_weights(fit(tmp_path / "large", window_atoms=1000), whole)
    with pytest.raises(AssertionError):
        assert_same_weights(fit(tmp_path / "small", window_atoms=20), whole)


def test_signal_saves_and_stops(tmp_path, monkeypatch):
    """SIGTERM at a step: the state is there, the error names the signal, and the rerun is exact."""
    terminated_at_step(5, monkeypatch)
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
    monkeypatch.setattr(members, "STATE_VERSION", members.STATE_VERSION - 1)
    fit(tmp_path)
    monkeypatch.undo()
    fit(tmp_path)
    assert "starting afresh" in capsys.readouterr().out


def test_finished_run_trains_nothing(tmp_path, capsys):
    fit(tmp_path)
    capsys.readouterr()
    fit(tmp_path)
    assert "epoch 1/" not in capsys.readouterr().out


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


def test_states_are_written_where_epochs_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second at each look: an epoch is shorter than the 30 s between two states."""
    clock, save, steps = itertools.count(), loop.save_state, []

    def save_and_note(folder: Path, state: dict[str, Any]) -> None:
        steps.append(state["step"])
        save(folder, state)

    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    monkeypatch.setattr(loop, "save_state", save_and_note)
    fit(tmp_path, with_training(save_every_seconds=30, min_epochs=12, max_epochs=12, crystals_seen=1000))
    epoch = steps[-1] / 12
    assert epoch < 30
    assert len(steps) > 2, "the last is that of the end"
    assert np.diff(steps).max() <= 30


def test_a_scheduler_that_signals_again_is_not_obeyed_twice() -> None:
    """Slurm does at a time limit, from several places, while the state is being written; Ctrl-C twice means it."""
    ended: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: ended.append(number))
    interrupted = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started us aside
    try:
        stop = StopRequest()
        with stop.listening():
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGTERM)
            assert (stop.number, ended) == (signal.SIGTERM, [])
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.number == signal.SIGINT
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert ended == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupted)
