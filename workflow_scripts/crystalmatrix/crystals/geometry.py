"""The geometry of a cell: wrapped coordinates, distances, thickness.

In: lattice [3, 3] in Å, rows a, b, c; fractional coordinates [n_atoms, 3].  Out: the same in [0, 1); lengths in Å.
"""

import math

import numpy as np
from ase.geometry import minkowski_reduce
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

FEW = 2000  # atoms, all pairs of which fit in memory
MANY_BINS = 1e6  # of the size of the limit, in a cell
MOST_PAIRS = 10_000_000  # three times those within 5 Å of 65,535 atoms in a usual crystal
MIN_DISTANCE = 0.5  # Å: atoms closer than this are no crystal; the shortest bond there is, H2, has 0.74


def inverse(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """[3, 3] of the lattice; of one whose vectors lie in a plane, or next to it, infinite."""
    try:
        found = np.asarray(np.linalg.inv(lattice), np.float64)
    except np.linalg.LinAlgError:
        return np.full((3, 3), np.inf)
    return found if np.isfinite(found).all() else np.full((3, 3), np.inf)


def thickness(inverse_lattice: NDArray[np.float64]) -> float:
    """Å between the nearest pair of opposite faces of the cell; 0 where its vectors lie in a plane."""
    return float(1 / np.sqrt((inverse_lattice**2).sum(axis=0).max()))


def reduced(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """[3, 3] the three shortest vectors that span the same points: a skew cell may be thin, and yet hold a crystal."""
    return minkowski_reduce(lattice)[0]


def wrap(fractional: NDArray[np.float64]) -> NDArray[np.float64]:
    """Into [0, 1): also what the floor of a tiny negative number leaves at exactly 1."""
    wrapped = fractional - np.floor(fractional)
    wrapped[wrapped >= 1] = 0
    return wrapped


class CrowdedError(ValueError):
    """So many atoms in one place that the list of their pairs would not fit in memory."""


def pairs_below(
    limit: float, lattice: NDArray[np.float64], fractional: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Atoms i and j with a distance in Å under `limit`, each [n_pairs]: every pair both ways, images of one atom too.

    Memory is that of the atoms, however many there are in one place (CrowdedError) and however empty the cell is.
    """
    reach = limit * np.linalg.norm(inverse(lattice), axis=0)  # [3] in lattice vectors
    n_atoms = len(fractional)
    if n_atoms <= FEW and np.prod(1 / reach) < MANY_BINS:
        return neighbour_list("ijd", positions=fractional @ lattice, cell=lattice, pbc=[True] * 3, cutoff=limit)
    near = [np.arange(-math.ceil(margin), math.ceil(margin) + 1) for margin in reach]
    atom, image = [], []  # of the atoms' copies that lie in the cell or no further than `limit` from it
    for shift in np.stack(np.meshgrid(*near), axis=-1).reshape(-1, 3):
        moved = fractional + shift
        inside = ((moved >= -reach) & (moved < 1 + reach)).all(1)
        atom.append(np.flatnonzero(inside))
        image.append(moved[inside])
    from scipy.spatial import cKDTree  # not above: half a second of every process that knows a crystal

    copies, cell = cKDTree(np.concatenate(image) @ lattice), cKDTree(fractional @ lattice)
    if cell.count_neighbors(copies, limit) > MOST_PAIRS:
        raise CrowdedError(f"{n_atoms:,} atoms with more than {MOST_PAIRS:,} pairs within {limit:.2g} Å")
    found = cell.sparse_distance_matrix(copies, limit, output_type="ndarray")
    j = np.concatenate(atom)[found["j"]]
    other = (found["i"] != j) | (found["v"] > 0)
    return found["i"][other], j[other], found["v"][other]


def distances_below(limit: float, lattice: NDArray[np.float64], fractional: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n_pairs] as pairs_below gives them."""
    return pairs_below(limit, lattice, fractional)[2]
