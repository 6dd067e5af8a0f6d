"""Error metrics of one model on one property: arrays in, numbers out.

In: targets and predictions, [n] each, in the property's unit, finite.  Out: floats in that unit.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def absolute_errors(target: Floats, prediction: Floats) -> Floats:
    """|prediction - target|, [n]."""
    return np.abs(prediction - target)


def mae(target: Floats, prediction: Floats) -> float:
    """Mean absolute error."""
    return float(absolute_errors(target, prediction).mean())


def median_ae(target: Floats, prediction: Floats) -> float:
    """Median absolute error: what a typical crystal sees, whatever the tail does."""
    return float(np.median(absolute_errors(target, prediction)))


def rmse(target: Floats, prediction: Floats) -> float:
    """Root mean square error."""
    return float(np.sqrt(np.square(prediction - target).mean()))


def bias(target: Floats, prediction: Floats) -> float:
    """Mean signed error, prediction minus target."""
    return float((prediction - target).mean())


def constant_mae(target: Floats, constant: float) -> float:
    """MAE of predicting `constant` for every crystal. The training median is the best under MAE."""
    return float(np.abs(target - constant).mean())


def spearman(first: Floats, second: Floats) -> float | None:
    """Rank correlation of two [n] arrays with ties averaged; None where one of them is constant."""
    ranks = [_average_ranks(values) for values in (first, second)]
    centred = [rank - rank.mean() for rank in ranks]
    norm = float(np.sqrt(np.square(centred[0]).sum() * np.square(centred[1]).sum()))
    return float((centred[0] * centred[1]).sum() / norm) if norm > 0 else None


def _average_ranks(values: Floats) -> Floats:
    """Rank of each value, 0 for the smallest; equal values share the mean of their ranks."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return (last - (size + 1) / 2.0)[group]
