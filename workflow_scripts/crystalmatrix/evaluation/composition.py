"""The composition baseline: gradient boosting that sees which elements a crystal holds, and no structure.

In: the records' species and one property's labels and folds.  Out: predictions of its validation and test crystals, as
every other model's (columns.PREDICTIONS), and how they were made.
"""

import time
from importlib.metadata import version
from itertools import islice
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.summary import DataSource, ModelSummary
from crystalmatrix.errors import DataError
from crystalmatrix.evaluation.comparison import COMPOSITION
from crystalmatrix.evaluation.descriptors import composition_features
from crystalmatrix.trained.calibration import LEVEL, conformal_interval

Floats = NDArray[np.float64]

LEARNING_RATE = 0.1
MAX_TREES = 500
PATIENCE = 40  # trees without a better validation error after which no more are grown
MIN_ROWS = 2  # of a training fold


class Fitted(NamedTuple):
    """The baseline of one property."""

    table: pa.Table  # columns.PREDICTIONS
    summary: ModelSummary
    n_trees: int


def predict_composition(
    records: pd.DataFrame, splits: pd.DataFrame, *, name: str, source: DataSource, data_digest: str
) -> Fitted:
    """Fit the baseline of one property.

    `records` with the columns jid, species and the property; `splits` as columns.SPLITS. The number of trees is the one
    with the least validation error. Raises DataError where the property has no training or no validation crystals.
    """
    of_property = splits[splits[c.PROPERTY] == name].set_index(c.JID)
    fold = of_property[c.FOLD]
    labelled = records[records[name].notna()].set_index(c.JID)
    labelled = labelled.loc[labelled.index.intersection(fold.index).sort_values()]
    fold = fold.loc[labelled.index]
    of_property = of_property.loc[labelled.index]
    target = labelled[name].to_numpy(np.float64) - of_property[c.OFFSET].fillna(0.0).to_numpy(np.float64)
    weight = of_property[c.WEIGHT].fillna(1.0).to_numpy(np.float64)
    train, val, test = (np.flatnonzero(fold == part) for part in (c.TRAIN, c.VAL, c.TEST))
    if len(train) < MIN_ROWS or not len(val):
        raise DataError(
            f"{name}: found {len(train)} training and {len(val)} validation crystals, expected some of each; "
            "use data.splits: random or grouped, or leave it out of matrix.properties"
        )
    started = time.perf_counter()
    features = composition_features(labelled[c.SPECIES].tolist())
    model, n_trees = _fit(features, target, weight, train=train, val=val)
    held = np.sort(np.concatenate([val, test]))
    prediction = _predict(model, features[held], n_trees=n_trees, constant=float(np.median(target[train])))
    seconds = time.perf_counter() - started
    is_val = np.isin(held, val)
    lower, upper = conformal_interval(
        prediction, None, validation_residual=(prediction - target[held])[is_val], validation_spread=None
    )
    values = {
        c.JID: labelled.index.to_numpy()[held],
        c.PROPERTY: np.full(len(held), name),
        c.FOLD: fold.to_numpy()[held],
        c.TARGET: target[held],
        c.PREDICTION: prediction,
        c.SPREAD: pa.nulls(len(held), pa.float64()),
        c.LOWER: lower,
        c.UPPER: upper,
        c.NOVELTY: pa.nulls(len(held), pa.float64()),
    }
    columns = [pa.array(values[field.name], field.type) for field in c.PREDICTIONS]
    summary = _summary(name, target[train], seconds=seconds, source=source, data_digest=data_digest)
    return Fitted(pa.Table.from_arrays(columns, schema=c.PREDICTIONS), summary, n_trees)


def _fit(
    features: Floats, target: Floats, weight: Floats, *, train: NDArray[np.int64], val: NDArray[np.int64]
) -> tuple[HistGradientBoostingRegressor, int]:
    """A model, and how many of its trees serve the validation fold best."""
    model = HistGradientBoostingRegressor(
        loss="absolute_error",
        learning_rate=LEARNING_RATE,
        max_iter=MAX_TREES,
        early_stopping=True,
        n_iter_no_change=PATIENCE,
        tol=0.0,
        random_state=0,
    )
    model.fit(features[train], target[train], sample_weight=weight[train], X_val=features[val], y_val=target[val])
    return model, int(np.argmax(model.validation_score_))  # minus the error, after 0, 1, 2 ... trees


def _predict(model: HistGradientBoostingRegressor, features: Floats, *, n_trees: int, constant: float) -> Floats:
    """Predictions of the first `n_trees` trees, [n]; of none, the constant that they start from."""
    stages = islice(model.staged_predict(features), max(n_trees - 1, 0), None)
    return np.asarray(next(stages)) if n_trees else np.full(len(features), constant)


def _summary(name: str, train: Floats, *, seconds: float, source: DataSource, data_digest: str) -> ModelSummary:
    return ModelSummary(
        tier=COMPOSITION,
        task=name,
        architecture="gradient boosting on the composition",
        n_parameters=None,
        device="CPU",
        train_seconds=seconds,
        energy_joules=None,
        peak_memory_mb=None,
        crystals_per_second=None,
        seeds=1,
        epochs=None,
        n_train={name: len(train)},
        train_median={name: float(np.median(train))},
        history=(),
        versions={"scikit-learn": version("scikit-learn")},
        data_digest=data_digest,
        source=source,
        hold_out="own",
        interval_level=LEVEL,
    )
