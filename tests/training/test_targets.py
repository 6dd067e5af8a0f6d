"""Targets: what is standardised comes back, zeros are zeros, bounds hold, nothing of the test fold is used."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.features.batch import N_SPECIES
from crystalmatrix.targets.target import Target, head_loss, reduced_formulas

FORMULAS = np.eye(N_SPECIES)[np.tile([3, 8, 26], 10)]
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
    target = Target.fit(y, FORMULAS, name="x", unit="1", transform=kind, composition_reference=reference)
    output = torch.from_numpy(target.standardise(y, FORMULAS)).unsqueeze(1)
    np.testing.assert_allclose(target.predict(output, FORMULAS, NO_ZERO), y, rtol=1e-9, atol=1e-9)
    assert abs(np.median(output.numpy())) < 1e-9 or reference


def test_hurdle_predicts_exact_zeros():
    y = np.where(np.arange(30) % 2, values("log"), 0.0)
    target = Target.fit(y, FORMULAS, name="x", unit="1", transform="asinh", hurdle=True)
    metal = torch.where(torch.from_numpy(y) == 0, -1.0, 1.0).double()
    output = torch.stack([metal, torch.from_numpy(target.standardise(y, FORMULAS))], dim=1)
    np.testing.assert_allclose(target.predict(output, FORMULAS, NO_ZERO), y, atol=1e-9)


def test_symmetry_gate():
    y = values("log")
    target = Target.fit(y, FORMULAS, name="x", unit="1", transform="log", zero_by_symmetry=True)
    zero = np.arange(30) % 3 == 0
    predicted = target.predict(torch.zeros(30, 1), FORMULAS, zero)
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
    one = Target.fit(np.where(zero, 0.0, y), FORMULAS, zero=zero, **arguments)
    other = Target.fit(np.where(zero, 0.1, y), FORMULAS, zero=zero, **arguments)
    assert one.deviation > other.deviation  # of all crystals, as the best constant is
    np.testing.assert_array_equal(one.standardise(y, FORMULAS), other.standardise(y, FORMULAS))


def test_composition_reference_only_where_it_helps():
    """Kept where the composition decides; next to constant, or none, where it would fit the noise of a tiny set."""
    random = np.random.default_rng(0)
    decided = FORMULAS @ np.linspace(0, 10, FORMULAS.shape[1])
    arguments = {"name": "x", "unit": "1", "transform": "identity", "composition_reference": True}
    assert Target.fit(decided, FORMULAS, **arguments).reference is not None
    few = random.dirichlet(np.full(40, 0.1), 25)
    fractions = np.hstack([few, np.zeros((25, FORMULAS.shape[1] - 40))])
    noise = Target.fit(random.normal(size=25), fractions, **arguments)
    assert np.ptp(noise.reference or [0.0]) < 0.1


@given(st.floats(-1e6, 1e6))
def test_predictions_stay_near_the_training_range(output):
    y = values("asinh")
    target = Target.fit(y, FORMULAS, name="x", unit="1", transform="asinh")
    predicted = target.predict(torch.full((30, 1), output), FORMULAS, NO_ZERO)
    assert predicted.min() >= target.low
    assert predicted.max() <= target.high


def test_composition_reference_learns_the_elements():
    y = FORMULAS @ np.linspace(-3, 5, N_SPECIES)
    target = Target.fit(y, FORMULAS, name="x", unit="1", transform="identity", composition_reference=True)
    np.testing.assert_allclose(target.predict(torch.zeros(30, 1), FORMULAS, NO_ZERO), y, atol=0.02)


def test_formula_units_are_in_lowest_terms():
    """Fe2O3 of ten atoms, and lithium."""
    formulas = reduced_formulas(np.array([26, 26, 26, 26, 8, 8, 8, 8, 8, 8, 3, 3], np.uint8), np.array([0, 10, 12]))
    assert formulas[0, [8, 26]].tolist() == [3, 2]
    assert formulas.sum(axis=1).tolist() == [5, 1]


def shares(n, *, seed=0):
    """Values that are shares of formula units, as ehull of dft_3d_2021 is: values, formulas, the energies behind."""
    random = np.random.default_rng(seed)
    formulas = np.zeros((n, N_SPECIES))
    for row in formulas:
        elements = random.choice([3, 8, 12, 26, 92], random.integers(2, 4), replace=False)
        row[elements] = random.integers(1, 6, len(elements))
    formulas //= np.gcd.reduce(formulas.astype(int), axis=1, keepdims=True)
    energy = random.normal(-1, 1, n)
    n_atoms = formulas.sum(axis=1)
    element_energies = np.linspace(1, 6, N_SPECIES)
    plane = (1 - 1 / n_atoms) * (formulas @ element_energies) / n_atoms
    return np.maximum(energy / n_atoms + plane, 0), formulas, energy


def fit_shares(values, formulas, companion):
    return Target.fit(
        values,
        formulas,
        name="x",
        unit="eV/atom",
        transform="identity",
        composition_reference=True,
        companion=companion,
    )


def test_shares_of_formula_units_are_decoded():
    """The head learns the energy; from the right energies come the values, of other crystals too."""
    values, formulas, energy = shares(300)
    known = np.where(np.arange(300) < 100, energy, np.nan)
    target = fit_shares(values[:200], formulas[:200], known[:200])
    label = target.standardise(values, formulas)
    positive = values > 0
    x = formulas / formulas.sum(axis=1, keepdims=True)
    offset = target.centre + (0 if target.reference is None else x @ np.array(target.reference))
    np.testing.assert_allclose((label * target.scale + offset)[positive], energy[positive], atol=1e-3)
    output = torch.from_numpy((energy - offset) / target.scale).unsqueeze(1)
    np.testing.assert_allclose(target.predict(output, formulas, np.zeros(300, bool)), values, atol=1e-3)
    step = target.predict(output + 0.1, formulas, np.zeros(300, bool)) - values
    np.testing.assert_allclose(
        step[positive], (0.1 * target.scale * target.slope(formulas))[positive], atol=2e-3, rtol=1e-2
    )


def test_without_a_reference_the_value_is_learned_as_it_stands():
    values, formulas, energy = shares(200)
    target = Target.fit(values, formulas, name="x", unit="eV/atom", transform="identity", companion=energy)
    assert target.element_energies is None


@pytest.mark.parametrize("companion", ["noise", "unknown", "few"])
def test_values_that_are_no_shares_are_learned_as_they_are(companion):
    values, formulas, energy = shares(200)
    other = {
        "noise": np.random.default_rng(1).permutation(energy),
        "unknown": np.full(200, np.nan),
        "few": np.where(np.arange(200) < 3, energy, np.nan),
    }[companion]
    target = fit_shares(values, formulas, other)
    assert target.element_energies is None
    assert (target.slope(formulas) == 1).all()


def test_hurdle_loss_ignores_the_value_of_zeros():
    output = torch.tensor([[0.3, 5.0], [0.3, -7.0]], requires_grad=True)
    head_loss(output, torch.zeros(2), torch.tensor([0.0, 1.0]), hurdle=True, kind="l1").sum().backward()
    assert output.grad[0, 1] == 0
    assert output.grad[1, 1] != 0
