"""Predictions of one model as arrays by property and fold.

In: results/{tier}/{task}.predictions.parquet (columns: see columns.PREDICTIONS).  Out: ModelPredictions.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.summary import ModelSummary, PredictionsMetadata
from crystalmatrix.errors import DataError
from crystalmatrix.files import read_table
from crystalmatrix.properties import MULTITASK, PROPERTIES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FoldPredictions:
    """Crystals of one property and fold, sorted by id; values in the property's unit."""

    jid: NDArray[np.str_]  # [n]
    target: Floats  # [n]
    prediction: Floats  # [n]
    spread: Floats | None  # [n] standard deviation over the ensemble; None for one seed
    lower: Floats | None  # [n] bounds of the prediction interval; None where there is none
    upper: Floats | None
    novelty: Floats | None  # [n] distance from what was trained on, infinite for an element that was not; or None

    @property
    def error(self) -> Floats:
        """|prediction - target|, [n]."""
        return np.abs(self.prediction - self.target)

    def on(self, rows: NDArray[np.bool_]) -> "FoldPredictions":
        """The crystals where `rows`, [n], is true."""
        return FoldPredictions(*(None if values is None else values[rows] for values in vars(self).values()))  # type: ignore[arg-type]


@dataclass(frozen=True)
class ModelPredictions:
    """What one checkpoint says about the validation and test crystals of each property that it predicts."""

    model: ModelSummary  # how it was trained
    folds: dict[tuple[str, str], FoldPredictions]  # by (property, fold)

    @property
    def tier(self) -> str:
        return self.model.tier

    @property
    def task(self) -> str:
        return self.model.task

    @property
    def is_multitask(self) -> bool:
        return self.task == MULTITASK

    @property
    def properties(self) -> list[str]:
        """Properties with test crystals, in the order of properties.py."""
        return [name for name in PROPERTIES if (name, c.TEST) in self.folds]


def read_predictions(path: Path) -> ModelPredictions:
    """Read one predictions file. Raises DataError for a damaged one, repeated ids or numbers that are not finite."""
    table, metadata = read_table(path, version=c.PREDICTIONS_VERSION, holds=c.PREDICTIONS.names)
    folds = {}
    for name in PROPERTIES:
        of_property = table.filter(pa.compute.equal(table[c.PROPERTY], name))
        for fold in (c.VAL, c.TEST):
            part = of_property.filter(pa.compute.equal(of_property[c.FOLD], fold)).sort_by(c.JID)
            if part.num_rows:
                folds[name, fold] = _fold(path, part)
    if not folds:
        raise DataError(f"{path}: found no validation or test row, expected predictions; delete it and run again")
    return ModelPredictions(PredictionsMetadata.parse(metadata, where=str(path)).model, folds)


def _fold(path: Path, table: pa.Table) -> FoldPredictions:
    jid = table[c.JID].to_numpy().astype(str)
    values = {name: _floats(table[name]) for name in (c.TARGET, c.PREDICTION, c.SPREAD, c.LOWER, c.UPPER, c.NOVELTY)}
    if len(np.unique(jid)) != len(jid):
        raise DataError(f"{path}: found an id twice in one fold, expected each once; delete it and run again")
    for name in (c.TARGET, c.PREDICTION):
        column = values[name]
        if column is None or not np.isfinite(column).all():
            raise DataError(f"{path}: found a {name} that is not a finite number; delete it and train again")
    return FoldPredictions(jid, **values)  # type: ignore[arg-type]  # target and prediction were just seen to be there


def _floats(column: pa.ChunkedArray) -> Floats | None:
    """A column as float64; None where it holds any null."""
    return None if column.null_count else column.to_numpy().astype(np.float64)
