"""Are the intervals right, and does the spread of an ensemble tell the error?

In: targets, bounds and spreads, [n] each, in the property's unit.  Out: coverage, width, and error against spread.
"""

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.evaluation.metrics import spearman

Floats = NDArray[np.float64]


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
