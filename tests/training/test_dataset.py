"""The data set on the device: same batches from all storages, every crystal once an epoch, batches of equal size."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.features.dataset import Dataset, epoch_batches, inference_batches, resample
from crystalmatrix.features.dense import densify

from ..models.cases import CONFIGS, GRAPH, graphs_of, random_crystal
from .cases import rock_salts


@pytest.mark.parametrize("storage", ["host", "disk"])
def test_storages_give_the_same_batches(storage):
    crystals = [*rock_salts(4), random_crystal(0, n_atoms=4)]
    dense = densify(graphs_of(crystals), graph=GRAPH, model=CONFIGS["lite"])
    expected = Dataset(dense, torch.device("cpu"), storage="device").batch(np.array([3, 0, 4]))
    found = Dataset(dense, torch.device("cpu"), storage=storage).batch(np.array([3, 0, 4]))
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))


def test_neighbours_stay_within_their_crystal():
    crystals = [*rock_salts(3), random_crystal(1, n_atoms=6)]
    dense = densify(graphs_of(crystals), graph=GRAPH, model=CONFIGS["lite"])
    batch = Dataset(dense, torch.device("cpu")).batch(np.array([3, 1, 2]))
    assert torch.equal(batch.crystal[batch.neighbour], batch.crystal.unsqueeze(1).expand_as(batch.neighbour))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5))
def test_epoch_holds_every_crystal_once(n_crystals, batch_size, epoch):
    n_atoms = np.random.default_rng(0).integers(1, 100, 80)
    crystals = np.arange(80)[-n_crystals:]
    batches = epoch_batches(crystals, n_atoms, batch_size=batch_size, seed=1, epoch=epoch)
    assert sorted(np.concatenate(batches)) == list(crystals)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=50), st.integers(0, 5))
def test_resampling_keeps_the_shares(weights, epoch):
    share = np.array(weights) / np.sum(weights)
    drawn = np.bincount(resample(share, seed=1, epoch=epoch), minlength=len(share))
    assert drawn.sum() == len(share)
    assert np.all(np.abs(drawn - share * len(share)) < 1 + 1e-9)


def test_batches_are_balanced_and_random():
    n_atoms = np.random.default_rng(0).integers(1, 141, 1000)
    arguments = {"batch_size": 50, "seed": 0}
    batches = epoch_batches(np.arange(1000), n_atoms, epoch=0, **arguments)
    atoms = [n_atoms[batch].sum() for batch in batches]
    assert max(atoms) / min(atoms) < 1.1
    again = epoch_batches(np.arange(1000), n_atoms, epoch=0, **arguments)
    other = epoch_batches(np.arange(1000), n_atoms, epoch=1, **arguments)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(batches, other, strict=True))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=50))
def test_inference_takes_every_crystal_once(n_atoms):
    batches = inference_batches(np.array(n_atoms), atoms_per_batch=200)
    assert sorted(np.concatenate(batches)) == list(range(len(n_atoms)))


def test_fingerprints_against_loops():
    """The compiled fingerprint equals its definition, spelled out."""
    config = CONFIGS["lite"]
    graphs = graphs_of([random_crystal(2, n_atoms=3)])
    dense = densify(graphs, graph=GRAPH, model=config)
    cutoff, centres = GRAPH.three_body_cutoff, np.linspace(1.5, GRAPH.three_body_cutoff, config.angle_radial)
    width = centres[1] - centres[0]

    def envelope(r):
        u = min(r / cutoff, 1)
        return 1 - 28 * u**6 + 48 * u**7 - 21 * u**8

    for atom in range(3):
        start = graphs.edge_pointer[atom]
        vectors = graphs.edge_vector[start : start + graphs.n_angle_edges[atom]].astype(float)
        for p in range(min(len(vectors), config.neighbours)):
            expected = np.zeros((config.angle_radial, config.angle_angular))
            r_p = np.linalg.norm(vectors[p])
            for q in range(len(vectors)):
                if q == p:
                    continue
                r_q = np.linalg.norm(vectors[q])
                cosine = vectors[p] @ vectors[q] / r_p / r_q
                gaussian = np.exp(-0.5 * ((r_q - centres) / width) ** 2)
                legendre = [np.polynomial.legendre.legval(cosine, np.eye(6)[t]) for t in range(config.angle_angular)]
                expected += envelope(r_p) * envelope(r_q) * np.outer(gaussian, legendre) / np.sqrt(12)
            np.testing.assert_allclose(dense.angular[atom, p], expected.ravel(), atol=2e-3, rtol=2e-3)
