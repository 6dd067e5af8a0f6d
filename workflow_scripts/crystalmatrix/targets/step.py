"""What a step of a target is: an invertible map between the value of a property and what a head learns.

In: values [n] of crystals, and what is known of these before any prediction.  Out: Step, Crystals.

A step may also decide what the value part of the head learns from at all (`teaches`), and may add outputs of its own to
the head (`n_outputs`), from which its inverse decides. Values are scalars, one a crystal; a property with several
components is a target whose steps commute with rotations, and gets its own first axis here.
"""

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts.document import Part

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Crystals(NamedTuple):
    """What steps may know of `n` crystals."""

    formulas: FloatArray  # [n, N_SPECIES] atoms in the formula unit, see crystals/formula.py
    zero: BoolArray  # [n] odd-rank tensors vanish by symmetry

    @property
    def fractions(self) -> FloatArray:
        """[n, N_SPECIES] share of each element."""
        return self.formulas / self.n_atoms[:, None]

    @property
    def n_atoms(self) -> FloatArray:
        """[n] atoms of the formula unit."""
        return self.formulas.sum(axis=1)

    def at(self, rows: NDArray) -> "Crystals":
        """Some of them: indices, or a mask [n]."""
        return Crystals(self.formulas[rows], self.zero[rows])


class Step(Part):
    """By itself the identity. The fields of a step are its fitted state, and JSON."""

    n_outputs: ClassVar[int] = 0  # of the head, beside the value

    def teaches(self, value: FloatArray, crystals: Crystals) -> BoolArray:
        """[n] whether the steps behind, and the value part of the head, learn from the crystal."""
        return np.ones(len(value), bool)

    def forward(self, value: FloatArray, crystals: Crystals) -> FloatArray:
        """[n] towards the head."""
        return value

    def inverse(self, value: FloatArray, outputs: FloatArray, crystals: Crystals) -> FloatArray:
        """[n] back towards the property; outputs [n, n_outputs] are the step's own."""
        return value

    def slope(self, crystals: Crystals) -> FloatArray:
        """[n] how much of a change behind the step reaches its front, where that differs between crystals."""
        return np.ones(len(crystals.formulas))
