"""The neighbour search against brute force, against ASE, and against what symmetry demands."""

import numpy as np
import pytest
from ase.neighborlist import primitive_neighbor_list
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig
from crystalmatrix.errors import DataError
from crystalmatrix.graphs.build import build, wrap
from crystalmatrix.graphs.neighbours import Edges, find
from crystalmatrix.graphs.shells import SHELL_TOLERANCE
from tests.graphs.cases import SHAPES, Crystal, crystals, graph, graph_settings, ideal, random_crystal, real_crystals


def edges_of(crystal: Crystal, **options: float | None) -> Edges:
    wrapped = wrap(crystal.fractional)
    pointer = np.array([0, len(wrapped)])
    return find(pointer, wrapped, crystal.lattice[None], settings=graph_settings(**options))


def brute_force(crystal: Crystal, options: GraphConfig) -> list[tuple[list[tuple[int, ...]], int]]:
    """The definition, by loops: for each atom its edges (j, a, b, c), and how many of them form angles."""
    found = []
    spacing = 1 / np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
    for i, centre in enumerate(wrap(crystal.fractional)):
        radius, edges = options.cutoff, []
        while len(edges) < options.min_neighbours:
            n = np.ceil(radius / spacing).astype(int) + 1
            images = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in n), indexing="ij"), -1).reshape(-1, 3)
            edges = []
            for j, site in enumerate(wrap(crystal.fractional)):
                distance = np.linalg.norm((site - centre + images) @ crystal.lattice, axis=1)
                for image, q in zip(images, np.floor(distance * 1e6 + 0.5).astype(int), strict=True):
                    if q <= round(radius * 1e6) + 1 and (i != j or image.any()):
                        edges.append((q, j, *map(int, image)))
            if len(edges) < options.min_neighbours:
                radius *= 2
        edges.sort()
        limit = options.min_neighbours if radius > options.cutoff else len(edges)
        if options.max_neighbours is not None:
            limit = min(limit, options.max_neighbours)
        last = edges[:limit][-1][0] + round(SHELL_TOLERANCE * 1e6)
        edges = [edge for edge in edges if edge[0] <= last]
        n_angle_edges = sum(edge[0] <= round(options.three_body_cutoff * 1e6) + 1 for edge in edges)
        found.append(([edge[1:] for edge in edges], n_angle_edges))
    return found


def assert_equals_brute_force(crystal: Crystal, **options: float | None) -> None:
    edges, expected = edges_of(crystal, **options), brute_force(crystal, graph_settings(**options))
    rows = [(int(j), *map(int, image)) for j, image in zip(edges.neighbour, edges.offset.T, strict=True)]
    for i, (expected_rows, n_angle_edges) in enumerate(expected):
        assert rows[edges.edge_pointer[i] : edges.edge_pointer[i + 1]] == expected_rows
        assert edges.n_angle_edges[i] == n_angle_edges


@given(crystals, st.integers(1, 20), st.none() | st.integers(1, 30))
@settings(max_examples=150, deadline=None)
@example(ideal("fcc", 4.0), 12, None)
@example(ideal("bcc", 3.0), 9, 8)
@example(ideal("rock salt", 5.0), 13, 12)
def test_equals_brute_force(crystal: Crystal, fewest: int, most: int | None) -> None:
    assert_equals_brute_force(crystal, cutoff=4.0, three_body_cutoff=3.0, min_neighbours=fewest, max_neighbours=most)


def ase_edges(crystal: Crystal, cutoff: float) -> NDArray[np.int64]:
    i, j, image = primitive_neighbor_list(
        "ijS", [True] * 3, crystal.lattice, wrap(crystal.fractional) @ crystal.lattice, cutoff + 1.5e-6
    )
    return np.unique(np.column_stack([i, j, image]), axis=0)


def our_edges(crystal: Crystal, cutoff: float) -> NDArray[np.int64]:
    edges = edges_of(crystal, cutoff=cutoff, min_neighbours=1)
    centre = np.repeat(np.arange(len(crystal.species)), np.diff(edges.edge_pointer))
    within = np.column_stack([centre, edges.neighbour, edges.offset.T]).astype(np.int64)
    return np.unique(within, axis=0)


@pytest.mark.parametrize("shape", [*SHAPES, "large"])
@pytest.mark.parametrize("cutoff", [5.0, 8.0])
def test_equals_ase(shape: str, cutoff: float) -> None:
    for seed in range(3):
        crystal = random_crystal(shape, seed)
        np.testing.assert_array_equal(our_edges(crystal, cutoff), ase_edges(crystal, cutoff))


