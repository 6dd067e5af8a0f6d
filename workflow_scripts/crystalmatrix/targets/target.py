"""Targets: from physical values to what a head learns, and back. Fitted on the training fold, stored in the checkpoint.

value -> t = transform(value) -> t - (reference . composition) -> (. - centre) / scale. L1 in a monotone transform of
the target has the same minimiser, the conditional median, as L1 on the target, and tames heavy tails.

A hurdle head has two outputs, the logit of "not zero" and the standardised value; it predicts exact zero where zero is
the more probable, as the median of the mixture is then, and else the median of the values that are not zero. Properties
that vanish by symmetry are zero where symmetry says so, and those crystals take no part in the fit of the scale.

A value may be the share of one formula unit of N atoms: ehull of dft_3d_2021 is, with the formation energy E,
    value = max(0, E / N + (1 - 1/N) * sum of x_i * e_i)
and constants e_i of the elements (docs/data.md). Where the training fold bears this out, the head learns E instead
(with a composition reference: without one, the value as it stands).

In: numpy arrays of the training fold; torch outputs.  Out: Target, standardised targets, predictions in physical units.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crystalmatrix.features.batch import N_SPECIES

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """How one head's output becomes a value in the property's unit."""

    name: str
    unit: str
    transform: str  # identity | log | asinh
    transform_scale: float  # in the unit: asinh(value / transform_scale)
    centre: float
    scale: float
    low: float  # bounds of predictions, in the unit: the training range plus a margin
    high: float
    hurdle: bool
    zero_by_symmetry: bool
    median: float  # of the training fold: the best constant under MAE
    deviation: float  # mean absolute deviation of the training fold from its median
    n_train: int
    reference: list[float] | None  # [N_SPECIES] per element, on the transformed scale
    element_energies: list[float] | None  # [N_SPECIES] e_i in the unit, of a value that is the share of a formula unit

    @property
    def n_outputs(self) -> int:
        return 2 if self.hurdle else 1

    @classmethod
    def fit(
        cls,
        values: FloatArray,
        formulas: FloatArray,
        *,
        name: str,
        unit: str,
        transform: str,
        hurdle: bool = False,
        zero_by_symmetry: bool = False,
        composition_reference: bool = False,
        zero: NDArray[np.bool_] | None = None,
        companion: FloatArray | None = None,
    ) -> Self:
        """values [n_train], formulas [n_train, N_SPECIES] (reduced_formulas), zero [n_train] by symmetry.

        companion [n_train], NaN where not known: the E that a value may be a share of (Property.companion).
        """
        if transform == "log" and values.min() <= 0:
            transform = "asinh"
        learned = ~zero if zero is not None and zero_by_symmetry else np.ones(len(values), bool)
        nonzero = np.abs(values[learned & (values != 0)])
        scale_of_transform = float(np.median(nonzero)) if len(nonzero) else 1.0
        if hurdle and len(nonzero):
            learned &= values != 0
        element_energies = None
        if composition_reference and companion is not None:
            element_energies = _fit_element_energies(values, formulas, companion)
        if element_energies is None:
            t = _transform(values[learned], transform, scale_of_transform)
        else:
            transform = "identity"
            t = _whole(values[learned], formulas[learned], element_energies)
        fractions = _fractions(formulas[learned])
        reference = _fit_reference(t, fractions) if composition_reference else None
        residual = t - fractions @ reference if reference is not None else t
        centre = float(np.median(residual))
        scale = float(np.mean(np.abs(residual - centre))) or 1.0
        margin = 0.1 * float(values.max() - values.min())
        median = float(np.median(values))
        return cls(
            name=name,
            unit=unit,
            transform=transform,
            transform_scale=scale_of_transform,
            centre=centre,
            scale=scale,
            low=float(values.min()) - (margin if values.min() < 0 else 0.0),
            high=float(values.max()) + margin,
            hurdle=hurdle,
            zero_by_symmetry=zero_by_symmetry,
            median=median,
            deviation=float(np.mean(np.abs(values - median))) or 1.0,
            n_train=len(values),
            reference=None if reference is None else [float(x) for x in reference],
            element_energies=None if element_energies is None else [float(x) for x in element_energies],
        )

    def standardise(self, values: FloatArray, formulas: FloatArray) -> FloatArray:
        """values [n] in the unit -> [n] on the scale of the head."""
        if self.element_energies is None:
            t = _transform(values, self.transform, self.transform_scale)
        else:
            t = _whole(values, formulas, np.asarray(self.element_energies))
        return (t - self._offset(formulas)) / self.scale

    def predict(self, output: Tensor, formulas: FloatArray, zero: NDArray[np.bool_]) -> FloatArray:
        """output [n, n_outputs] of the head, formulas [n, N_SPECIES], zero [n] by symmetry -> [n] in the unit."""
        out = output.detach().double().cpu().numpy()
        t = out[:, -1] * self.scale + self._offset(formulas)
        if self.element_energies is not None:
            t = _share(t, formulas, np.asarray(self.element_energies))
        limits = _transform(np.array([self.low, self.high]), self.transform, self.transform_scale)
        value = np.clip(_inverse(np.clip(t, *limits), self.transform, self.transform_scale), self.low, self.high)
        if self.hurdle:
            value = np.where(out[:, 0] < 0, 0.0, value)
        return np.where(zero, 0.0, value) if self.zero_by_symmetry else value

    def slope(self, formulas: FloatArray) -> FloatArray:
        """[n] how much of a change on the scale of the transform reaches the value: 1, or 1/N for shares."""
        return np.ones(len(formulas)) if self.element_energies is None else 1 / formulas.sum(axis=1)

    def _offset(self, formulas: FloatArray) -> FloatArray | float:
        return (
            self.centre if self.reference is None else self.centre + _fractions(formulas) @ np.asarray(self.reference)
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def reduced_formulas(species: NDArray[np.uint8], atom_pointer: NDArray[np.int64]) -> FloatArray:
    """[n_crystals, N_SPECIES] atoms of each element in the formula unit, in lowest terms: 1, 1 for Mg4O4."""
    crystal = np.repeat(np.arange(len(atom_pointer) - 1), np.diff(atom_pointer))
    counts = np.zeros((len(atom_pointer) - 1, N_SPECIES), np.int64)
    np.add.at(counts, (crystal, species.astype(np.int64)), 1)
    return counts / np.gcd.reduce(counts, axis=1, keepdims=True)


def head_loss(output: Tensor, target: Tensor, nonzero: Tensor, *, hurdle: bool, kind: str) -> Tensor:
    """Loss of each row, [n]; output [n, n_outputs], target [n] standardised, nonzero [n] 1 where the value is not 0."""
    value = _LOSSES[kind](output[:, -1], target, reduction="none")
    if not hurdle:
        return value
    exists = torch.nn.functional.binary_cross_entropy_with_logits(output[:, 0], nonzero, reduction="none")
    return exists + nonzero * value


_LOSSES = {
    "l1": torch.nn.functional.l1_loss,
    "huber": torch.nn.functional.smooth_l1_loss,
    "mse": torch.nn.functional.mse_loss,
}


def _transform(values: FloatArray, kind: str, scale: float) -> FloatArray:
    if kind == "log":
        return np.log(np.maximum(values, 1e-6))
    return np.arcsinh(values / scale) if kind == "asinh" else values


def _inverse(t: FloatArray, kind: str, scale: float) -> FloatArray:
    if kind == "log":
        return np.exp(t)
    return scale * np.sinh(t) if kind == "asinh" else t


_REWEIGHTINGS = 20
_FIFTHS = 5
_RIDGES = (1e-2, 1e-1, 1.0, 10.0, 100.0)


def _fit_reference(t: FloatArray, fractions: FloatArray) -> FloatArray | None:
    """Ridge regression of t on the composition, around its mean: elements that are not seen get the mean.

    The ridge with the lowest leave-one-out absolute error; None where the mean alone is better, as in tiny sets.
    """
    mean = float(t.mean())
    n = len(t)
    best = float(np.mean(np.abs(t - mean))) * n / max(n - 1, 1)  # the mean of the others, closed form
    reference = None
    gram, moment = fractions.T @ fractions, fractions.T @ (t - mean)
    for ridge in _RIDGES:
        inverse = np.linalg.inv(gram + ridge * np.eye(len(gram)))
        leverage = np.einsum("ij,ij->i", fractions @ inverse, fractions)
        weights = inverse @ moment
        error = float(np.mean(np.abs(t - mean - fractions @ weights) / (1 - np.minimum(leverage, 1 - 1e-9))))
        if error < best:
            best, reference = error, mean + weights
    return reference


def _fractions(formulas: FloatArray) -> FloatArray:
    return formulas / formulas.sum(axis=1, keepdims=True)


def _whole(share: FloatArray, formulas: FloatArray, element_energies: FloatArray) -> FloatArray:
    """The E whose share of the formula unit is given, all [n]."""
    n_atoms = formulas.sum(axis=1)
    return n_atoms * share - (n_atoms - 1) * (_fractions(formulas) @ element_energies)


def _share(whole: FloatArray, formulas: FloatArray, element_energies: FloatArray) -> FloatArray:
    """Inverse of _whole, but for the cut at zero."""
    n_atoms = formulas.sum(axis=1)
    return (whole + (n_atoms - 1) * (_fractions(formulas) @ element_energies)) / n_atoms


def _fit_element_energies(values: FloatArray, formulas: FloatArray, companion: FloatArray) -> FloatArray | None:
    """[N_SPECIES] constants that make values the shares of the companion; None where they are not.

    They are where constants from four fifths of the crystals give half of the others to 1 % of their deviation.
    """
    known = np.flatnonzero(~np.isnan(companion) & (formulas.sum(axis=1) > 1))
    if len(known) < _FIFTHS:
        return None
    error = np.empty(len(known))
    for part in range(_FIFTHS):
        out = np.arange(len(known)) % _FIFTHS == part
        fitted, held = known[~out], known[out]
        constants = _least_deviations(values[fitted], formulas[fitted], companion[fitted])
        error[out] = np.abs(_share(companion[held], formulas[held], constants) - values[held])
    if np.median(error) > 0.01 * np.mean(np.abs(values[known] - np.median(values[known]))):
        return None
    return _least_deviations(values[known], formulas[known], companion[known])


def _least_deviations(values: FloatArray, formulas: FloatArray, companion: FloatArray) -> FloatArray:
    """[N_SPECIES] with the least sum of |values - _share(companion, ...)|, by reweighted least squares.

    Least deviations, because the cut at zero makes gross errors. Elements that do not occur get a typical value.
    """
    n_atoms = formulas.sum(axis=1)
    design = _fractions(formulas) * (1 - 1 / n_atoms)[:, None]
    rest = values - companion / n_atoms
    seen = formulas.any(axis=0)
    design = design[:, seen]
    mean = float(np.median(rest / design.sum(axis=1)))
    rest = rest - mean * design.sum(axis=1)
    constants, weight = np.zeros(design.shape[1]), np.ones(len(values))
    for _ in range(_REWEIGHTINGS):
        weighted = design * weight[:, None]
        ridge = 1e-6 * weight.mean() * np.eye(design.shape[1])
        constants = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ rest)
        weight = 1 / np.maximum(np.abs(rest - design @ constants), 1e-5)
    found = np.full(N_SPECIES, mean)
    found[seen] += constants
    return found
