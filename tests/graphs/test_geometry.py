"""Vectors and angles against slow loops in double precision, and under every change of description of a crystal."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from crystalmatrix.contracts.columns import COSINE_SCALE
from crystalmatrix.graphs.ragged import Graphs
from tests.graphs.cases import Crystal, crystals, graph, ideal, random_crystal


def slow_cosines(crystal: Crystal, graphs: Graphs) -> NDArray[np.float64]:
    """From the edges' ends in double precision, pair by pair."""
    cosines = []
    for i in range(len(crystal.species)):
        edges = range(graphs.edge_pointer[i], graphs.edge_pointer[i] + graphs.n_angle_edges[i])
        for first, second in itertools.combinations(edges, 2):
            u, v = graphs.edge_vector[first].astype(float), graphs.edge_vector[second].astype(float)
            cosines.append(u @ v / np.sqrt((u @ u) * (v @ v)))
    return np.array(cosines)


@given(crystals)
@settings(max_examples=30, deadline=None)
def test_cosines_equal_a_slow_loop(crystal: Crystal) -> None:
    graphs = graph(crystal)
    np.testing.assert_allclose(graphs.cosine, slow_cosines(crystal, graphs), rtol=0, atol=0.5 / COSINE_SCALE + 3e-7)
    assert np.abs(graphs.cosine).max(initial=0) <= 1
    np.testing.assert_array_equal(graphs.cosine, np.rint(graphs.cosine * COSINE_SCALE) / np.float32(COSINE_SCALE))


@given(crystals)
@settings(max_examples=30, deadline=None)
def test_an_edge_vector_leads_to_its_neighbour(crystal: Crystal) -> None:
    graphs = graph(crystal)
    centre = np.repeat(np.arange(len(crystal.species)), np.diff(graphs.edge_pointer))
    start, end = crystal.fractional[centre], crystal.fractional[graphs.neighbour]
    offset = graphs.edge_vector @ np.linalg.inv(crystal.lattice) - (end - start)
    np.testing.assert_allclose(offset, np.rint(offset), atol=1e-5)  # ends on an image of the neighbour ...
    exact = (end - start + np.rint(offset)) @ crystal.lattice
    np.testing.assert_allclose(graphs.edge_vector, exact, rtol=1e-7, atol=1e-9 * np.abs(exact).max())  # ... exactly


@given(crystals)
@settings(max_examples=30, deadline=None)
def test_edges_are_sorted_and_angle_edges_come_first(crystal: Crystal) -> None:
    graphs = graph(crystal)
    length = np.linalg.norm(graphs.edge_vector.astype(float), axis=1)
    for i, (first, end) in enumerate(itertools.pairwise(graphs.edge_pointer)):
        assert (np.diff(length[first:end]) > -2e-6).all()
        assert graphs.n_angle_edges[i] == (length[first:end] <= 4 + 1.5e-6).sum()


def test_right_angles_of_a_simple_cubic_crystal() -> None:
    graphs = graph(ideal("sc", 3.0), cutoff=3.5, three_body_cutoff=3.5, min_neighbours=1)
    assert sorted(graphs.cosine) == [-1] * 3 + [0] * 12


def described(graphs: Graphs) -> NDArray[np.float64]:
    """[n_atoms, n] what an observer on each atom sees: sorted distances, then sorted cosines, then Z of both ends."""
    length = np.linalg.norm(graphs.edge_vector, axis=1)
    rows = []
    for i in range(len(graphs.species)):
        edges = slice(*graphs.edge_pointer[i : i + 2])
        angles = slice(*graphs.angle_pointer[i : i + 2])
        ends = np.sort(graphs.species[graphs.neighbour[edges]])
        rows.append(np.concatenate([[graphs.species[i]], ends, np.sort(length[edges]), np.sort(graphs.cosine[angles])]))
    return np.array([np.pad(row, (0, max(map(len, rows)) - len(row))) for row in rows])


def assert_same_view(crystal: Crystal, other: Crystal, *, order: NDArray[np.int64] | None = None) -> None:
    """Every atom of `other` sees what atom `order` of `crystal` sees."""
    view, expected = described(graph(other)), described(graph(crystal))
    np.testing.assert_allclose(view, expected if order is None else expected[order], rtol=0, atol=4e-5)


@given(crystals, st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_rotation_and_translation_change_nothing(crystal: Crystal, seed: int) -> None:
    random = np.random.default_rng(seed)
    rotation = Rotation.random(rng=random).as_matrix()
    assert_same_view(crystal, crystal._replace(lattice=crystal.lattice @ rotation))
    assert_same_view(crystal, crystal._replace(fractional=crystal.fractional + random.random(3)))


@given(crystals, st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_permuted_atoms_keep_their_neighbourhoods(crystal: Crystal, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(crystal.species))
    other = Crystal(crystal.species[order], crystal.fractional[order], crystal.lattice)
    assert_same_view(crystal, other, order=order)


@given(crystals, st.lists(st.integers(-2, 2), min_size=3, max_size=3))
@settings(max_examples=20, deadline=None)
def test_the_choice_of_primitive_cell_changes_nothing(crystal: Crystal, shear: list[int]) -> None:
    a, b, c = shear
    unimodular = np.array([[1, a, b], [0, 1, c], [0, 0, 1]])
    lattice, fractional = unimodular @ crystal.lattice, crystal.fractional @ np.linalg.inv(unimodular)
    assert_same_view(crystal, Crystal(crystal.species, fractional, lattice))


@pytest.mark.parametrize("repeat", [(2, 1, 1), (1, 3, 2), (2, 2, 2)])
def test_a_supercell_changes_nothing(repeat: tuple[int, int, int]) -> None:
    crystal = random_crystal("triclinic", 11)
    cells = np.array(list(itertools.product(*map(range, repeat))))
    fractional = ((crystal.fractional + cells[:, None]) / repeat).reshape(-1, 3)
    lattice = crystal.lattice * np.array(repeat)[:, None]
    order = np.tile(np.arange(len(crystal.species)), len(cells))
    assert_same_view(crystal, Crystal(crystal.species[order], fractional, lattice), order=order)
