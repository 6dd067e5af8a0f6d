"""What every architecture must satisfy: the symmetries of a crystal, independence of the batch, smoothness."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from .cases import ARCHITECTURES, Crystal, batch_of, model_of, random_crystal

# inputs are stored in float32 (vectors) and float16 (angles): outputs agree to that, not to float64
TOLERANCE = {"atol": 2e-3, "rtol": 2e-3}


@pytest.fixture(params=list(ARCHITECTURES))
def config(request):
    return ARCHITECTURES[request.param]


def outputs(crystals, config):
    with torch.no_grad():
        return model_of(config)(batch_of(crystals, config)).numpy()


@pytest.mark.parametrize("seed", [0, 1])
def test_rotation_and_inversion(config, seed):
    crystal = random_crystal(seed)
    rotation = Rotation.random(random_state=seed).as_matrix()
    rotated = crystal.changed(lattice=crystal.lattice @ rotation.T)
    inverted = crystal.changed(lattice=-crystal.lattice)
    expected, *others = outputs([crystal, rotated, inverted], config)
    for other in others:
        np.testing.assert_allclose(other, expected, **TOLERANCE)


def test_translation_and_permutation(config):
    crystal = random_crystal(2)
    moved = crystal.changed(fractional=crystal.fractional + np.array([0.31, 0.77, 0.12]))
    order = np.array([3, 0, 4, 1, 2])
    permuted = crystal.changed(species=crystal.species[order], fractional=crystal.fractional[order])
    expected, *others = outputs([crystal, moved, permuted], config)
    for other in others:
        np.testing.assert_allclose(other, expected, **TOLERANCE)


def test_supercell_and_choice_of_cell(config):
    crystal = random_crystal(3, n_atoms=3)
    sheared = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])  # another basis of the same lattice
    other_cell = crystal.changed(
        lattice=sheared @ crystal.lattice, fractional=crystal.fractional @ np.linalg.inv(sheared)
    )
    expected, *others = outputs([crystal, crystal.supercell((2, 1, 1)), other_cell], config)
    for other in others:
        np.testing.assert_allclose(other, expected, **TOLERANCE)


def test_batch_equals_single(config):
    crystals = [random_crystal(seed, n_atoms=n) for seed, n in enumerate([1, 2, 7])]
    together = outputs(crystals, config)
    alone = np.concatenate([outputs([crystal], config) for crystal in crystals])
    np.testing.assert_allclose(together, alone, atol=1e-10)


def test_deterministic(config):
    crystals = [random_crystal(4), random_crystal(5)]
    np.testing.assert_array_equal(outputs(crystals, config), outputs(crystals, config))


def test_different_crystals_differ(config):
    first, second = outputs([random_crystal(6), random_crystal(7)], config)
    assert np.abs(first - second).max() > 1e-3


def test_gradient(config):
    """Analytic against numerical gradients with respect to edge vectors, in float64, on a crystal of two atoms."""
    model, batch = model_of(config), batch_of([random_crystal(8, n_atoms=2)], config)
    inside = batch.vector.norm(dim=-1) < 0.9 * batch.envelope_radius.unsqueeze(-1)
    vector = batch.vector[inside][:6].clone().requires_grad_()
    rows = torch.nonzero(inside)[:6]

    def energy(part):
        moved = batch.vector.index_put((rows[:, 0], rows[:, 1]), part)
        return model(batch._replace(vector=moved))

    assert torch.autograd.gradcheck(energy, (vector,), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "cgcnn"])
def test_smooth_at_the_cutoffs(name):
    """Moving an atom through a cutoff, or past another in rank, changes the output by no more than its slope says.

    CGCNN has no envelope, as published, and is exempt.
    """
    config = ARCHITECTURES[name]
    crystal = Crystal(
        np.array([11, 17, 8], np.uint8),
        np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.3, 0.1, 0.7]]),
        np.diag([4.9, 5.2, 6.1]) + 0.01,
    )
    steps = np.linspace(0, 1, 401)
    moving = np.array([[0.0, 0, 0], [0, 0, 0.05], [0, 0, 0]])
    crystals = [
        crystal.changed(lattice=crystal.lattice * (1 + 0.06 * step), fractional=crystal.fractional + moving * step)
        for step in steps
    ]
    values = outputs(crystals, config)
    jumps = np.abs(np.diff(values, axis=0))
    # stored float16 fingerprints leave steps of their own; a neighbour that came or went at once would stand far out
    assert jumps.max() < 3e-4


def test_stored_angles_matter(config):
    """The prediction uses the precomputed angles: perturbed cosines change it (baselines without angles excepted)."""
    crystals = [random_crystal(9)]
    model, batch = model_of(config), batch_of(crystals, config)
    with torch.no_grad():
        difference = (model(batch) - model(batch._replace(angular=batch.angular * 1.1))).abs().max()
    assert (difference > 1e-5) == (batch.angular.shape[-1] > 0)
