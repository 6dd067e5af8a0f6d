"""The formula unit: how many atoms of each element, in lowest terms.

In: the species of many crystals, one after the other.  Out: [n_crystals, N_SPECIES].
"""

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.elements import N_SPECIES


def reduced_formulas(species: NDArray[np.uint8], atom_pointer: NDArray[np.int64]) -> NDArray[np.float64]:
    """[n_crystals, N_SPECIES] atoms of each element in the formula unit, in lowest terms: 1, 1 for Mg4O4.

    species [n_atoms] atomic numbers; crystal k holds the atoms atom_pointer[k] to atom_pointer[k + 1].
    """
    n_crystals = len(atom_pointer) - 1
    crystal = np.repeat(np.arange(n_crystals), np.diff(atom_pointer))
    counts = np.zeros((n_crystals, N_SPECIES), np.int64)
    np.add.at(counts, (crystal, species.astype(np.int64)), 1)
    return counts / np.gcd.reduce(counts, axis=1, keepdims=True)
