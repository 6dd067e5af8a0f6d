"""Targets: from physical values to what a head learns, and back. Fitted on the training fold, stored in the checkpoint.

value -> t = transform(value) -> t - (reference . composition) -> (. - centre) / scale. L1 in a monotone transform of
the target has the same minimiser, the conditional median, as L1 on the target, and tames heavy tails.

A hurdle head has two outputs, the logit of "not zero" and the standardised value; it predicts exact zero where zero is
the more probable, as the median of the mixture is then, and else the median of the values that are not zero. Properties
that vanish by symmetry are zero where symmetry says so, and those crystals take no part in the fit of the scale.

In: numpy arrays of the training fold; torch outputs.  Out: Target, standardised targets, predictions in physical units.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crystalmatrix.models.batch import N_SPECIES

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

    @property
    def n_outputs(self) -> int:
        return 2 if self.hurdle else 1

    @classmethod
    def fit(
        cls,
        values: FloatArray,
        fractions: FloatArray,
        *,
        name: str,
        unit: str,
        transform: str,
        hurdle: bool = False,
        zero_by_symmetry: bool = False,
        composition_reference: bool = False,
        zero: NDArray[np.bool_] | None = None,
    ) -> Self:
        """values [n_train], fractions [n_train, N_SPECIES] of each element, zero [n_train] by symmetry."""
        if transform == "log" and values.min() <= 0:
            transform = "asinh"
        learned = ~zero if zero is not None and zero_by_symmetry else np.ones(len(values), bool)
        nonzero = np.abs(values[learned & (values != 0)])
        scale_of_transform = float(np.median(nonzero)) if len(nonzero) else 1.0
        if hurdle and len(nonzero):
            learned &= values != 0
        t = _transform(values[learned], transform, scale_of_transform)
        reference = _fit_reference(t, fractions[learned]) if composition_reference else None
        residual = t - fractions[learned] @ reference if reference is not None else t
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
        )

    def standardise(self, values: FloatArray, fractions: FloatArray) -> FloatArray:
        """values [n] in the unit -> [n] on the scale of the head."""
        t = _transform(values, self.transform, self.transform_scale)
        return (t - self._offset(fractions)) / self.scale

    def predict(self, output: Tensor, fractions: FloatArray, zero: NDArray[np.bool_]) -> FloatArray:
        """output [n, n_outputs] of the head, fractions [n, N_SPECIES], zero [n] by symmetry -> [n] in the unit."""
        out = output.detach().double().cpu().numpy()
        t = out[:, -1] * self.scale + self._offset(fractions)
        limits = _transform(np.array([self.low, self.high]), self.transform, self.transform_scale)
        value = np.clip(_inverse(np.clip(t, *limits), self.transform, self.transform_scale), self.low, self.high)
        if self.hurdle:
            value = np.where(out[:, 0] < 0, 0.0, value)
        return np.where(zero, 0.0, value) if self.zero_by_symmetry else value

    def _offset(self, fractions: FloatArray) -> FloatArray | float:
        return self.centre if self.reference is None else self.centre + fractions @ np.asarray(self.reference)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def composition(species: NDArray[np.uint8], atom_pointer: NDArray[np.int64]) -> FloatArray:
    """Fraction of each element in each crystal, [n_crystals, N_SPECIES]; rows sum to one."""
    counts = np.diff(atom_pointer)
    crystal = np.repeat(np.arange(len(counts)), counts)
    total = np.zeros((len(counts), N_SPECIES))
    np.add.at(total, (crystal, species.astype(np.int64)), 1.0)
    return total / counts[:, None]


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
