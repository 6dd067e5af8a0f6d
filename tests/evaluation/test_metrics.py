"""The metrics against scikit-learn and scipy, and what must hold for any errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr
from sklearn import metrics as oracle

from crystalmatrix.evaluation import metrics

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
