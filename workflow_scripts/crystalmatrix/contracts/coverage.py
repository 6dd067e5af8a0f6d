"""coverage.json: how much of the official folds the data set holds.

In: nothing.  Out: Coverage and its parts, all counts of crystals.
"""

from typing import ClassVar

from pydantic import Field

from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.versions import COVERAGE_VERSION


class FoldCounts(Part):
    """Crystals in each fold; the names are those of columns.FOLD."""

    train: int
    val: int
    test: int


class PropertyCoverage(Part):
    """One property's folds."""

    official: FoldCounts | None  # as published; None for folds of one's own
    held: FoldCounts  # in this data set
    strict_train: int  # training crystals that are held out for no property
    without_fold: int  # labelled crystals that the scheme puts in no fold (official: new in a later release)
    extra: int = 0  # labels of extra sources beside the training fold


class Coverage(Document):
    """The whole file."""

    VERSION: ClassVar[int] = COVERAGE_VERSION

    properties: dict[str, PropertyCoverage]
    extra_removed: dict[str, int] = Field({})  # why: extra crystals that stand too near to a held-out one to train
    offset_pairs: dict[str, dict[str, int]] = Field({})  # extra source: {property: twins behind its offset}

    def official(self, name: str) -> FoldCounts | None:
        """The published size of a property's folds; None for folds of one's own, or a property without any."""
        return self.properties[name].official if name in self.properties else None
