"""The chain against the formulae that it stands for, written once more as loops over crystals."""

import math
from statistics import mean, median

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalmatrix.elements import N_SPECIES
from crystalmatrix.targets.composition_reference import CompositionReference
from crystalmatrix.targets.formula_unit import FormulaUnit, least_deviations
from crystalmatrix.targets.target import Target

from .cases import crystals_of, shares


def mixture(formula, per_element):
    """x . e of one formula unit."""
    return sum(n * e for n, e in zip(formula, per_element, strict=True) if n) / sum(formula)


class Slow:
    """One crystal at a time; the reference and the energies of the elements, which are linear fits, are given."""

    def __init__(self, values, crystals, *, transform, hurdle, by_symmetry, reference, energies):
        self.hurdle, self.by_symmetry = hurdle, by_symmetry
        self.reference, self.energies = reference, energies
        free = [v for v, zero in zip(values, crystals.zero, strict=True) if not (by_symmetry and zero)]
        nonzero = [abs(v) for v in free if v != 0]
        self.width = median(nonzero) if nonzero else 1.0
        self.transform = "identity" if energies else transform
        span = max(values) - min(values)
        self.low = min(values) - (0.1 * span if min(values) < 0 else 0)
        self.high = max(values) + 0.1 * span
        rest = []
        for v, formula, zero in zip(values, crystals.formulas, crystals.zero, strict=True):
            if (by_symmetry and zero) or (hurdle and nonzero and v == 0):
                continue
            rest.append(self.whole(v, formula) - self.of_composition(formula))
        self.centre = median(rest)
        self.scale = mean(abs(r - self.centre) for r in rest) or 1.0

    def of_composition(self, formula):
        return mixture(formula, self.reference) if self.reference else 0

    def whole(self, value, formula):
        if self.energies:
            n_atoms = sum(formula)
            return n_atoms * value - (n_atoms - 1) * mixture(formula, self.energies)
        if self.transform == "log":
            return math.log(max(value, 1e-6))
        return math.asinh(value / self.width) if self.transform == "asinh" else value

    def part(self, t, formula):
        if self.energies:
            n_atoms = sum(formula)
            return (t + (n_atoms - 1) * mixture(formula, self.energies)) / n_atoms
        within = min(max(t, self.whole(self.low, formula)), self.whole(self.high, formula))
        if self.transform == "log":
            return math.exp(within)
        return self.width * math.sinh(within) if self.transform == "asinh" else within

    def forward(self, value, formula):
        return (self.whole(value, formula) - self.of_composition(formula) - self.centre) / self.scale

    def inverse(self, output, formula, zero):
        if self.by_symmetry and zero:
            return 0.0
        if self.hurdle and output[0] < 0:
            return 0.0
        value = self.part(output[-1] * self.scale + self.centre + self.of_composition(formula), formula)
        return min(max(value, self.low), self.high)


def assert_twins(target, slow, values, crystals, seed):
    rows = list(zip(values.tolist(), crystals.formulas.tolist(), crystals.zero.tolist(), strict=True))
    expected = [slow.forward(v, formula) for v, formula, _ in rows]
    np.testing.assert_allclose(target.forward(values, crystals), expected, rtol=1e-12, atol=1e-12)
    outputs = np.random.default_rng(seed).normal(0, 3, (len(values), target.n_outputs))
    expected = [slow.inverse(out, f, zero) for out, (_, f, zero) in zip(outputs.tolist(), rows, strict=True)]
    atol = 1e-12 * np.abs(values).max()
    np.testing.assert_allclose(target.inverse(outputs, crystals), expected, rtol=1e-12, atol=atol)


def state(target, kind, key):
    return next((list(getattr(step, key)) for step in target.steps if isinstance(step, kind)), None)


