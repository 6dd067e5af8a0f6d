"""Errors by distance: bins are what loops give, a rise is seen, and chance is not taken for one."""

import numpy as np
import pytest

from crystalmatrix.evaluation.distance import error_by_distance, far_to_near

CHANCE = {"n_resamples": 1000, "confidence": 0.95}


def made(n: int, *, growth: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Errors whose scale is 1 + growth times the distance, and these distances."""
    random = np.random.default_rng(seed)
    distance = random.random(n)
    return np.abs(random.normal(size=n)) * (1 + growth * distance), distance


def test_bins_are_those_of_a_loop() -> None:
    error, distance = made(203, growth=2)
    found = error_by_distance(error, distance, **CHANCE)
    assert found is not None
    rows = sorted(range(203), key=lambda k: distance[k])
    start = 0
    for part in found:
        members = rows[start : start + part.n]
        assert part.mae == pytest.approx(sum(error[k] for k in members) / part.n)
        assert (part.nearest, part.farthest) == (distance[members[0]], distance[members[-1]])
        assert part.mae_low < part.mae < part.mae_high
        start += part.n
    assert start == 203
    assert {part.n for part in found} == {50, 51}


def test_a_rise_is_seen() -> None:
    ratio, low, high = far_to_near(*made(400, growth=4), **CHANCE)
    assert 1.5 < low < ratio < high


def test_chance_is_not_taken_for_a_rise() -> None:
    """The control: of forty sets without a rise few intervals leave out 1."""
    left_out = 0
    for seed in range(40):
        _, low, high = far_to_near(*made(400, growth=0, seed=seed), **CHANCE)
        left_out += not low <= 1 <= high
    assert left_out <= 6


def test_few_crystals_or_no_error_say_nothing() -> None:
    assert error_by_distance(*made(39, growth=1), **CHANCE) is None
    assert far_to_near(*made(39, growth=1), **CHANCE) is None
    error, distance = made(80, growth=1)
    error[np.argsort(distance)[:20]] = 0
    assert far_to_near(error, distance, **CHANCE) is None


def test_an_unseen_element_is_farthest() -> None:
    error, distance = made(40, growth=1)
    distance[3] = np.inf
    found = error_by_distance(error, distance, **CHANCE)
    assert found is not None
    assert found[-1].farthest is None
    assert found[-1].nearest is not None
