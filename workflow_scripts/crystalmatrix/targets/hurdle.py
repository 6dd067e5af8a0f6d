"""A hurdle for zero-inflated values: the head has one more output, the logit of "not zero".

In: values; the logit.  Out: exact zero where zero is the more probable, as the median of the mixture is then, and else
the median of the values that are not zero. Zeros take no part in the fit of the steps behind.
"""

from typing import ClassVar, Literal

import numpy as np

from crystalmatrix.targets.step import BoolArray, Crystals, FloatArray, Step


class Hurdle(Step):
    """Zero, or not zero and then of a size that the steps behind describe."""

    n_outputs: ClassVar[int] = 1
    step: Literal["hurdle"] = "hurdle"

    def teaches(self, value: FloatArray, crystals: Crystals) -> BoolArray:
        return value != 0

    def inverse(self, value: FloatArray, outputs: FloatArray, crystals: Crystals) -> FloatArray:
        return np.where(outputs[:, 0] < 0, 0.0, value)
