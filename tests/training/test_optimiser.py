"""The two optimisers: every parameter is in one, both learn, and a stopped training with Muon goes on bit for bit."""

from pathlib import Path
from typing import Any

import pytest
import torch

from crystalmatrix.models.crystal import HEADS
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import build_model
from crystalmatrix.training import run
from crystalmatrix.training.objective import Objective
from crystalmatrix.training.optimiser import matrices, optimisers
from crystalmatrix.training.state import STATE
from crystalmatrix.training.stop import TrainingStoppedError

from .cases import SETTINGS, training_data, with_training
from .fitting import CPU, assert_same_weights, fit, formulas_of, terminated_at_step

MUON = with_training(optimiser="muon")


def built(settings: TierConfig):
    data = training_data(["formation_energy", "dielectric"])
    targets = run.fit_targets(data, formulas_of(data), settings=settings)
    objective = Objective(data, targets, formulas_of(data), config=settings.training, device=CPU)
    return build_model(settings, targets), objective


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_every_parameter_has_one_optimiser(kind):
    """Those of the objective (the scales of learned task weights) as well."""
    settings = with_training(optimiser=kind, task_weights="learned")
    model, objective = built(settings)
    found = optimisers(model, objective, settings.training)
    taken = [id(p) for optimiser in found for group in optimiser.param_groups for p in group["params"]]
    assert sorted(taken) == sorted(id(p) for p in (*model.parameters(), *objective.parameters()))
    assert len(found) == (2 if kind == "muon" else 1)


def test_matrices_are_neither_embeddings_nor_heads():
    model, _ = built(SETTINGS)
    taken = {id(p) for p in matrices(model)}
    chosen = {name for name, parameter in model.named_parameters() if id(parameter) in taken}
    assert {"trunk.edge_input.weight", "trunk.layers.0.left.maps.1.weight", "readout.atom.0.weight"} <= chosen
    rest = {name for name, parameter in model.named_parameters() if parameter.ndim == 2} - chosen
    assert all("embedding" in name or "gain" in name or name.startswith(HEADS) for name in rest)
    assert {"trunk.embedding.weight", "trunk.layers.0.gain.weight"} < rest


def test_steps_of_muon_are_as_long_as_those_of_adamw():
    """Root mean square 0.2 times the rate, in whichever shape of matrix, up to what its five iterations leave."""
    model, objective = built(MUON)
    found = optimisers(model, objective, MUON.training)
    before = [p.detach().clone() for p in matrices(model)]
    for optimiser in found:
        for group in optimiser.param_groups:
            group["lr"] = 0.01
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    found[1].step()
    for p, old in zip(matrices(model), before, strict=True):
        step = (p.detach() - old).square().mean().sqrt() / 0.01
        assert step == pytest.approx(0.2, rel=0.4)


def test_both_learn_and_differ(tmp_path):
    long = {"crystals_seen": 3000, "max_epochs": 60, "composition_reference": False}
    adamw, muon = (fit(tmp_path / kind, with_training(optimiser=kind, **long)) for kind in ("adamw", "muon"))
    for checkpoint in (adamw, muon):
        assert checkpoint.summary.history[0].train_loss > 0.5
        assert checkpoint.summary.history[-1].train_loss < 0.1
    with pytest.raises(AssertionError):
        assert_same_weights(adamw, muon)


def test_a_stopped_training_with_muon_goes_on_bit_for_bit(tmp_path, monkeypatch):
    """Its momentum too is in the state: without it the weights are others (the control)."""
    fit(tmp_path / "whole", MUON)
    for folder in ("a", "b"):
        terminated_at_step(5, monkeypatch)
        with pytest.raises(TrainingStoppedError):
            fit(tmp_path / folder, MUON)
        monkeypatch.undo()
    fit(tmp_path / "a", MUON)
    whole, resumed = last(tmp_path / "whole"), last(tmp_path / "a")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)

    path = tmp_path / "b/seed-0" / STATE
    torch.save(torch.load(path, weights_only=True) | {"optimisers": without_momentum(path)}, path)
    fit(tmp_path / "b", MUON)
    other = last(tmp_path / "b")
    assert not all(torch.equal(whole[name], other[name]) for name in whole)


def last(folder: Path) -> dict[str, torch.Tensor]:
    """The weights at the end, whichever epoch was the best."""
    return torch.load(folder / "seed-0" / STATE, weights_only=True)["model"]


def without_momentum(path: Path) -> list[dict[str, Any]]:
    adamw, muon = torch.load(path, weights_only=True)["optimisers"]
    return [adamw, muon | {"state": {}}]
