"""Split-conformal intervals: what they promise, for any data; and the measures of uncertainty."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crystalmatrix.evaluation import uncertainty
from crystalmatrix.trained.calibration import conformal_interval

values = st.integers(2, 40).flatmap(
    lambda n: st.tuples(*(arrays(float, n, elements=st.floats(-1e3, 1e3, width=32)) for _ in range(2)))
)
residuals = arrays(float, st.integers(1, 60), elements=st.floats(-1e3, 1e3, width=32))
levels = st.floats(0.05, 0.99)


def widths(residual: np.ndarray, level: float) -> float:
    lower, upper = conformal_interval(
        np.zeros(1), None, validation_residual=residual, validation_spread=None, level=level
    )
    return float((upper - lower)[0])


@given(residuals, levels)
def test_the_quantile_is_the_finite_sample_one(residual: np.ndarray, level: float) -> None:
    """Of n + 1 exchangeable residuals the new one is within the bound with probability rank / (n + 1) >= level."""
    half = widths(residual, level) / 2
    within = int((np.abs(residual) <= half).sum())
    n = len(residual)
    assert half in np.abs(residual)
    assert within >= min(np.ceil((n + 1) * level), n)
    assert int((np.abs(residual) < half).sum()) < np.ceil((n + 1) * level)


@given(residuals, levels, levels)
def test_a_higher_level_is_never_narrower(residual: np.ndarray, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert widths(residual, low) <= widths(residual, high)


@given(residuals, st.permutations(range(8)), st.floats(-1e3, 1e3))
def test_intervals_know_no_order_and_no_sign_of_residuals(residual: np.ndarray, order: list[int], shift: float) -> None:
    shuffled = residual[np.argsort([order[i % 8] for i in range(len(residual))], kind="stable")]
    assert widths(shuffled, 0.9) == widths(-residual, 0.9)
    lower, upper = conformal_interval(np.array([shift]), None, validation_residual=residual, validation_spread=None)
    assert (upper + lower)[0] == pytest.approx(2 * shift, abs=1e-6)


@given(st.integers(0, 1000), st.booleans())
def test_conformal_intervals_cover_the_stated_share(seed: int, with_spread: bool) -> None:
    generator = np.random.default_rng(seed)
    spread = generator.gamma(2.0, 1.0, 4000)
    target = spread * generator.standard_t(3, 4000)
    prediction = np.zeros(4000)
    val, test = slice(0, 2000), slice(2000, None)
    lower, upper = conformal_interval(
        prediction[test],
        spread[test] if with_spread else None,
        validation_residual=target[val],
        validation_spread=spread[val] if with_spread else None,
        level=0.8,
    )
    assert uncertainty.interval_coverage(target[test], lower, upper) == pytest.approx(0.8, abs=0.06)


def test_a_spread_that_tells_the_error_makes_sharper_intervals() -> None:
    generator = np.random.default_rng(0)
    spread = generator.gamma(1.0, 1.0, 4000)
    target = spread * generator.standard_normal(4000)
    plain, scaled = (
        conformal_interval(
            np.zeros(2000),
            spread[2000:] if use else None,
            validation_residual=target[:2000],
            validation_spread=spread[:2000] if use else None,
        )
        for use in (False, True)
    )
    assert uncertainty.mean_width(*scaled) < uncertainty.mean_width(*plain)


def test_conformal_intervals_of_no_or_few_residuals_or_agreeing_members() -> None:
    prediction = np.zeros(2)
    lower, upper = conformal_interval(
        prediction, None, validation_residual=np.array([1.0, -3.0]), validation_spread=None
    )
    assert list(lower) == [-3.0, -3.0]  # too few for 90 %: the largest residual
    assert list(upper) == [3.0, 3.0]
    agreeing = np.zeros(2)
    lower, upper = conformal_interval(
        prediction, agreeing, validation_residual=np.array([1.0, 3.0]), validation_spread=agreeing
    )
    assert list(upper - lower) == [6.0, 6.0]
    lower, upper = conformal_interval(prediction, None, validation_residual=np.array([]), validation_spread=None)
    assert np.isnan([lower, upper]).all()


def test_coverage_and_width() -> None:
    target, lower, upper = np.array([0.0, 1.0, 2.0, 3.0]), np.zeros(4), np.array([0.0, 2.0, 1.0, 5.0])
    assert uncertainty.interval_coverage(target, lower, upper) == 0.75
    assert uncertainty.mean_width(lower, upper) == 2.0


@given(values, st.integers(1, 12))
def test_bins_of_spread_hold_every_crystal_once_in_rising_order(
    pair: tuple[np.ndarray, np.ndarray], n_bins: int
) -> None:
    error, spread = np.abs(pair[0]), np.abs(pair[1])
    bins = uncertainty.error_by_spread(error, spread, n_bins=n_bins)
    assert sum(part.n for part in bins) == len(error)
    assert sum(part.mae * part.n for part in bins) == pytest.approx(error.sum())
    assert all(a.spread <= b.spread + 1e-9 for a, b in pairwise(bins))
