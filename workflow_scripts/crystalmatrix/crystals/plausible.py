"""What no file forbids and no crystal has: atoms far nearer than their radii, a cell with next to nothing in it.

In: pairs of neighbours, species, the volume.  Out: notes. They tell lattice vectors taken for Å, pm for Å, a wrong
origin or a split site: of 67,000 crystals of JARVIS and the Materials Project, two have one (Pd-N of 1.04 Å).
"""

from functools import cache
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from crystalmatrix.elements import SYMBOLS

SENSIBLE = 0.6  # of the sum of the covalent radii, at least, in a crystal
REACH = 1.5  # Å within which notes look for neighbours: few pairs, so it costs next to nothing
EMPTY = 5_000.0  # Å3 an atom: of those above none has 300, a lone atom in a box of 15 Å has 3,400


def oddities(
    species: NDArray[Any], volume: float, i: NDArray[Any], j: NDArray[Any], distance: NDArray[np.float64]
) -> tuple[str, ...]:
    """Notes on [n_atoms] atomic numbers in so many Å3, where atoms i and j [n_pairs] have these distances in Å."""
    notes = []
    if len(distance):
        ratio = distance / (covalent_radii()[species[i]] + covalent_radii()[species[j]])
        k = int(ratio.argmin())
        if ratio[k] < SENSIBLE:
            pair = " and ".join(SYMBOLS[species[atom]] for atom in (i[k], j[k]))
            notes.append(f"{pair} are {distance[k]:.2f} Å apart, far less than their radii; check units and symmetry")
    if volume > EMPTY * len(species):
        notes.append(f"the cell has {volume / len(species):.0f} Å3 an atom, as no crystal has; check its units")
    return tuple(notes)


@cache
def covalent_radii() -> NDArray[np.float64]:
    """[n_elements + 1] Å, by atomic number."""
    return np.array([gemmi.Element(symbol).covalent_r for symbol in SYMBOLS])
