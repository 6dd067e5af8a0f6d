"""Checks of a crystal's geometry, and its fractional coordinates.

In: an entry's lattice [3, 3] and coordinates [n_atoms, 3].  Out: coordinates in [0, 1), volume in Å3, distances in Å.
"""

import numpy as np
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from crystalmatrix.data.entries import ATOMS_TOO_CLOSE, NOT_FINITE, OVERSIZED, ZERO_VOLUME, Entry, InvalidEntryError

MIN_DISTANCE = 0.5  # Å; the shortest bond there is, H2, has 0.74
MIN_THICKNESS = 0.5  # Å between opposite faces of the cell
MAX_LENGTH = 1000.0  # Å of a lattice vector


def check_geometry(entry: Entry) -> tuple[NDArray[np.float64], float]:
    """Fractional coordinates [n_atoms, 3] in [0, 1) and the cell's volume in Å3. Raises InvalidEntryError."""
    if not (np.isfinite(entry.lattice).all() and np.isfinite(entry.coordinates).all()):
        raise InvalidEntryError(NOT_FINITE, "in the lattice or the coordinates", entry.jid)
    try:
        inverse = np.linalg.inv(entry.lattice)
    except np.linalg.LinAlgError:
        raise InvalidEntryError(ZERO_VOLUME, "the lattice vectors lie in a plane", entry.jid) from None
    thickness = 1 / np.linalg.norm(inverse, axis=0)  # [3] Å between opposite faces of the cell
    if thickness.min() < MIN_THICKNESS:
        raise InvalidEntryError(ZERO_VOLUME, f"the cell is {thickness.min():.3g} Å thick", entry.jid)
    if (longest := np.abs(entry.lattice).max()) > MAX_LENGTH:
        raise InvalidEntryError(OVERSIZED, f"a lattice vector is {longest:.3g} Å long", entry.jid)
    fractional = wrap(entry.coordinates @ inverse if entry.cartesian else entry.coordinates)
    closest = distances_below(MIN_DISTANCE, entry.lattice, fractional)
    if len(closest):
        raise InvalidEntryError(ATOMS_TOO_CLOSE, f"{closest.min():.3f} Å", entry.jid)
    return fractional, abs(float(np.linalg.det(entry.lattice)))


def wrap(fractional: NDArray[np.float64]) -> NDArray[np.float64]:
    """Into [0, 1): also what the floor of a tiny negative number leaves at exactly 1."""
    wrapped = fractional - np.floor(fractional)
    wrapped[wrapped >= 1] = 0
    return wrapped


def distances_below(limit: float, lattice: NDArray[np.float64], fractional: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] the distances in Å under `limit` between any two atoms, periodic images of one atom included."""
    return neighbour_list("d", positions=fractional @ lattice, cell=lattice, pbc=[True] * 3, cutoff=limit)
