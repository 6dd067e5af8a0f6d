"""Space group, point group and inversion of a crystal, by spglib at a stated tolerance.

In: lattice [3, 3] in Å (rows a, b, c), fractional coordinates [n_atoms, 3], species [n_atoms].  Out: Symmetry.
"""

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# spglib 2.7 and 2.8 warn unless told to raise its own errors, as later versions do anyway.
os.environ.setdefault("SPGLIB_OLD_ERROR_HANDLING", "0")

import spglib

SYMPREC = 0.01  # Å, as in JARVIS

# The 11 Laue groups, the point groups with an inversion centre (International Tables for Crystallography A, 10.1).
CENTROSYMMETRIC = frozenset(["-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m"])


class Symmetry(NamedTuple):
    """None where spglib finds no consistent group at this tolerance."""

    space_group: int | None  # 1 to 230
    point_group: str | None  # Hermann-Mauguin, "m-3m"
    has_inversion: bool | None


Key = tuple[bytes, bytes, bytes]


class SymmetryFinder:
    """Finds symmetries, and remembers those of rigid prototypes: rock salt, Heusler and perovskite are a tenth of a
    data set, and spglib needs 30 ms for each of them, twenty times the mean."""

    def __init__(self, symprec: float = SYMPREC) -> None:
        self.symprec = symprec
        self._known: dict[Key, Symmetry] = {}

    def __call__(self, lattice: NDArray, fractional: NDArray, species: NDArray) -> Symmetry:
        key = _rigid_key(lattice, fractional, species)
        if key is None:
            return find_symmetry(lattice, fractional, species, symprec=self.symprec)
        if key not in self._known:
            self._known[key] = find_symmetry(lattice, fractional, species, symprec=self.symprec)
        return self._known[key]


def find_symmetry(lattice: NDArray, fractional: NDArray, species: NDArray, *, symprec: float = SYMPREC) -> Symmetry:
    """Ask spglib. `symprec` in Å."""
    try:
        cell = (lattice, fractional, species)
        found = spglib.get_symmetry_dataset(cell, symprec=symprec)  # type: ignore[arg-type]  # arrays are fine
    except spglib.SpglibError:
        found = None
    if found is None:
        return Symmetry(None, None, None)
    return Symmetry(int(found.number), found.pointgroup, found.pointgroup in CENTROSYMMETRIC)


def _rigid_key(lattice: NDArray, fractional: NDArray, species: NDArray) -> Key | None:
    """What the symmetry of a crystal with no free parameter depends on; None for a crystal that has any.

    If the metric tensor divided by |a|^2 consists of twelfths and the coordinates of 24ths, two crystals of equal key
    are the same up to scale. Their atoms sit on a grid that is far coarser than the tolerance, so no operation is
    nearly but not quite fulfilled, and the scale cannot matter: the group is a function of the key.
    """
    metric = lattice @ lattice.T
    twelfths, grid = 12 * metric / metric[0, 0], 24 * fractional
    rounded_metric, rounded_grid = np.rint(twelfths), np.rint(grid)
    if np.abs(twelfths - rounded_metric).max() > 1e-3 or np.abs(grid - rounded_grid).max() > 1e-3:
        return None
    position = rounded_grid.astype(np.int64) % 24 @ (576, 24, 1)
    order = np.lexsort((species, position))
    _, first, label = np.unique(species[order], return_index=True, return_inverse=True)
    labels = np.argsort(np.argsort(first))[label]  # elements numbered as they appear: NaCl and KBr are one prototype
    return rounded_metric.astype(np.int16).tobytes(), position[order].astype(np.int16).tobytes(), labels.tobytes()
