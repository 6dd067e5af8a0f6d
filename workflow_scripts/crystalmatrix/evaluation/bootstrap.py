"""Bootstrap confidence intervals of mean errors, and of differences between models on the same crystals.

In: per-crystal values [n, n_models], one row a crystal.  Out: means of resampled crystals and their percentiles. The
mean is linear, so the difference of two columns of resampled means is the paired bootstrap of their difference
(Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Verdict = Literal["better", "worse", "tied"]

FEWEST = 10  # crystals below which nothing is claimed
_CHUNK = 4_000_000  # resampled rows drawn at once: bounds the memory at about 64 MB


@dataclass(frozen=True)
class Difference:
    """Mean error of A minus mean error of B on the same crystals, with its bootstrap interval, in the unit given."""

    n: int
    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """`better` or `worse`, of A against B, only where the interval excludes zero; else `tied`.

        Always `tied` below FEWEST crystals, whose percentile intervals are too short to be trusted.
        """
        if self.n < FEWEST:
            return "tied"
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "tied"


def resampled_means(values: Floats, *, n_resamples: int, seed: int = 0) -> Floats:
    """Column means of `n_resamples` draws of n rows with replacement: [n, n_models] to [n_resamples, n_models].

    The draws depend on n, `n_resamples` and `seed` alone, so all columns see the same crystals.
    """
    n, _ = values.shape
    generator = np.random.default_rng(seed)
    means = np.empty((n_resamples, values.shape[1]))
    step = max(1, _CHUNK // n)
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        drawn = generator.integers(0, n, size=(size, n)) + n * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        means[start : start + size] = counts @ values / n
    return means


def confidence_interval(samples: Floats, *, confidence: float) -> tuple[float, float]:
    """The central percentile interval of bootstrap samples [n_resamples]."""
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def paired_difference(
    errors_a: Floats, errors_b: Floats, *, n_resamples: int, confidence: float, seed: int = 0
) -> Difference:
    """A against B: per-crystal errors [n] of two models on the same crystals. Negative: A is better."""
    delta = errors_a - errors_b
    samples = resampled_means(delta[:, None], n_resamples=n_resamples, seed=seed)[:, 0]
    low, high = confidence_interval(samples, confidence=confidence)
    return Difference(len(delta), float(delta.mean()), low, high)
