"""The scale of the loss: L1 in a monotone transform has the same minimiser, the conditional median, as L1 in the value,
and tames heavy tails.

In: values in the property's unit.  Out: their identity, logarithm or arsinh; back, within the bounds of predictions.
"""

from typing import Literal, Self

import numpy as np

from crystalmatrix.targets.step import Crystals, FloatArray, Step

_LEAST = 1e-6  # in the unit: what a logarithm is taken of at least
_MARGIN = 0.1  # of the training range, by which predictions may leave it

Kind = Literal["identity", "log", "asinh"]


class Transform(Step):
    """value -> kind(value); predictions stay in [low, high]."""

    step: Literal["transform"] = "transform"
    kind: Kind
    scale: float  # in the unit: asinh(value / scale)
    low: float  # in the unit: the training range plus a margin, but no negative values where there are none
    high: float

    @classmethod
    def fit(cls, values: FloatArray, *, kind: Kind, typical: FloatArray) -> Self:
        """Bounds from all training values [n]; the scale is the median size of `typical`, those that are not zero."""
        margin = _MARGIN * float(values.max() - values.min())
        return cls(
            kind=kind,
            scale=float(np.median(np.abs(typical))) if len(typical) else 1.0,
            low=float(values.min()) - (margin if values.min() < 0 else 0.0),
            high=float(values.max()) + margin,
        )

    def forward(self, value: FloatArray, crystals: Crystals) -> FloatArray:
        return self._of(value)

    def inverse(self, value: FloatArray, outputs: FloatArray, crystals: Crystals) -> FloatArray:
        limits = self._of(np.array([self.low, self.high]))
        within = np.clip(value, *limits)  # before: exp and sinh of a wild output overflow
        return np.clip(self._back(within), self.low, self.high)  # after: of rounding

    def _of(self, value: FloatArray) -> FloatArray:
        if self.kind == "log":
            return np.log(np.maximum(value, _LEAST))
        return np.arcsinh(value / self.scale) if self.kind == "asinh" else value

    def _back(self, transformed: FloatArray) -> FloatArray:
        if self.kind == "log":
            return np.exp(transformed)
        return self.scale * np.sinh(transformed) if self.kind == "asinh" else transformed


def possible(kind: Kind, values: FloatArray) -> Kind:
    """The transform that is meant, or asinh where a value has no logarithm."""
    return "asinh" if kind == "log" and values.min() <= 0 else kind
