"""The nearest in a stretch of volumes is that of comparing all with all, found with few comparisons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.data.nearest import BLOCK, Found, Nearest


def crystals(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows, volumes, points [n, 4]); some are alike, some have equal volumes."""
    random = np.random.default_rng(seed)
    points = random.integers(0, 4, (n, 4)) + random.choice([0, 1e-3, 0.1], (n, 1))
    return random.permutation(10 * n)[:n], random.integers(0, 40, n) / 40, points


@given(seed=st.integers(0, 10_000), n=st.integers(1, 12 * BLOCK))
def test_the_nearest_as_found_by_comparing_all(seed: int, n: int) -> None:
    rows, volumes, points = crystals(n, seed)
    nearest = Nearest(rows, volumes, points)
    random = np.random.default_rng(seed + 1)
    for _ in range(5):
        low, high = sorted(random.uniform(-0.1, 1.1, 2))
        point = random.uniform(0, 3, 4)
        inside = [k for k in range(n) if low <= volumes[k] <= high]
        expected = min((Found(np.sqrt(np.mean((points[k] - point) ** 2)), int(rows[k])) for k in inside), default=None)
        found = nearest.within(low, high, point)
        assert (found is None) == (expected is None)
        if found and expected:
            assert found.distance == pytest.approx(expected.distance, abs=1e-12)
            assert found.row in {rows[k] for k in inside}


def test_of_equally_near_ones_the_first_is_named() -> None:
    """As long as they are few: in a tree, any."""
    nearest = Nearest(np.array([7, 3, 5]), np.array([1.0, 1.0, 1.0]), np.zeros((3, 4)))
    assert nearest.within(1, 1, np.ones(4)) == Found(1.0, 3)


def test_comparisons_grow_with_the_logarithm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a search; and of the crystals in all trees, made as they are needed, with n log n."""
    compared: list[int] = []
    compare = Nearest._compared
    monkeypatch.setattr(
        Nearest,
        "_compared",
        lambda self, places, point: (compared.append(len(places)), compare(self, places, point))[1],
    )
    for doublings in range(4, 8):
        n = BLOCK << doublings
        rows, volumes, points = crystals(n, seed=doublings)
        nearest = Nearest(rows, volumes + np.linspace(0, 1e-6, n), points)
        compared.clear()
        for k in range(0, n, 7):
            nearest.within(volumes[k] - 0.2, volumes[k] + 0.2, points[k])
        assert max(compared) <= 2 * BLOCK + 2 * doublings
        assert sum(tree.n for tree, _ in nearest._trees.values()) <= n * (doublings + 1)
        assert len(nearest._trees) > doublings


@given(seed=st.integers(0, 10_000))
def test_of_equal_ones_it_is_the_first(seed: int) -> None:
    """Hundreds in eight places, at rows in any order: a tree alone would name any of them."""
    random = np.random.default_rng(seed)
    points, rows = random.integers(0, 2, (6 * BLOCK, 3)).astype(float), random.permutation(10 * BLOCK)[: 6 * BLOCK]
    found = Nearest(rows, np.zeros(len(rows)), points).within(-1, 1, points[0])
    assert found == Found(0.0, int(rows[(points == points[0]).all(axis=1)].min()))
