"""Whether prediction intervals are right, and whether an ensemble's spread tells the error.

In: predictions, targets, bounds and spreads, [n] each, in the property's unit.  Out: interval coverage, width, and
error against spread.
"""

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts.scores import SpreadBin

Floats = NDArray[np.float64]


def interval_coverage(target: Floats, lower: Floats, upper: Floats) -> float:
    """Share of crystals whose target lies within its interval."""
    return float(((lower <= target) & (target <= upper)).mean())


def mean_width(lower: Floats, upper: Floats) -> float:
    """Sharpness: the mean width of the intervals."""
    return float((upper - lower).mean())


def error_by_spread(error: Floats, spread: Floats, *, n_bins: int = 10) -> tuple[SpreadBin, ...]:
    """Crystals in equal bins of rising spread; means within each bin."""
    order = np.argsort(spread, kind="stable")
    bins = [part for part in np.array_split(order, min(n_bins, len(order))) if len(part)]
    return tuple(SpreadBin(spread=float(spread[b].mean()), mae=float(error[b].mean()), n=len(b)) for b in bins)
