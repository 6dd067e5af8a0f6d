"""The bootstrap against a slow twin, a known standard error, and what pairing is for."""

import numpy as np
import pytest

from crystalmatrix.evaluation import bootstrap
from crystalmatrix.evaluation.bootstrap import confidence_interval, paired_difference, resampled_means


def test_resampled_means_equal_a_slow_loop() -> None:
    values = np.random.default_rng(1).normal(size=(23, 3))
    generator = np.random.default_rng(7)
    slow = [values[generator.integers(0, 23, size=23)].mean(axis=0) for _ in range(50)]
    assert resampled_means(values, n_resamples=50, seed=7) == pytest.approx(np.array(slow))


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(size=(23, 2))
    whole = resampled_means(values, n_resamples=50)
    monkeypatch.setattr(bootstrap, "_CHUNK", 100)
    assert np.array_equal(resampled_means(values, n_resamples=50), whole)


def test_interval_of_a_mean_is_the_standard_error() -> None:
    values = np.random.default_rng(2).normal(size=(400, 1))
    low, high = confidence_interval(resampled_means(values, n_resamples=4000)[:, 0], confidence=0.95)
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.05)


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        sample = generator.exponential(size=(100, 1))
        low, high = confidence_interval(resampled_means(sample, n_resamples=300)[:, 0], confidence=0.9)
        hits += low <= 1.0 <= high
    assert 0.83 < hits / 300 < 0.95


def test_pairing_finds_a_small_difference_between_heavy_tails() -> None:
    generator = np.random.default_rng(4)
    error = generator.pareto(1.5, size=500)
    better = error - 0.05 * generator.random(500)
    difference = paired_difference(better, error, n_resamples=1000, confidence=0.95)
    assert difference.verdict == "better"
    assert difference.low < difference.mean < difference.high < 0
    assert paired_difference(error, better, n_resamples=1000, confidence=0.95).verdict == "worse"
    unpaired = [
        confidence_interval(resampled_means(e[:, None], n_resamples=1000)[:, 0], confidence=0.95)
        for e in (better, error)
    ]
    assert unpaired[0][1] > unpaired[1][0]  # the two intervals overlap: without pairing, nothing could be said


def test_equal_errors_are_tied() -> None:
    error = np.random.default_rng(5).random(50)
    assert paired_difference(error, error[::-1].copy(), n_resamples=500, confidence=0.95).verdict == "tied"
    assert paired_difference(error, error, n_resamples=500, confidence=0.95).verdict == "tied"
