"""The neighbourhood of every atom as numbers that no model has learned: how many neighbours of which kind, how far.

In: Graphs.  Out: [n_atoms, WIDTH].

With s = distance / (sum of the two covalent radii), Gaussians G_n(s), and a cosine envelope f that ends at s = 2:
    N[i, n] = sum over neighbours j of f(s_ij) G_n(s_ij)
    X[i, n] = sum over neighbours j of f(s_ij) G_n(s_ij) (electronegativity_j - electronegativity_i)
and of each the square root with its sign, so that the tenth neighbour counts less than the first.
"""

from functools import cache

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from crystalmatrix.graphs.compiled import compiled
from crystalmatrix.graphs.ragged import Graphs

N_RADIAL = 8
WIDTH = 2 * N_RADIAL
FIRST, LAST = 0.6, 1.9  # centres of the Gaussians, in sums of covalent radii
END = 2.0  # of the envelope
WIDTH_OF_GAUSSIANS = 0.13


def neighbourhoods(graphs: Graphs) -> NDArray[np.float32]:
    """[n_atoms, WIDTH]."""
    radius, electronegativity = _element_tables()
    total = np.zeros((len(graphs.species), WIDTH), np.float32)
    _sum_over_neighbours(
        graphs.atom_pointer,
        graphs.species,
        graphs.edge_pointer,
        graphs.neighbour,
        graphs.edge_vector,
        radius,
        electronegativity,
        np.linspace(FIRST, LAST, N_RADIAL),
        total,
    )
    return np.sign(total) * np.sqrt(np.abs(total))


@cache
def _element_tables() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covalent radius in Å (Cordero et al., Dalton Trans. 2832 (2008)), Pauling electronegativity; [119] each, by Z."""
    from jarvis.core.specie import chem_data  # half a second, which readers of shards need not wait

    electronegativity = np.zeros(119)
    for element in chem_data.values():
        electronegativity[int(element["Z"])] = element["X"]
    return covalent_radii[:119].astype(np.float64), electronegativity


@compiled
def _sum_over_neighbours(
    atom_pointer, species, edge_pointer, neighbour, vector, radius, electronegativity, centre, total
):
    n_radial = len(centre)
    for crystal in range(len(atom_pointer) - 1):
        first = atom_pointer[crystal]
        for i in range(first, atom_pointer[crystal + 1]):
            for e in range(edge_pointer[i], edge_pointer[i + 1]):
                j = first + neighbour[e]
                x, y, z = vector[e, 0], vector[e, 1], vector[e, 2]
                s = np.sqrt(x * x + y * y + z * z) / (radius[species[i]] + radius[species[j]])
                if s >= END:
                    continue
                envelope = 0.5 * (1 + np.cos(np.pi * s / END))
                difference = electronegativity[species[j]] - electronegativity[species[i]]
                for n in range(n_radial):
                    weight = envelope * np.exp(-0.5 * ((s - centre[n]) / WIDTH_OF_GAUSSIANS) ** 2)
                    total[i, n] += weight
                    total[i, n_radial + n] += weight * difference
