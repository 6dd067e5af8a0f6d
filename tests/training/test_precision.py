"""Steps may be in lower precision; what is validated, calibrated and predicted is in float32."""

import numpy as np
import pytest
import torch

from crystalmatrix.trained.table import predictions_table
from crystalmatrix.training import loop

from .cases import held_out, with_training
from .fitting import CPU, fit


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
