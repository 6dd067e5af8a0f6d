"""Intervals from validation residuals; whether they are right, and whether an ensemble's spread tells the error.

In: predictions, targets, bounds and spreads, [n] each, in the property's unit.  Out: bounds; coverage, width, and error
against spread. The intervals are split-conformal (Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018)): of crystals drawn
like the validation fold they cover the stated share, whatever the model, but for one thing: the same fold also chose
the epoch, so its residuals are slightly too small. The coverage on the test fold says how much that matters.
"""

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.evaluation.metrics import spearman

Floats = NDArray[np.float64]

LEVEL = 0.9  # stated coverage of the intervals in predictions.parquet


def conformal_interval(
    prediction: Floats,
    spread: Floats | None,
    *,
    validation_residual: Floats,
    validation_spread: Floats | None,
    level: float = LEVEL,
) -> tuple[Floats, Floats]:
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
    floor = float(np.median(validation_spread))
    if floor <= 0:  # most members agree exactly: the spread says too little to scale by
        floor = float(residual.mean()) or 1.0
    half = _conformal_quantile(residual / (validation_spread + floor), level) * (spread + floor)
    return prediction - half, prediction + half


def _conformal_quantile(score: Floats, level: float) -> float:
    """The ceil((n + 1) level)-th smallest score; the largest where that is beyond the n given."""
    rank = min(int(np.ceil((len(score) + 1) * level)), len(score))
    return float(np.sort(score)[rank - 1])


def coverage(target: Floats, lower: Floats, upper: Floats) -> float:
    """Share of crystals whose target lies within its interval."""
    return float(((lower <= target) & (target <= upper)).mean())


def mean_width(lower: Floats, upper: Floats) -> float:
    """Sharpness: the mean width of the intervals."""
    return float((upper - lower).mean())


def error_by_spread(error: Floats, spread: Floats, *, n_bins: int = 10) -> list[dict[str, float]]:
    """Crystals in equal bins of rising spread: [{"spread", "mae", "n"}], means within each bin."""
    order = np.argsort(spread, kind="stable")
    bins = [part for part in np.array_split(order, min(n_bins, len(order))) if len(part)]
    return [{"spread": float(spread[b].mean()), "mae": float(error[b].mean()), "n": len(b)} for b in bins]


def spread_correlation(error: Floats, spread: Floats) -> float | None:
    """Spearman correlation of absolute error and spread; None where the spread does not vary."""
    return spearman(error, spread)
