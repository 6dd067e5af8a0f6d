"""A target: the chain of steps between a property's value and what a head learns, fitted on the training fold.

value -> symmetry zero -> hurdle -> transform -> formula unit -> composition reference -> standardise -> head

A property has the steps that concern it. Each is in its own file, knows its state, and goes to JSON and back with the
checkpoint. The head's outputs are those that steps add (hurdle), in their order, and the value last.

In: numpy arrays of the training fold; outputs of a head.  Out: Target, what the head learns, predictions in the unit.
"""

from typing import Annotated, Self

import numpy as np
from pydantic import Field

from crystalmatrix.contracts.document import Part
from crystalmatrix.targets.composition_reference import CompositionReference
from crystalmatrix.targets.formula_unit import FormulaUnit
from crystalmatrix.targets.hurdle import Hurdle
from crystalmatrix.targets.standardise import Standardise
from crystalmatrix.targets.step import BoolArray, Crystals, FloatArray
from crystalmatrix.targets.symmetry_zero import SymmetryZero
from crystalmatrix.targets.transform import Kind, Transform, possible

AnyStep = Annotated[
    SymmetryZero | Hurdle | Transform | FormulaUnit | CompositionReference | Standardise, Field(discriminator="step")
]


class Target(Part):
    """What one head learns, and how its outputs become a value in the property's unit."""

    name: str
    unit: str
    steps: tuple[AnyStep, ...]  # in the order from the value to the head
    median: float  # of the training fold: the best constant under MAE
    deviation: float  # mean absolute deviation of the training fold from its median
    n_train: int

    @classmethod
    def fit(
        cls,
        values: FloatArray,
        crystals: Crystals,
        *,
        name: str,
        unit: str,
        transform: Kind,
        hurdle: bool = False,
        zero_by_symmetry: bool = False,
        composition_reference: bool = False,
        companion: FloatArray | None = None,
    ) -> Self:
        """From values [n_train] of the training fold.

        companion [n_train], NaN where not known: the E that a value may be a share of (Property.companion); only with a
        composition reference, without which the value is learned as it stands.
        """
        steps: list[AnyStep] = [SymmetryZero()] if zero_by_symmetry else []
        steps += [Hurdle()] if hurdle else []
        learned = _taught(steps, values, crystals)
        law = None
        if composition_reference and companion is not None:
            law = FormulaUnit.fit(values, crystals, whole=companion)
        kind: Kind = "identity" if law else possible(transform, values)
        typical = values[learned & (values != 0)]
        steps.append(Transform.fit(values, kind=kind, typical=typical))
        if law:
            steps.append(law)
        rest, of = values[learned], crystals.at(learned)
        for step in steps:
            rest = step.forward(rest, of)
        if composition_reference and (reference := CompositionReference.fit(rest, of)):
            steps.append(reference)
            rest = reference.forward(rest, of)
        median = float(np.median(values))
        return cls(
            name=name,
            unit=unit,
            steps=(*steps, Standardise.fit(rest)),
            median=median,
            deviation=float(np.mean(np.abs(values - median))) or 1.0,
            n_train=len(values),
        )

    @property
    def n_outputs(self) -> int:
        """Of the head."""
        return 1 + sum(step.n_outputs for step in self.steps)

    @property
    def hurdle(self) -> bool:
        return any(isinstance(step, Hurdle) for step in self.steps)

    @property
    def zero_by_symmetry(self) -> bool:
        return any(isinstance(step, SymmetryZero) for step in self.steps)

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which predictions stay, in the unit."""
        transform = next(step for step in self.steps if isinstance(step, Transform))
        return transform.low, transform.high

    def forward(self, values: FloatArray, crystals: Crystals) -> FloatArray:
        """values [n] in the unit -> [n] on the scale of the head's last output."""
        for step in self.steps:
            values = step.forward(values, crystals)
        return values

    def inverse(self, outputs: FloatArray, crystals: Crystals) -> FloatArray:
        """outputs [n, n_outputs] of the head -> [n] in the unit."""
        value, column = outputs[:, -1], self.n_outputs - 1
        for step in reversed(self.steps):
            column -= step.n_outputs
            value = step.inverse(value, outputs[:, column : column + step.n_outputs], crystals)
        return value

    def slope(self, crystals: Crystals) -> FloatArray:
        """[n] how much of a change of the head's value reaches the property, where that differs between crystals."""
        return np.prod([step.slope(crystals) for step in self.steps], axis=0)


def _taught(steps: list[AnyStep], values: FloatArray, crystals: Crystals) -> BoolArray:
    """[n] which crystals the value part learns from; a step that would leave none is passed over."""
    learned = np.ones(len(values), bool)
    for step in steps:
        left = learned & step.teaches(values, crystals)
        learned = left if left.any() else learned
    return learned
