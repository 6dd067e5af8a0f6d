"""Checks of a crystal's geometry, and its fractional coordinates.

In: lattice [3, 3] and coordinates [n_atoms, 3] as given.  Out: coordinates wrapped into [0, 1); volume; distances in Å.
"""

import numpy as np
from ase.geometry import minkowski_reduce
from numpy.typing import NDArray

from crystalmatrix.data.entries import ATOMS_TOO_CLOSE, NOT_FINITE, ZERO_VOLUME, Entry, InvalidEntryError

MIN_DISTANCE = 0.5  # Å; the shortest bond there is, H2, has 0.74
MIN_VOLUME_PER_ATOM = 0.1  # Å3; diamond has 5.7


def check_geometry(entry: Entry) -> tuple[NDArray[np.float64], float]:
    """Fractional coordinates [n_atoms, 3] in [0, 1) and the cell's volume in Å3. Raises InvalidEntryError."""
    if not (np.isfinite(entry.lattice).all() and np.isfinite(entry.coordinates).all()):
        raise InvalidEntryError(NOT_FINITE, "in the lattice or the coordinates", entry.jid)
    volume = abs(float(np.linalg.det(entry.lattice)))
    if volume < MIN_VOLUME_PER_ATOM * len(entry.species):
        raise InvalidEntryError(ZERO_VOLUME, f"{volume:.3g} Å3 for {len(entry.species)} atoms", entry.jid)
    fractional = wrap(entry.coordinates @ np.linalg.inv(entry.lattice) if entry.cartesian else entry.coordinates)
    closest = closest_distance(entry.lattice, fractional, below=MIN_DISTANCE)
    if closest < MIN_DISTANCE:
        raise InvalidEntryError(ATOMS_TOO_CLOSE, f"{closest:.3f} Å", entry.jid)
    return fractional, volume


def wrap(fractional: NDArray[np.float64]) -> NDArray[np.float64]:
    """Into [0, 1): also what the floor of a tiny negative number leaves at exactly 1."""
    wrapped = fractional - np.floor(fractional)
    wrapped[wrapped >= 1] = 0
    return wrapped


def closest_distance(lattice: NDArray[np.float64], fractional: NDArray[np.float64], *, below: float) -> float:
    """The shortest distance in Å between two atoms, periodic images of one atom included, if it is under `below`.

    Whatever is returned is infinite or a true distance; it is the shortest where that is under `below`: a point
    nearer than `below` differs in each fractional coordinate by less than below / (spacing of the lattice planes),
    so with spacings over twice `below`, the rule in real crystals, only the nearest image of each pair counts.
    """
    spacing = _plane_spacing(lattice)
    if spacing.min() < 2 * below:  # a needlessly skewed cell, or a tiny one
        reduced, _ = minkowski_reduce(lattice)
        fractional, lattice = fractional @ lattice @ np.linalg.inv(reduced), reduced
        spacing = _plane_spacing(lattice)
        shortest = float(np.linalg.norm(lattice, axis=1).min())
        if shortest < below:
            return shortest
    reach = np.floor(below / spacing + 0.5).astype(int)
    images = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), -1).reshape(-1, 3)
    difference = fractional[:, None] - fractional  # [n_atoms, n_atoms, 3]
    difference -= np.rint(difference)
    vector = (difference[:, :, None] + images) @ lattice  # [n_atoms, n_atoms, n_images, 3] Å
    squared = np.einsum("ijkx,ijkx->ijk", vector, vector)
    itself = ~images.any(axis=1)
    squared[np.arange(len(fractional)), np.arange(len(fractional)), itself] = np.inf
    return float(np.sqrt(squared.min()))


def _plane_spacing(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)  # [3] Å
