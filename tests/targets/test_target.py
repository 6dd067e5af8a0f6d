"""Targets: what goes forward comes back, zeros are zeros, bounds hold, nothing of the test fold is used."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.elements import N_SPECIES
from crystalmatrix.errors import DataError
from crystalmatrix.targets.composition_reference import CompositionReference
from crystalmatrix.targets.formula_unit import FormulaUnit
from crystalmatrix.targets.step import Crystals
from crystalmatrix.targets.target import Target

from .cases import crystals_of, shares

CRYSTALS = Crystals(np.eye(N_SPECIES)[np.tile([3, 8, 26], 10)], np.zeros(30, bool))


def values(kind):
    random = np.random.default_rng(0)
    return {
        "identity": random.normal(0, 2, 30),
        "log": np.exp(random.normal(2, 1, 30)),
        "asinh": random.normal(0, 30, 30) ** 3 / 1000,
    }[kind]


def fit(y, crystals=CRYSTALS, transform="identity", **arguments):
    return Target.fit(y, crystals, name="x", unit="1", transform=transform, **arguments)


def step(target, kind):
    return next((step for step in target.steps if isinstance(step, kind)), None)


def labels_of(target, y, crystals):
    """What a head without error says: the logit of every gate, then the value."""
    gates = [np.where(y == 0, -1.0, 1.0)] * (target.n_outputs - 1)
    return np.stack([*gates, target.forward(y, crystals)], axis=1)


folds = st.tuples(
    st.integers(5, 60), st.integers(0, 10_000), st.sampled_from(["identity", "log", "asinh"]),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip


def drawn(fold):
    """A training fold with zeros where a hurdle or symmetry wants them, and its target."""
    n, seed, kind, hurdle, by_symmetry, reference = fold
    crystals = crystals_of(n, seed=seed)
    random = np.random.default_rng(seed)
    y = np.exp(random.normal(0, 2, n)) if kind == "log" else random.normal(0, 30, n) ** 3 / 1000
    y = np.where(hurdle & (random.random(n) < 0.3), 0.0, y)
    y = np.where(by_symmetry & crystals.zero, 0.0, y)
    arguments = {"hurdle": hurdle, "zero_by_symmetry": by_symmetry, "composition_reference": reference}
    return y, crystals, fit(y, crystals, transform=kind, **arguments)


@settings(max_examples=30)
@given(folds)
def test_forward_then_inverse_is_the_identity_on_the_training_fold(fold):
    y, crystals, target = drawn(fold)
    back = target.inverse(labels_of(target, y, crystals), crystals)
    np.testing.assert_allclose(back, y, rtol=1e-9, atol=1e-9 * np.abs(y).max())


@settings(max_examples=30)
@given(folds, st.integers(0, 5))
def test_a_step_whose_inverse_is_left_out_is_noticed(fold, number):
    """The negative control of the identity: every map of the chain is needed."""
    y, crystals, target = drawn(fold)
    moves = [i for i, s in enumerate(target.steps) if not np.allclose(s.forward(y, crystals), y, atol=1e-3)]
    if not moves:
        return
    left_out = moves[number % len(moves)]
    broken = target.model_copy(update={"steps": tuple(s for i, s in enumerate(target.steps) if i != left_out)})
    back = broken.inverse(labels_of(target, y, crystals), crystals)
    assert not np.allclose(back, y, rtol=1e-9, atol=1e-9 * np.abs(y).max())


@settings(max_examples=30)
@given(folds)
def test_a_target_survives_json(fold):
    y, crystals, target = drawn(fold)
    again = Target.parse(json.loads(json.dumps(target.to_dict())), where="model.pt")
    assert again == target
    np.testing.assert_array_equal(again.forward(y, crystals), target.forward(y, crystals))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state["steps"][0].pop("scale"), r"model.pt: steps.0.transform.scale: not found"),
        (lambda state: state["steps"][0].update(bias=1), r"steps.0.transform.bias: unknown key"),
        (lambda state: state["steps"][0].update(step="spline"), r"steps.0: found .*spline"),
        (lambda state: state.pop("median"), r"median: not found"),
    ],
)
def test_a_foreign_state_is_one_line_that_names_the_key(change, said):
    state = fit(values("identity")).to_dict()
    change(state)
    with pytest.raises(DataError, match=said) as caught:
        Target.parse(state, where="model.pt")
    assert "\n" not in str(caught.value)


def test_hurdle_predicts_exact_zeros():
    y = np.where(np.arange(30) % 2, values("log"), 0.0)
    target = fit(y, transform="asinh", hurdle=True)
    assert target.n_outputs == 2
    back = target.inverse(labels_of(target, y, CRYSTALS), CRYSTALS)
    assert (back[y == 0] == 0).all()
    np.testing.assert_allclose(back, y, atol=1e-9)


def test_symmetry_gate():
    crystals = CRYSTALS._replace(zero=np.arange(30) % 3 == 0)
    target = fit(values("log"), crystals, transform="log", zero_by_symmetry=True)
    predicted = target.inverse(np.zeros((30, 1)), crystals)
    assert (predicted[crystals.zero] == 0).all()
    assert (predicted[~crystals.zero] > 0).all()


def test_what_symmetry_decides_takes_no_part_in_the_fit():
    y = values("log")
    crystals = CRYSTALS._replace(zero=np.arange(30) % 3 == 0)
    arguments = {"transform": "asinh", "zero_by_symmetry": True, "composition_reference": True}
    one = fit(np.where(crystals.zero, 0.0, y), crystals, **arguments)
    other = fit(np.where(crystals.zero, 0.1, y), crystals, **arguments)
    assert one.deviation > other.deviation  # of all crystals, as the best constant is
    np.testing.assert_array_equal(one.forward(y, crystals), other.forward(y, crystals))


def test_composition_reference_only_where_it_helps():
    """Kept where the composition decides; next to constant, or none, where it would fit the noise of a tiny set."""
    random = np.random.default_rng(0)
    decided = CRYSTALS.formulas @ np.linspace(0, 10, N_SPECIES)
    assert step(fit(decided, composition_reference=True), CompositionReference) is not None
    few = random.dirichlet(np.full(40, 0.1), 25)
    crystals = Crystals(np.hstack([few, np.zeros((25, N_SPECIES - 40))]), np.zeros(25, bool))
    noise = step(fit(random.normal(size=25), crystals, composition_reference=True), CompositionReference)
    assert np.ptp(noise.reference if noise else [0.0]) < 0.1


@given(st.floats(-1e6, 1e6))
def test_predictions_stay_near_the_training_range(output):
    target = fit(values("asinh"), transform="asinh")
    predicted = target.inverse(np.full((30, 1), output), CRYSTALS)
    low, high = target.bounds
    assert predicted.min() >= low
    assert predicted.max() <= high


def test_composition_reference_learns_the_elements():
    y = CRYSTALS.formulas @ np.linspace(-3, 5, N_SPECIES)
    target = fit(y, composition_reference=True)
    np.testing.assert_allclose(target.inverse(np.zeros((30, 1)), CRYSTALS), y, atol=0.02)


def test_formula_units_are_in_lowest_terms():
    """Fe2O3 of ten atoms, and lithium."""
    formulas = reduced_formulas(np.array([26, 26, 26, 26, 8, 8, 8, 8, 8, 8, 3, 3], np.uint8), np.array([0, 10, 12]))
    assert formulas[0, [8, 26]].tolist() == [3, 2]
    assert formulas.sum(axis=1).tolist() == [5, 1]


def test_shares_of_formula_units_are_decoded():
    """The head learns the energy; from the right energies come the values, of other crystals too."""
    y, crystals, energy = shares(300)
    known = np.where(np.arange(300) < 100, energy, np.nan)
    target = fit(y[:200], crystals.at(slice(200)), composition_reference=True, companion=known[:200])
    label = target.forward(y, crystals)
    positive = y > 0
    rest = energy
    for after in target.steps[[type(s) for s in target.steps].index(FormulaUnit) + 1 :]:
        rest = after.forward(rest, crystals)
    np.testing.assert_allclose(label[positive], rest[positive], atol=1e-3)
    np.testing.assert_allclose(target.inverse(rest[:, None], crystals), y, atol=1e-3)
    moved = target.inverse(rest[:, None] + 0.1, crystals) - y
    scale = target.steps[-1].scale
    np.testing.assert_allclose(
        moved[positive], (0.1 * scale * target.slope(crystals))[positive], atol=2e-3, rtol=1e-2
    )  # fmt: skip


def test_without_a_reference_the_value_is_learned_as_it_stands():
    y, crystals, energy = shares(200)
    assert step(fit(y, crystals, companion=energy), FormulaUnit) is None


@pytest.mark.parametrize("companion", ["noise", "unknown", "few"])
def test_values_that_are_no_shares_are_learned_as_they_are(companion):
    y, crystals, energy = shares(200)
    other = {
        "noise": np.random.default_rng(1).permutation(energy),
        "unknown": np.full(200, np.nan),
        "few": np.where(np.arange(200) < 3, energy, np.nan),
    }[companion]
    target = fit(y, crystals, composition_reference=True, companion=other)
    assert step(target, FormulaUnit) is None
    assert (target.slope(crystals) == 1).all()
