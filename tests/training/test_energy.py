"""The energy of a training: power over time, however the power moves."""

import math
import os
import signal

import pytest
import torch

from crystalmatrix.training import loop
from crystalmatrix.training.energy import SECONDS_BETWEEN_READINGS, EnergyMeter
from crystalmatrix.training.state import STATE
from crystalmatrix.training.stop import TrainingStoppedError

from .cases import with_training
from .fitting import fit


class Gpu:
    """300 W in the first half of every minute, 60 W in the other, and a clock that its steps move."""

    def __init__(self):
        self.now = 0.0
        self.readings = 0

    def watts(self):
        self.readings += 1
        return 300.0 if self.now % 60 < 30 else 60.0


def spend(meter, gpu, *, seconds, step):
    meter.start(gpu.now)
    end = gpu.now + seconds
    while gpu.now < end:
        gpu.now += step
        meter.read_if_due(gpu.now)
    meter.read(gpu.now)


@pytest.mark.parametrize("step", [0.01, 0.3, 2.5])
def test_a_power_that_changes_within_an_epoch_is_integrated(step):
    gpu = Gpu()
    meter = EnergyMeter(gpu.watts)
    spend(meter, gpu, seconds=600, step=step)
    assert meter.joules == pytest.approx(10 * 30 * 360, rel=0.03)
    assert gpu.readings <= 600 / SECONDS_BETWEEN_READINGS + 2
    at_the_end = gpu.watts() * gpu.now  # one reading an epoch
    assert not math.isclose(at_the_end, 10 * 30 * 360, rel_tol=0.3)


def test_what_lies_between_spans_does_not_count():
    gpu = Gpu()
    meter = EnergyMeter(gpu.watts)
    spend(meter, gpu, seconds=10, step=0.5)
    first = meter.joules
    gpu.now += 1000  # validation
    spend(meter, gpu, seconds=10, step=0.5)
    assert meter.joules - first <= 10.5 * 300


def test_no_one_tells():
    meter = EnergyMeter(lambda: None)
    spend(meter, Gpu(), seconds=5, step=0.5)
    assert meter.joules is None


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
