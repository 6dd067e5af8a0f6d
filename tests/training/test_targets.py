"""Targets: what is standardised comes back, zeros are zeros, bounds hold, nothing of the test fold is used."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.models.batch import N_SPECIES
from crystalmatrix.training.targets import Target, composition, head_loss

FRACTIONS = np.eye(N_SPECIES)[np.tile([3, 8, 26], 10)]
NO_ZERO = np.zeros(30, bool)


def values(kind):
    random = np.random.default_rng(0)
    return {
        "identity": random.normal(0, 2, 30),
        "log": np.exp(random.normal(2, 1, 30)),
        "asinh": random.normal(0, 30, 30) ** 3 / 1000,
    }[kind]


@pytest.mark.parametrize("kind", ["identity", "log", "asinh"])
@pytest.mark.parametrize("reference", [False, True])
def test_round_trip(kind, reference):
    y = values(kind)
    target = Target.fit(y, FRACTIONS, name="x", unit="1", transform=kind, composition_reference=reference)
    output = torch.from_numpy(target.standardise(y, FRACTIONS)).unsqueeze(1)
    np.testing.assert_allclose(target.predict(output, FRACTIONS, NO_ZERO), y, rtol=1e-9, atol=1e-9)
    assert abs(np.median(output.numpy())) < 1e-9 or reference


def test_hurdle_predicts_exact_zeros():
    y = np.where(np.arange(30) % 2, values("log"), 0.0)
    target = Target.fit(y, FRACTIONS, name="x", unit="1", transform="asinh", hurdle=True)
    metal = torch.where(torch.from_numpy(y) == 0, -1.0, 1.0).double()
    output = torch.stack([metal, torch.from_numpy(target.standardise(y, FRACTIONS))], dim=1)
    np.testing.assert_allclose(target.predict(output, FRACTIONS, NO_ZERO), y, atol=1e-9)


def test_symmetry_gate():
    y = values("log")
    target = Target.fit(y, FRACTIONS, name="x", unit="1", transform="log", zero_by_symmetry=True)
    zero = np.arange(30) % 3 == 0
    predicted = target.predict(torch.zeros(30, 1), FRACTIONS, zero)
    assert (predicted[zero] == 0).all()
    assert (predicted[~zero] > 0).all()


def test_what_symmetry_decides_takes_no_part_in_the_fit():
    y = values("log")
    zero = np.arange(30) % 3 == 0
    arguments = {
        "name": "x",
        "unit": "1",
        "transform": "asinh",
        "zero_by_symmetry": True,
        "composition_reference": True,
    }
    one = Target.fit(np.where(zero, 0.0, y), FRACTIONS, zero=zero, **arguments)
    other = Target.fit(np.where(zero, 0.1, y), FRACTIONS, zero=zero, **arguments)
    assert one.deviation > other.deviation  # of all crystals, as the best constant is
    np.testing.assert_array_equal(one.standardise(y, FRACTIONS), other.standardise(y, FRACTIONS))


def test_composition_reference_only_where_it_helps():
    """Kept where the composition decides; next to constant, or none, where it would fit the noise of a tiny set."""
    random = np.random.default_rng(0)
    decided = FRACTIONS @ np.linspace(0, 10, FRACTIONS.shape[1])
    arguments = {"name": "x", "unit": "1", "transform": "identity", "composition_reference": True}
    assert Target.fit(decided, FRACTIONS, **arguments).reference is not None
    few = random.dirichlet(np.full(40, 0.1), 25)
    fractions = np.hstack([few, np.zeros((25, FRACTIONS.shape[1] - 40))])
    noise = Target.fit(random.normal(size=25), fractions, **arguments)
    assert np.ptp(noise.reference or [0.0]) < 0.1


@given(st.floats(-1e6, 1e6))
def test_predictions_stay_near_the_training_range(output):
    y = values("asinh")
    target = Target.fit(y, FRACTIONS, name="x", unit="1", transform="asinh")
    predicted = target.predict(torch.full((30, 1), output), FRACTIONS, NO_ZERO)
    assert predicted.min() >= target.low
    assert predicted.max() <= target.high


def test_composition_reference_learns_the_elements():
    y = FRACTIONS @ np.linspace(-3, 5, N_SPECIES)
    target = Target.fit(y, FRACTIONS, name="x", unit="1", transform="identity", composition_reference=True)
    np.testing.assert_allclose(target.predict(torch.zeros(30, 1), FRACTIONS, NO_ZERO), y, atol=0.02)


def test_composition_rows_sum_to_one():
    fractions = composition(np.array([8, 8, 26, 3], np.uint8), np.array([0, 3, 4]))
    np.testing.assert_allclose(fractions.sum(axis=1), 1)
    assert fractions[0, 8] == pytest.approx(2 / 3)


def test_hurdle_loss_ignores_the_value_of_zeros():
    output = torch.tensor([[0.3, 5.0], [0.3, -7.0]], requires_grad=True)
    head_loss(output, torch.zeros(2), torch.tensor([0.0, 1.0]), hurdle=True, kind="l1").sum().backward()
    assert output.grad[0, 1] == 0
    assert output.grad[1, 1] != 0
