"""What benchmarks/scaling.py concludes from its measurements."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest

SIZES = [100, 1_000, 5_000, 15_000, 52_000]


@pytest.fixture
def growth() -> Callable[..., Any]:
    found: Callable[..., Any] = importlib.import_module("scaling").growth
    return found


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_power_is_found_again(growth: Callable[..., Any], power: float) -> None:
    values = [2.0 + 1e-2 * n**power if n > SIZES[0] else 2.0 for n in SIZES]
    found = growth(SIZES, values, 5_000_000)
    assert found.power == pytest.approx(power)
    assert found.value == pytest.approx(2.0 + 1e-2 * 5_000_000**power)


def test_what_grows_faster_in_the_end_is_not_made_tame_by_the_beginning(growth: Callable[..., Any]) -> None:
    """Linear up to 1,000, then with the square: three sizes tell, and all of them would say less."""
    values = [1.0, 2.0, 1.0 + 25, 1.0 + 225, 1.0 + 2704]
    assert growth(SIZES, values, 5_000_000).power == pytest.approx(2.0, abs=0.01)


def test_what_the_start_hides_is_a_bound_and_not_nothing(growth: Callable[..., Any]) -> None:
    found = growth(SIZES, [10.0, 10.1, 10.2, 10.5, 11.8], 5_000_000)
    assert found.power is None
    assert found.value == pytest.approx(10 + 1.8 * (5_000_000 - 100) / (52_000 - 100))
    assert found.shown(1.0).startswith("≤ ")
    assert growth(SIZES, [10.0, 9.0, 9.0, 9.0, 9.0], 5_000_000).value == 10.0
