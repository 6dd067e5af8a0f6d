"""A value that is the share of one formula unit: the head learns the whole.

The energy above hull of dft_3d_2021 is, with the formation energy E and a formula unit of N atoms,
    value = max(0, E / N + (1 - 1/N) * sum of x_i * e_i)
with fractions x_i and constants e_i of the elements (docs/data.md). Where the training fold bears this out, the head
learns E instead.

In: values, and E where it is known (Property.companion).  Out: E; back, the value but for the cut at zero.
"""

from typing import Literal, Self

import numpy as np

from crystalmatrix.elements import N_SPECIES
from crystalmatrix.targets.step import Crystals, FloatArray, Step

_REWEIGHTINGS = 20
_FIFTHS = 5
_BORNE_OUT = 0.01  # of the mean absolute deviation: the median error at which the law is taken for true


class FormulaUnit(Step):
    """value -> N * value - (N - 1) * x . e."""

    step: Literal["formula_unit"] = "formula_unit"
    element_energies: tuple[float, ...]  # [N_SPECIES] e_i, in the property's unit

    @classmethod
    def fit(cls, values: FloatArray, crystals: Crystals, *, whole: FloatArray) -> Self | None:
        """From training values [n] and the wholes [n] that they may be shares of, NaN where not known; None where they
        are not: constants from four fifths of the crystals must give half of the others to 1 % of their deviation.
        """
        known = np.flatnonzero(~np.isnan(whole) & (crystals.n_atoms > 1))
        if len(known) < _FIFTHS:
            return None
        error = np.empty(len(known))
        for part in range(_FIFTHS):
            out = np.arange(len(known)) % _FIFTHS == part
            fitted, held = known[~out], known[out]
            constants = least_deviations(values[fitted], crystals.at(fitted), whole[fitted])
            error[out] = np.abs(_share(whole[held], crystals.at(held), constants) - values[held])
        if np.median(error) > _BORNE_OUT * np.mean(np.abs(values[known] - np.median(values[known]))):
            return None
        constants = least_deviations(values[known], crystals.at(known), whole[known])
        return cls(element_energies=tuple(constants.tolist()))

    def forward(self, value: FloatArray, crystals: Crystals) -> FloatArray:
        n_atoms = crystals.n_atoms
        return n_atoms * value - (n_atoms - 1) * (crystals.fractions @ np.array(self.element_energies))

    def inverse(self, value: FloatArray, outputs: FloatArray, crystals: Crystals) -> FloatArray:
        return _share(value, crystals, np.array(self.element_energies))

    def slope(self, crystals: Crystals) -> FloatArray:
        return 1 / crystals.n_atoms


def _share(whole: FloatArray, crystals: Crystals, element_energies: FloatArray) -> FloatArray:
    """The value [n] of a whole [n], but for the cut at zero."""
    n_atoms = crystals.n_atoms
    return (whole + (n_atoms - 1) * (crystals.fractions @ element_energies)) / n_atoms


def least_deviations(values: FloatArray, crystals: Crystals, whole: FloatArray) -> FloatArray:
    """[N_SPECIES] with the least sum of |values - share of whole|, by reweighted least squares.

    Least deviations, because the cut at zero makes gross errors. Elements that do not occur get a typical value.
    """
    n_atoms = crystals.n_atoms
    seen = crystals.formulas.any(axis=0)
    design = (crystals.fractions * (1 - 1 / n_atoms)[:, None])[:, seen]
    rest = values - whole / n_atoms
    mean = float(np.median(rest / design.sum(axis=1)))
    rest = rest - mean * design.sum(axis=1)
    constants, weight = np.zeros(design.shape[1]), np.ones(len(values))
    for _ in range(_REWEIGHTINGS):
        weighted = design * weight[:, None]
        ridge = 1e-6 * weight.mean() * np.eye(design.shape[1])
        constants = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ rest)
        weight = 1 / np.maximum(np.abs(rest - design @ constants), 1e-5)
    found = np.full(N_SPECIES, mean)
    found[seen] += constants
    return found
