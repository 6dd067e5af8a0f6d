"""The metrics against scikit-learn and scipy, and what must hold for any errors."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr
from sklearn import metrics as oracle

from crystalmatrix.evaluation import metrics, uncertainty

values = st.integers(2, 40).flatmap(
    lambda n: st.tuples(*(arrays(float, n, elements=st.floats(-1e3, 1e3, width=32)) for _ in range(2)))
)


@given(values)
def test_errors_equal_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    target, prediction = pair
    assert metrics.mae(target, prediction) == pytest.approx(oracle.mean_absolute_error(target, prediction))
    assert metrics.median_ae(target, prediction) == pytest.approx(oracle.median_absolute_error(target, prediction))
    assert metrics.rmse(target, prediction) == pytest.approx(oracle.root_mean_squared_error(target, prediction))


@given(values)
def test_spearman_equals_scipy_with_ties(pair: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = (np.round(array, -2) for array in pair)  # hundreds: many ties
    ours = metrics.spearman(first, second)
    if ours is None:
        assert np.ptp(first) == 0 or np.ptp(second) == 0
    else:
        assert ours == pytest.approx(spearmanr(first, second).statistic)


@given(values)
def test_no_constant_beats_the_median(pair: tuple[np.ndarray, np.ndarray]) -> None:
    target, others = pair
    best = metrics.constant_mae(target, float(np.median(target)))
    assert all(best <= metrics.constant_mae(target, float(other)) + 1e-9 for other in others)


def test_bias_has_the_sign_of_prediction_minus_target() -> None:
    assert metrics.bias(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == 1.5


def test_coverage_and_width() -> None:
    target, lower, upper = np.array([0.0, 1.0, 2.0, 3.0]), np.zeros(4), np.array([0.0, 2.0, 1.0, 5.0])
    assert uncertainty.coverage(target, lower, upper) == 0.75
    assert uncertainty.mean_width(lower, upper) == 2.0


@given(values, st.integers(1, 12))
def test_bins_of_spread_hold_every_crystal_once_in_rising_order(
    pair: tuple[np.ndarray, np.ndarray], n_bins: int
) -> None:
    error, spread = np.abs(pair[0]), np.abs(pair[1])
    bins = uncertainty.error_by_spread(error, spread, n_bins=n_bins)
    assert sum(part["n"] for part in bins) == len(error)
    assert sum(part["mae"] * part["n"] for part in bins) == pytest.approx(error.sum())
    assert all(a["spread"] <= b["spread"] + 1e-9 for a, b in pairwise(bins))


@given(st.integers(0, 1000), st.booleans())
def test_conformal_intervals_cover_the_stated_share(seed: int, with_spread: bool) -> None:
    generator = np.random.default_rng(seed)
    spread = generator.gamma(2.0, 1.0, 4000)
    target = spread * generator.standard_t(3, 4000)
    prediction = np.zeros(4000)
    val, test = slice(0, 2000), slice(2000, None)
    lower, upper = uncertainty.conformal_interval(
        prediction[test],
        spread[test] if with_spread else None,
        validation_residual=target[val],
        validation_spread=spread[val] if with_spread else None,
        level=0.8,
    )
    assert uncertainty.coverage(target[test], lower, upper) == pytest.approx(0.8, abs=0.06)


def test_conformal_intervals_of_few_or_agreeing_members() -> None:
    prediction = np.zeros(2)
    lower, upper = uncertainty.conformal_interval(
        prediction, None, validation_residual=np.array([1.0, -3.0]), validation_spread=None
    )
    assert list(lower) == [-3.0, -3.0]  # too few for 90 %: the largest residual
    assert list(upper) == [3.0, 3.0]
    agreeing = np.zeros(2)
    lower, upper = uncertainty.conformal_interval(
        prediction, agreeing, validation_residual=np.array([1.0, 3.0]), validation_spread=agreeing
    )
    assert list(upper - lower) == [6.0, 6.0]
