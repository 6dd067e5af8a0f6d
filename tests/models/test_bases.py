"""The radial basis tells all distances apart that a graph can have, and the envelope ends smoothly."""

import numpy as np
import pytest
import torch

from crystalmatrix.config import GraphConfig
from crystalmatrix.models.bases import FARTHEST, envelope, gaussians

from .cases import CONFIGS, model_of
from .checks import Crystal
from .exact import exact_batch


def ends_at_six(distance, *, n_radial):
    """A basis in the distance itself, as it was: the control."""
    centre = torch.linspace(0.5, 6.0, n_radial, dtype=distance.dtype)
    return torch.exp(-0.5 * ((distance.unsqueeze(-1) - centre) / (5.5 / (n_radial - 1))) ** 2)


@pytest.mark.parametrize("n_radial", [2, 8, 41])
def test_no_distance_is_out_of_sight(n_radial):
    """Up to 130 Å, where any search ends, some function is well above zero."""
    distance = torch.linspace(0.95, 130, 2000, dtype=torch.float64)
    assert gaussians(distance, n_radial=n_radial).amax(-1).min() > 0.5
    assert ends_at_six(distance, n_radial=n_radial).amax(-1).min() < 1e-6


@pytest.mark.parametrize("cutoff", [5.0, 8.0, 12.0])
def test_every_distance_up_to_the_largest_cutoff_is_resolved(cutoff):
    assert GraphConfig(cutoff=cutoff).cutoff <= FARTHEST
    near = torch.tensor([0.9, 0.95, 1.0], dtype=torch.float64) * cutoff
    for basis, expected in ((gaussians, True), (ends_at_six, cutoff < FARTHEST)):
        step = basis(near, n_radial=8).diff(dim=0).abs().amax(-1)
        assert (step.min() > 0.01) == expected


def test_neighbours_of_an_isolated_atom_count():
    """All 13 neighbours of the atom are 9 Å away or farther, and its features say how far."""
    config = CONFIGS["lite"]
    model = model_of(config)
    crystals = [
        Crystal(np.array([10], np.uint8), np.zeros((1, 3)), a * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.9]]) / 2**0.5)
        for a in (9.0, 9.5)
    ]
    with torch.no_grad():
        first, second = model.trunk(exact_batch(crystals, config))
    assert (first - second).abs().max() > 1e-3


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_envelope_ends_with_two_vanishing_derivatives(order):
    ratio = torch.tensor([0.0, 1 - 1e-6, 1.0, 1.1], dtype=torch.float64, requires_grad=True)
    value = envelope(ratio)
    for _ in range(order):
        (value,) = torch.autograd.grad(value.sum(), ratio, create_graph=True)
    expected = torch.tensor([float(order == 0), 0, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(value.detach(), expected, atol=1e-3, rtol=0)
