"""Prediction intervals from the errors on the validation fold.

In: predictions and spreads, [n] each, in the property's unit; what was seen on the validation fold.  Out: bounds.

The intervals are split-conformal (Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018)): of crystals drawn like the
validation fold they cover the stated share, whatever the model, but for one thing: the same fold also chose the epoch,
so its residuals are slightly too small. The interval coverage on the test fold says how much that matters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEVEL = 0.9  # stated probability of the intervals in predictions.parquet


@dataclass(frozen=True)
class Calibration:
    """What the validation fold of one property says about a model's errors."""

    residual: FloatArray  # [n_val] |prediction - value|
    spread: FloatArray | None  # [n_val] of the ensemble; None for a single model

    def bounds(self, prediction: FloatArray, spread: FloatArray, *, level: float) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds, [n]; the spread [n] counts where the ensemble has one."""
        return conformal_interval(
            prediction,
            None if self.spread is None else spread,
            validation_residual=self.residual,
            validation_spread=self.spread,
            level=level,
        )


def conformal_interval(
    prediction: FloatArray,
    spread: FloatArray | None,
    *,
    validation_residual: FloatArray,
    validation_spread: FloatArray | None,
    level: float = LEVEL,
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bounds, [n]: prediction plus and minus a quantile of the validation residuals, [n_val].

    With the spread of an ensemble given for both folds, the width follows it: residuals are measured in units of the
    spread plus its validation median, so that a crystal on which all members agree does not get an empty interval.
    NaN where there is no residual to go by.
    """
    residual = np.abs(validation_residual)
    if not len(residual):
        unknown = np.full(len(prediction), np.nan)
        return unknown, unknown
    if spread is None or validation_spread is None:
        width = _conformal_quantile(residual, level)
        return prediction - width, prediction + width
    least = float(np.median(validation_spread))
    if least <= 0:  # most members agree exactly: the spread says too little to scale by
        least = float(residual.mean()) or 1.0
    half = _conformal_quantile(residual / (validation_spread + least), level) * (spread + least)
    return prediction - half, prediction + half


def _conformal_quantile(score: FloatArray, level: float) -> float:
    """The ceil((n + 1) level)-th smallest score; the largest where that is beyond the n given."""
    rank = min(int(np.ceil((len(score) + 1) * level)), len(score))
    return float(np.sort(score)[rank - 1])
