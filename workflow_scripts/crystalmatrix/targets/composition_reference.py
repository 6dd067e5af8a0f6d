"""What the composition explains of a value, subtracted: a linear fit on the fractions of the elements.

In: transformed values of the training fold, fractions.  Out: the rest, that the head learns.
"""

from typing import Literal, Self

import numpy as np

from crystalmatrix.targets.step import Crystals, FloatArray, Step

_RIDGES = (1e-2, 1e-1, 1.0, 10.0, 100.0)


class CompositionReference(Step):
    """value -> value - reference . fractions."""

    step: Literal["composition_reference"] = "composition_reference"
    reference: tuple[float, ...]  # [N_SPECIES] per element, on the transformed scale

    @classmethod
    def fit(cls, value: FloatArray, crystals: Crystals) -> Self | None:
        """Ridge regression on the composition, around the mean: elements that are not seen get the mean.

        The ridge with the lowest leave-one-out absolute error; None where the mean alone is better, as in tiny sets.
        """
        mean = float(value.mean())
        fractions, n = crystals.fractions, len(value)
        best = float(np.mean(np.abs(value - mean))) * n / max(n - 1, 1)  # the mean of the others, closed form
        reference = None
        gram, moment = fractions.T @ fractions, fractions.T @ (value - mean)
        for ridge in _RIDGES:
            inverse = np.linalg.inv(gram + ridge * np.eye(len(gram)))
            leverage = np.einsum("ij,ij->i", fractions @ inverse, fractions)
            weights = inverse @ moment
            left_out = np.abs(value - mean - fractions @ weights) / (1 - np.minimum(leverage, 1 - 1e-9))
            if float(np.mean(left_out)) < best:
                best, reference = float(np.mean(left_out)), mean + weights
        return None if reference is None else cls(reference=tuple(reference.tolist()))

    def forward(self, value: FloatArray, crystals: Crystals) -> FloatArray:
        return value - crystals.fractions @ np.array(self.reference)

    def inverse(self, value: FloatArray, outputs: FloatArray, crystals: Crystals) -> FloatArray:
        return value + crystals.fractions @ np.array(self.reference)
