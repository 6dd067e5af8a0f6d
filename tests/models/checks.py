"""What every model of a crystal must satisfy, as checks of its predictions; AssertionError where it does not.

In: Predict, the outputs [n_crystals, n_outputs] of a list of crystals in float64.  Out: nothing.
Each check is run on every architecture (test_architectures.py) and on models made to fail it (test_controls.py).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .cases import Crystal, random_crystal

Predict = Callable[[list[Crystal]], NDArray[np.float64]]
EXACT = 1e-11  # of the largest output: inputs are float64, and the models reach 1e-15


def assert_same(values: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(values, np.broadcast_to(expected, values.shape), atol=EXACT * np.abs(expected).max())


def rotation(predict: Predict) -> None:
    for seed in range(3):
        crystal = random_crystal(seed)
        rotated = crystal.lattice @ Rotation.random(random_state=seed).as_matrix().T
        expected, found = predict([crystal, crystal.changed(lattice=rotated)])
        assert_same(found, expected)


def inversion(predict: Predict) -> None:
    crystal = random_crystal(0)
    expected, found = predict([crystal, crystal.changed(lattice=-crystal.lattice)])
    assert_same(found, expected)


def translation(predict: Predict) -> None:
    crystal = random_crystal(2)
    expected, found = predict([crystal, crystal.changed(fractional=crystal.fractional + np.array([0.31, 0.77, 0.12]))])
    assert_same(found, expected)


def permutation(predict: Predict) -> None:
    crystal, order = random_crystal(2), np.array([3, 0, 4, 1, 2])
    permuted = crystal.changed(species=crystal.species[order], fractional=crystal.fractional[order])
    expected, found = predict([crystal, permuted])
    assert_same(found, expected)


def choice_of_cell(predict: Predict) -> None:
    crystal = random_crystal(3, n_atoms=3)
    sheared = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])  # another basis of the same lattice
    other = crystal.changed(lattice=sheared @ crystal.lattice, fractional=crystal.fractional @ np.linalg.inv(sheared))
    expected, *found = predict([crystal, crystal.supercell((2, 1, 1)), other])
    assert_same(np.array(found), expected)


def batch_equals_single(predict: Predict) -> None:
    crystals = [random_crystal(seed, n_atoms=n) for seed, n in enumerate([1, 2, 7])]
    assert_same(predict(crystals), np.concatenate([predict([crystal]) for crystal in crystals]))


def deterministic(predict: Predict) -> None:
    crystals = [random_crystal(4), random_crystal(5)]
    np.testing.assert_array_equal(predict(crystals), predict(crystals))


def sees_elements(predict: Predict) -> None:
    crystal = random_crystal(6)
    first, second = predict([crystal, crystal.changed(species=crystal.species[::-1].copy())])
    assert np.abs(first - second).max() > 1e-3 * np.abs(first).max()


def sees_geometry(predict: Predict) -> None:
    crystal = random_crystal(6)
    moved = crystal.fractional + np.array([[0.03, 0, 0]] + [[0, 0, 0]] * 4)
    first, second = predict([crystal, crystal.changed(fractional=moved)])
    assert np.abs(first - second).max() > 1e-4 * np.abs(first).max()


def smooth(predict: Predict) -> None:
    """Atoms cross the cutoff and swap ranks on the way, and the output moves by no more than its slope says.

    Steps that are four times finer move it four times less, unless it jumps somewhere.
    """
    start = Crystal(
        np.array([11, 17, 8], np.uint8),
        np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.3, 0.1, 0.7]]),
        np.diag([4.9, 5.2, 6.1]) + 0.01,
    )
    moving = np.array([[0.0, 0, 0], [0, 0, 0.05], [0, 0, 0]])

    def largest_step(n: int) -> float:
        path = [
            start.changed(lattice=start.lattice * (1 + 0.06 * at), fractional=start.fractional + moving * at)
            for at in np.linspace(0, 1, n + 1)
        ]
        return float(np.abs(np.diff(predict(path), axis=0)).max())

    assert largest_step(320) < 0.4 * largest_step(80)
