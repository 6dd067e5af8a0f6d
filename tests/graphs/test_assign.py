"""The rows of the records are cut into shards of equal work."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.config import GraphConfig
from crystalmatrix.graphs.assign import PER_ANGLE, PER_CRYSTAL, PER_EDGE, assign, work
from tests.graphs.cases import graph, real_crystals


@given(st.integers(0, 300), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_every_row_is_in_one_shard_and_shards_are_balanced(n_crystals: int, shards: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    n_atoms, volume = random.integers(1, 100, n_crystals), random.uniform(10, 2000, n_crystals)
    settings = GraphConfig(shards=shards)
    bounds = assign(n_atoms, volume, settings=settings)
    assert bounds[0] == 0
    assert bounds[-1] == n_crystals
    assert (np.diff(bounds) >= 0).all()
    cost = work(n_atoms, volume, settings=settings)
    share = np.array([cost[first:end].sum() for first, end in itertools.pairwise(bounds)])
    assert (np.abs(share - cost.sum() / shards) <= cost.max(initial=0)).all()


@pytest.mark.parametrize("options", [{}, {"cutoff": 6.0}, {"max_neighbours": 16}])
def test_the_estimate_follows_the_edges_and_angles(options: dict[str, float]) -> None:
    crystals = real_crystals(100)
    graphs = graph(*crystals, **options)
    n_atoms = np.diff(graphs.atom_pointer)
    volume = np.array([abs(np.linalg.det(crystal.lattice)) for crystal in crystals])
    estimate = work(n_atoms, volume, settings=GraphConfig.parse(options))
    edges = np.diff(graphs.edge_pointer[graphs.atom_pointer])
    angles = np.diff(graphs.angle_pointer[graphs.atom_pointer])
    counted = PER_CRYSTAL + PER_EDGE * edges + PER_ANGLE * angles
    assert np.corrcoef(estimate, counted)[0, 1] > 0.95
