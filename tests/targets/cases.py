"""Training folds to fit targets on: values of every kind, and values that are shares of formula units."""

import numpy as np

from crystalmatrix.elements import N_SPECIES
from crystalmatrix.targets.step import Crystals

ELEMENTS = [3, 8, 12, 26, 92]


def crystals_of(n: int, *, seed: int = 0) -> Crystals:
    """`n` formula units of two or three elements, in lowest terms; every third one vanishes by symmetry."""
    random = np.random.default_rng(seed)
    formulas = np.zeros((n, N_SPECIES))
    for row in formulas:
        elements = random.choice(ELEMENTS, random.integers(2, 4), replace=False)
        row[elements] = random.integers(1, 6, len(elements))
    formulas //= np.gcd.reduce(formulas.astype(int), axis=1, keepdims=True)
    return Crystals(formulas, np.arange(n) % 3 == 0)


def shares(n: int, *, seed: int = 0) -> tuple[np.ndarray, Crystals, np.ndarray]:
    """Values that are shares of formula units, as ehull of dft_3d_2021 is: values, crystals, the energies behind."""
    crystals = crystals_of(n, seed=seed)
    energy = np.random.default_rng(seed).normal(-1, 1, n)
    n_atoms = crystals.n_atoms
    plane = (1 - 1 / n_atoms) * (crystals.fractions @ np.linspace(1, 6, N_SPECIES))
    return np.maximum(energy / n_atoms + plane, 0), crystals, energy
