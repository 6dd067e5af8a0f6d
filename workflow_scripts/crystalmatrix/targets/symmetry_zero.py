"""Zero where symmetry says so: odd-rank tensors of crystals with an inversion centre or of point group 432.

In: values, Crystals.zero.  Out: the same values; exact zeros. Those crystals take no part in the fit of other steps.
"""

from typing import Literal

import numpy as np

from crystalmatrix.targets.step import BoolArray, Crystals, FloatArray, Step


class SymmetryZero(Step):
    """The value of a crystal whose symmetry forbids any is zero, whatever the head says."""

    step: Literal["symmetry_zero"] = "symmetry_zero"

    def teaches(self, value: FloatArray, crystals: Crystals) -> BoolArray:
        return ~crystals.zero

    def inverse(self, value: FloatArray, outputs: FloatArray, crystals: Crystals) -> FloatArray:
        return np.where(crystals.zero, 0.0, value)
