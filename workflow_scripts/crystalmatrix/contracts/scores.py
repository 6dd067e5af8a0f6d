"""metrics.json: every number about one model, by property.

In: nothing.  Out: ModelScores and its parts, in the property's unit.
"""

from typing import ClassVar

from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.summary import ModelSummary
from crystalmatrix.contracts.versions import SCORES_VERSION


class SpreadBin(Part):
    """Crystals whose spreads are alike: means within the bin."""

    spread: float
    mae: float
    n: int


class DistanceBin(Part):
    """Crystals about as far from what was trained on; its MAE with the bootstrap interval."""

    nearest: float | None  # smallest novelty of the bin (trained/domain.py); None: an element that was not trained on
    farthest: float | None  # largest
    mae: float
    mae_low: float
    mae_high: float
    n: int


class PropertyScores(Part):
    """On the test fold. `interval_*` and `spread_*` are None where the model gives no uncertainty."""

    unit: str
    n_train: int
    n_val: int
    n_test: int
    mae: float
    mae_low: float  # bootstrap confidence interval of the MAE: the test crystals resampled
    mae_high: float
    median_ae: float
    rmse: float
    bias: float  # mean of prediction minus target
    val_mae: float | None  # None: no validation crystals
    constant: float  # median of the training fold ...
    constant_mae: float  # ... and its error on the same test crystals
    n_twins: int  # test crystals with a near-identical structure in training
    mae_without_twins: float | None  # None: all have one
    interval_coverage: float | None  # share of the targets inside their prediction intervals
    interval_width: float | None  # mean
    spread_correlation: float | None  # Spearman, of absolute error and spread
    error_by_spread: tuple[SpreadBin, ...] | None  # equal bins of rising spread
    error_by_distance: tuple[DistanceBin, ...] | None  # equal bins of rising distance; None: the model tells none
    far_to_near: tuple[float, float, float] | None  # MAE of the last bin over that of the first, and its interval


class ModelScores(Document):
    """The whole file."""

    VERSION: ClassVar[int] = SCORES_VERSION

    tier: str
    task: str
    confidence: float  # of the bootstrap intervals
    bootstrap: int  # resamples
    model: ModelSummary
    properties: dict[str, PropertyScores]
