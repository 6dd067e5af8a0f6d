"""The last step before the head: median zero, mean absolute deviation one, on the training fold.

In: what the steps before left.  Out: numbers of order one.
"""

from typing import Literal, Self

import numpy as np

from crystalmatrix.targets.step import Crystals, FloatArray, Step


class Standardise(Step):
    """value -> (value - centre) / scale."""

    step: Literal["standardise"] = "standardise"
    centre: float
    scale: float

    @classmethod
    def fit(cls, value: FloatArray) -> Self:
        """Of training values [n]; equal ones keep their scale."""
        centre = float(np.median(value))
        return cls(centre=centre, scale=float(np.mean(np.abs(value - centre))) or 1.0)

    def forward(self, value: FloatArray, crystals: Crystals) -> FloatArray:
        return (value - self.centre) / self.scale

    def inverse(self, value: FloatArray, outputs: FloatArray, crystals: Crystals) -> FloatArray:
        return value * self.scale + self.centre
