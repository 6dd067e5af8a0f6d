"""report/learning_curves.json, which comes with the package: test errors after training on few crystals.

In: nothing.  Out: LearningCurves, CurvePoint, in the property's unit.
"""

from typing import ClassVar

from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.versions import CURVES_VERSION


class CurvePoint(Part):
    """A tier's models of one property after so many crystals."""

    property: str
    unit: str
    tier: str
    n: int  # labelled crystals, those to choose by among them
    mae: float  # on the test fold, the mean over the seeds ...
    low: float  # ... and its bootstrap interval over the crystals
    high: float
    of_seeds: tuple[float, ...]
    n_test: int
    constant_mae: float  # of the median of all training labels


class LearningCurves(Document):
    """Points by property, tier and size, and where they were measured."""

    VERSION: ClassVar[int] = CURVES_VERSION

    machine: str
    dates: tuple[str, str]  # first and last
    commits: tuple[str, ...]
    confidence: float  # of the intervals
    points: tuple[CurvePoint, ...]
