"""How much larger errors are far from what a model was trained on.

In: errors and distances of the test crystals, [n] each.  Out: bins of rising distance with their MAE; the ratio of the
last to the first.
"""

import math

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts.scores import DistanceBin
from crystalmatrix.evaluation.bootstrap import FEWEST, confidence_interval, resampled_means

Floats = NDArray[np.float64]
BINS = 4


def error_by_distance(
    error: Floats, distance: Floats, *, n_resamples: int, confidence: float, n_bins: int = BINS
) -> tuple[DistanceBin, ...] | None:
    """Equal bins; None with fewer crystals than would fill them with FEWEST each."""
    parts = _bins(distance, n_bins)
    if len(parts[-1]) < FEWEST:
        return None
    found = []
    for part in parts:
        means = resampled_means(error[part][:, None], n_resamples=n_resamples)[:, 0]
        low, high = confidence_interval(means, confidence=confidence)
        nearest, farthest = (_finite(float(distance[part[place]])) for place in (0, -1))
        mae = float(error[part].mean())
        found.append(DistanceBin(nearest=nearest, farthest=farthest, mae=mae, mae_low=low, mae_high=high, n=len(part)))
    return tuple(found)


def far_to_near(
    error: Floats, distance: Floats, *, n_resamples: int, confidence: float, n_bins: int = BINS
) -> tuple[float, float, float] | None:
    """(ratio, low, high) of the MAE in the last bin to that in the first, each resampled; None where that is zero."""
    parts = _bins(distance, n_bins)
    if len(parts[-1]) < FEWEST:
        return None
    near, far = (
        resampled_means(error[part][:, None], n_resamples=n_resamples, seed=seed)[:, 0]
        for seed, part in enumerate((parts[0], parts[-1]))
    )
    if not near.all():
        return None
    low, high = confidence_interval(far / near, confidence=confidence)
    return float(error[parts[-1]].mean() / error[parts[0]].mean()), low, high


def _bins(distance: Floats, n_bins: int) -> list[NDArray[np.int64]]:
    """Rows from the nearest to the farthest, those of equal distance in the order of the rows."""
    return np.array_split(np.argsort(distance, kind="stable"), n_bins)


def _finite(distance: float) -> float | None:
    return distance if math.isfinite(distance) else None
