"""Crystals become graphs without a table between: bit for bit what a shard holds."""

from dataclasses import fields, replace

import numpy as np
import pyarrow as pa
import pytest

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.crystals.crystal import Crystal, make_crystal
from crystalmatrix.errors import DataError
from crystalmatrix.graphs.build import from_crystals
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.graphs.table import graph_table, graphs_from_table

from ..models.cases import random_crystal

SETTINGS = GraphConfig()


def crystals(n: int) -> list[Crystal]:
    made = (random_crystal(seed, n_atoms=1 + seed % 7) for seed in range(n))
    return [
        make_crystal(f"x{k}", numbers=one.species, lattice=one.lattice, coordinates=one.fractional, cartesian=False)
        for k, one in enumerate(made)
    ]


def through_a_table(some: list[Crystal]) -> Graphs:
    """The way of a shard, with its cosines as whole numbers."""
    table = pa.table(
        {
            columns.JID: pa.array([one.id for one in some], pa.string()),
            columns.SPECIES: pa.array([one.species for one in some], pa.list_(pa.uint8())),
            columns.FRACTIONAL: pa.array([one.fractional.ravel() for one in some], pa.list_(pa.float64())),
            columns.LATTICE: pa.array([one.lattice.ravel() for one in some], pa.list_(pa.float64(), 9)),
        }
    )
    return graphs_from_table(graph_table(table, settings=SETTINGS))


def same(one: Graphs, other: Graphs) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Graphs))


def test_the_bits_of_a_shard() -> None:
    some = crystals(20)
    assert same(from_crystals(some, settings=SETTINGS), through_a_table(some))


def test_another_bit_would_be_seen() -> None:
    """The control: one atom, moved by a millionth of the cell."""
    some = crystals(3)
    moved = replace(some[2], fractional=some[2].fractional + np.array([[1e-6, 0, 0], [0, 0, 0], [0, 0, 0]]))
    assert not same(from_crystals([*some[:2], moved], settings=SETTINGS), through_a_table(some))


def test_a_crystal_without_a_graph_is_named() -> None:
    far = Crystal("far", np.array([1], np.uint8), np.zeros((1, 3)), np.eye(3) * 900.0)
    with pytest.raises(DataError, match="far"):
        from_crystals([*crystals(1), far], settings=SETTINGS)