@settings(max_examples=30)
@given(
    st.integers(5, 40), st.integers(0, 10_000), st.sampled_from(["identity", "log", "asinh"]),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_chain_is_its_formulae(n, seed, transform, hurdle, by_symmetry, with_reference):
    random, crystals = np.random.default_rng(seed), crystals_of(n, seed=seed)
    values = np.exp(random.normal(0, 2, n)) * (1 if transform == "log" else random.choice([-1, 0, 1], n))
    target = Target.fit(
        values, crystals, name="x", unit="1", transform=transform, hurdle=hurdle, zero_by_symmetry=by_symmetry,
        composition_reference=with_reference,
    )  # fmt: skip
    slow = Slow(
        values.tolist(), crystals, transform=transform, hurdle=hurdle, by_symmetry=by_symmetry,
        reference=state(target, CompositionReference, "reference"), energies=None,
    )  # fmt: skip
    assert_twins(target, slow, values, crystals, seed)


@settings(max_examples=8)  # a fit of the law takes a second
@given(st.integers(0, 10_000))
def test_the_chain_of_shares_is_its_formulae(seed):
    values, crystals, energy = shares(60, seed=seed)
    target = Target.fit(
        values, crystals, name="x", unit="1", transform="asinh", composition_reference=True, companion=energy
    )
    energies = state(target, FormulaUnit, "element_energies")
    assert energies is not None
    slow = Slow(
        values.tolist(), crystals, transform="asinh", hurdle=False, by_symmetry=False,
        reference=state(target, CompositionReference, "reference"), energies=energies,
    )  # fmt: skip
    assert_twins(target, slow, values, crystals, seed)


def _ridge(t, fractions, ridge):
    """The slow twin of the reference's fit: normal equations element by element, around the mean."""
    mean_ = sum(t) / len(t)
    size = len(fractions[0])
    gram = [[sum(x[i] * x[j] for x in fractions) + (ridge if i == j else 0) for j in range(size)] for i in range(size)]
    moment = [sum(x[i] * (y - mean_) for x, y in zip(fractions, t, strict=True)) for i in range(size)]
    return [mean_ + w for w in np.linalg.solve(gram, moment)]


def test_the_reference_is_the_ridge_with_the_least_error_of_one_left_out():
    """Refits without one crystal, one by one, instead of the closed form; the mean stays that of all."""
    crystals = crystals_of(30, seed=3)
    present = np.flatnonzero(crystals.formulas.any(axis=0))
    fractions = crystals.fractions[:, present].tolist()
    t = (crystals.fractions @ np.linspace(0, 5, N_SPECIES) + np.random.default_rng(0).normal(0, 0.3, 30)).tolist()
    mean_ = sum(t) / len(t)
    error = {}
    for ridge in (1e-2, 1e-1, 1.0, 10.0, 100.0):
        left_out = []
        for i in range(30):
            others = [k for k in range(30) if k != i]
            gram = ridge * np.eye(len(present)) + sum(np.outer(fractions[k], fractions[k]) for k in others)
            moment = sum(np.array(fractions[k]) * (t[k] - mean_) for k in others)
            left_out.append(abs(t[i] - mean_ - float(np.array(fractions[i]) @ np.linalg.solve(gram, moment))))
        error[ridge] = sum(left_out) / 30
    best = min(error, key=lambda ridge: error[ridge])
    found = CompositionReference.fit(np.array(t), crystals)
    np.testing.assert_allclose(np.array(found.reference)[present], _ridge(t, fractions, best), rtol=1e-10)


def test_energies_of_the_elements_have_the_least_sum_of_deviations():
    """No small step of any constant lowers the sum; gross errors, as the cut at zero makes them, do not move it."""
    values, crystals, energy = shares(120, seed=5)
    values = np.where(np.arange(120) % 9 == 0, values + 5, values)
    constants = least_deviations(values, crystals, energy)
    n_atoms = crystals.n_atoms

    def total(e):
        share = (energy + (n_atoms - 1) * (crystals.fractions @ e)) / n_atoms
        return np.abs(share - values).sum()

    for z in np.flatnonzero(crystals.formulas.any(axis=0)):
        for step in (-0.01, 0.01):
            assert total(constants) < total(constants + step * np.eye(N_SPECIES)[z])
    assert np.abs(constants - np.linspace(1, 6, N_SPECIES))[crystals.formulas.any(axis=0)].max() < 0.01
