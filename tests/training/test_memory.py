"""Out of memory: a batch in parts where that is the batch, one line where it is not."""

import numpy as np
import pytest
import torch

from crystalmatrix.contracts.view import View
from crystalmatrix.errors import ConfigError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.features import Features
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.models.registry import ARCHITECTURES, DESCRIPTORS
from crystalmatrix.tiers import TierConfig
from crystalmatrix.training import loop

from ..models.cases import GRAPH, described_by_hand, graphs_of
from .cases import SETTINGS, rock_salts
from .fitting import CPU, EAGER, assert_same_weights, fit


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
    reads = {"descriptors": ["chgnet"]} if DESCRIPTORS in ARCHITECTURES[architecture].needs else {}
    config = TierConfig.parse({"model": {"architecture": architecture, **reads}}).model
    crystals = rock_salts(12)
    described = described_by_hand(crystals, config)
    dataset = Dataset(Features.of_graphs(graphs_of(crystals), View.of(GRAPH, config), described), CPU)
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
