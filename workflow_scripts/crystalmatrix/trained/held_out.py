"""What a trained model is measured on: the validation and test crystals of its properties, with their labels.

In: records, splits, features.  Out: HeldOut. No training label is read, and nothing that a training masks.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.data.labels import NONE, TEST, VAL, read_folds, read_labels, records_metadata
from crystalmatrix.errors import DataError
from crystalmatrix.features.features import Features
from crystalmatrix.features.store import open_features
from crystalmatrix.properties import as_read
from crystalmatrix.trained.checkpoint import Checkpoint


@dataclass(frozen=True)
class HeldOut:
    """`n` crystals, each with a label of at least one property in a held-out fold."""

    features: Features  # [n]
    properties: list[str]
    values: NDArray[np.float64]  # [n, n_properties] in the property's unit, NaN where not computed
    fold: NDArray[np.int8]  # [n, n_properties] NONE, VAL or TEST
    zero: NDArray[np.bool_]  # [n] odd-rank tensors vanish by symmetry
    units: dict[str, str]  # property: unit of its labels

    def select(self, index: NDArray[np.integer]) -> Self:
        """The crystals at `index`, in that order."""
        return type(self)(
            self.features.select(index),
            self.properties,
            self.values[index],
            self.fold[index],
            self.zero[index],
            self.units,
        )


def load_held_out(records: Path, splits: Path, features: list[Path], checkpoint: Checkpoint) -> HeldOut:
    """What `checkpoint` is measured on. Raises DataError for files that do not fit together or to the model."""
    origin = records_metadata(records)
    known = open_features(
        features,
        model=checkpoint.settings.model,
        graph=checkpoint.graph,
        records_digest=origin.digest,
        limit=checkpoint.settings.training.window_bytes,
    )
    names = checkpoint.properties
    labels = read_labels(records, known.jid, names)
    values = labels.values[names].to_numpy(np.float64)
    fold = read_folds(splits, known.jid, names)
    fold[np.isnan(values) | ~np.isin(fold, (VAL, TEST))] = NONE
    for name, column in zip(names, fold.T, strict=True):
        if not column.any():
            raise DataError(
                f"{splits}: no validation or test label for {name}, expected some to measure the model by; use "
                "data.splits: random or grouped, or leave it out of matrix.properties"
            )
    units = {name: as_read(name, origin.fields).unit for name in names}
    every = HeldOut(known, names, values, fold, labels.zero, units)
    return every.select(np.flatnonzero(fold.any(axis=1)))
