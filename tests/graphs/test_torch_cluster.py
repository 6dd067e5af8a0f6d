"""The optional back-end on a device finds the same edges; skipped where torch-cluster is not installed."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalmatrix.config import GraphConfig
from crystalmatrix.crystals.geometry import wrap
from crystalmatrix.graphs import neighbours
from tests.graphs.cases import SHAPES, Crystal, crystals, ideal, random_crystal

torch = pytest.importorskip("torch")
pytest.importorskip("torch_cluster", reason="torch-cluster is not installed")

from crystalmatrix.graphs import torch_cluster  # noqa: E402 (imports torch-cluster)

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def assert_same_edges(*some: Crystal, device: str = "cpu", **options: float | None) -> None:
    pointer = np.cumsum([0, *(len(crystal.species) for crystal in some)])
    fractional = wrap(np.concatenate([crystal.fractional for crystal in some]))
    lattice = np.stack([crystal.lattice for crystal in some])
    config = GraphConfig.parse(options)
    ours = neighbours.find(pointer, fractional, lattice, settings=config)
    theirs = torch_cluster.find(pointer, fractional, lattice, settings=config, device=device)
    for field in fields(ours):
        np.testing.assert_array_equal(getattr(theirs, field.name), getattr(ours, field.name))


@given(st.lists(crystals, min_size=1, max_size=3), st.integers(1, 30), st.none() | st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_equals_our_search(some: list[Crystal], fewest: int, most: int | None) -> None:
    assert_same_edges(*some, min_neighbours=fewest, max_neighbours=most)


@pytest.mark.parametrize("device", DEVICES)
def test_a_batch_of_every_shape(device: str) -> None:
    batch = [random_crystal(shape, seed) for shape in (*SHAPES, "large") for seed in range(3)]
    ideals = [ideal("fcc", 5.0), ideal("sc", 30.0), ideal("rock salt", 4.2), ideal("sc", 1.6)]
    assert_same_edges(*batch, *ideals, device=device)


def test_a_crystal_without_neighbours_is_reported() -> None:
    one = ideal("sc", 1000.0)
    found = torch_cluster.find(np.array([0, 1]), one.fractional, one.lattice[None], settings=GraphConfig())
    assert found.failed == 0
