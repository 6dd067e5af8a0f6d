"""The geometry of a cell: wrapped coordinates, distances, thickness.

In: lattice [3, 3] in Å, rows a, b, c; fractional coordinates [n_atoms, 3].  Out: the same in [0, 1); lengths in Å.
"""

import numpy as np
from ase.geometry import minkowski_reduce
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

MIN_DISTANCE = 0.5  # Å: atoms closer than this are no crystal; the shortest bond there is, H2, has 0.74


def inverse(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """[3, 3] of the lattice; of one whose vectors lie in a plane infinite."""
    try:
        return np.asarray(np.linalg.inv(lattice), np.float64)
    except np.linalg.LinAlgError:
        return np.full((3, 3), np.inf)


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


def distances_below(limit: float, lattice: NDArray[np.float64], fractional: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] the distances in Å under `limit` between any two atoms, periodic images of one atom included."""
    return neighbour_list("d", positions=fractional @ lattice, cell=lattice, pbc=[True] * 3, cutoff=limit)