def test_equals_ase_on_real_crystals() -> None:
    for crystal in real_crystals(25):
        ours, theirs = our_edges(crystal, 5.0), ase_edges(crystal, 5.0)
        assert len(np.unique(theirs[:, 0])) == len(crystal.species)  # no atom without a neighbour inside
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "a", "expected"),
    [("fcc", 5.0, 18), ("fcc", 5.0 * 2**0.5, 12), ("bcc", 5.0, 14), ("sc", 5.0, 6), ("sc", 5.0 / 2**0.5, 18)],
)
def test_a_shell_on_the_cutoff_is_taken_whole(name: str, a: float, expected: int) -> None:
    assert graph(ideal(name, a), cutoff=5.0, min_neighbours=1).edge_pointer[-1] == expected


@pytest.mark.parametrize(("fewest", "expected"), [(1, 6), (6, 6), (7, 18), (18, 18), (19, 26)])
def test_isolated_atoms_get_whole_shells_of_their_nearest(fewest: int, expected: int) -> None:
    isolated = graph(ideal("sc", 25.0), min_neighbours=fewest)
    assert isolated.edge_pointer[-1] == expected
    assert isolated.n_angle_edges[0] == 0


@pytest.mark.parametrize(("most", "expected"), [(1, 12), (12, 12), (13, 18), (19, 42)])
def test_a_cap_keeps_whole_shells(most: int, expected: int) -> None:
    capped = graph(ideal("fcc", 3.6), cutoff=5.0, max_neighbours=most, min_neighbours=1)
    assert capped.edge_pointer[-1] == expected


def test_a_cap_keeps_the_shell_of_a_relaxed_cell() -> None:
    crystal = ideal("fcc", 3.6)
    strained = crystal._replace(lattice=crystal.lattice * [1, 1, 1 + 5e-5])
    assert graph(strained, max_neighbours=3, min_neighbours=1).edge_pointer[-1] == 12


@given(crystals)
@settings(max_examples=30, deadline=None)
def test_every_edge_has_its_reverse(crystal: Crystal) -> None:
    rows = {tuple(row) for row in our_edges(crystal, 5.0)}
    degree = np.bincount([row[0] for row in rows])
    if degree.min() > 1:  # an atom with its one nearest neighbour beyond the cutoff need not be that one's nearest
        assert {(j, i, -a, -b, -c) for i, j, a, b, c in rows} == rows


def test_a_crystal_of_thousands_of_atoms_is_searched_by_bins() -> None:
    cell = random_crystal("triclinic", 3)
    repeat = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    fractional = ((cell.fractional + repeat) / 8).reshape(-1, 3)
    supercell = Crystal(np.tile(cell.species, 512), fractional, 8 * cell.lattice)
    degree = np.diff(edges_of(cell).edge_pointer)
    np.testing.assert_array_equal(np.diff(edges_of(supercell).edge_pointer), np.tile(degree, 512))


def test_many_crystals_at_once_are_each_crystal_alone() -> None:
    some = [random_crystal(shape, seed) for seed in range(4) for shape in (*SHAPES, "large")]
    together = graph(*some)
    for k, crystal in enumerate(some):
        alone, taken = graph(crystal), together.select(np.array([k]))
        for name in ("species", "edge_pointer", "neighbour", "edge_vector", "n_angle_edges", "cosine"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(taken, name))


@pytest.mark.parametrize(
    ("crystal", "message"),
    [
        (ideal("sc", 4.0)._replace(fractional=np.array([[np.nan, 0, 0]])), "finite fractional"),
        (ideal("sc", 4.0)._replace(lattice=np.zeros((3, 3))), "positive volume"),
        (ideal("sc", 4.0)._replace(lattice=np.full((3, 3), np.inf)), "positive volume"),
        (Crystal(np.empty(0, np.uint8), np.empty((0, 3)), np.eye(3)), "0 atoms"),
        (ideal("sc", 1000.0), "fewer than 13 neighbours"),
        (Crystal(np.array([1, 1], np.uint8), np.array([[0.0, 0, 0], [0, 0, 1.0]]), 4 * np.eye(3)), "two atoms within"),
    ],
)
def test_a_geometry_that_is_none_is_named(crystal: Crystal, message: str) -> None:
    with pytest.raises(DataError, match=f"^crystal-1: .*{message}"):
        graph(ideal("sc", 3.0), crystal, min_neighbours=13)


def test_coordinates_outside_the_cell_are_wrapped() -> None:
    crystal = random_crystal("triclinic", 1)
    shifted = crystal._replace(fractional=crystal.fractional + np.array([-3, 2, 5]))
    np.testing.assert_allclose(graph(shifted).edge_vector, graph(crystal).edge_vector, atol=1e-5)
    tiny = build(
        np.array(["x"]),
        np.array([1], np.uint8),
        np.array([0, 1]),
        np.array([[-1e-20, 0, 0]]),
        np.eye(3)[None] * 3,
        settings=GraphConfig(),
    )
    assert tiny.edge_pointer[-1] == graph(ideal("sc", 3.0)).edge_pointer[-1]
