"""comparison.json: what the page says, for machines.

In: nothing.  Out: Comparison and its parts, errors in the property's unit.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.scores import PropertyScores
from crystalmatrix.contracts.versions import COMPARISON_VERSION

Group = tuple[float, int]  # MAE, number of crystals


class Entry(Part):
    """One model, ours or a published one, on the test crystals that it predicts."""

    label: str
    n: int
    mae: float
    mae_low: float
    mae_high: float
    ratio_to_constant: float
    ratio_to_best_published: float | None


class WorstCrystal(Part):
    """A crystal with one of the largest errors."""

    id: str
    formula: str
    target: float
    prediction: float


class OurEntry(Entry, PropertyScores):
    """One of our models, with all its scores and where its errors sit."""

    by_element: dict[str, Group]
    by_crystal_system: dict[str, Group]
    by_kind: dict[str, Group]  # metal or not
    worst: tuple[WorstCrystal, ...]


class Constant(Part):
    """The best constant: the median of the training fold."""

    value: float
    mae: float


@dataclass(frozen=True)
class FullTest:
    """Published MAE on the whole official test split of dft_3d (2021 ids), trained on its whole training split."""

    n_train: int
    n_val: int
    n_test: int
    constant: float  # MAE of the best constant, as the rest
    cgcnn: float
    alignn: float
    best: float
    best_model: str


class PairedDifference(Part):
    """Mean error of `a` minus that of `b` on the same crystals, with its bootstrap confidence interval."""

    against: str  # see evaluation/summary.differences
    a: str
    b: str
    n: int
    mean: float
    low: float
    high: float
    verdict: Literal["better", "worse", "tied"]


class PropertyComparison(Part):
    """Everything about one property."""

    label: str
    unit: str
    n_test: int
    constant: Constant
    recommended: str  # by validation error
    lowest_test_mae: str
    n_common: int  # crystals that the published models predict: what `published` is about
    best_published: str | None
    models: dict[str, OurEntry]  # by column of the matrix
    published: dict[str, Entry]  # by folder of the leaderboard
    published_full_test: FullTest | None
    differences: tuple[PairedDifference, ...]


class Comparison(Document):
    """The whole file."""

    VERSION: ClassVar[int] = COMPARISON_VERSION

    properties: dict[str, PropertyComparison]
    files: dict[str, str] = Field(default_factory=dict)  # sha256 of the page, the table and the figures beside it
