"""metrics.json: every number about one model, by property.

In: its predictions, the splits, the leakage report.  Out: a dictionary in physical units (see `property_scores`).
"""

from typing import Any

import numpy as np
import pandas as pd

from crystalmatrix.config import ReportConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.errors import DataError
from crystalmatrix.evaluation import metrics, uncertainty
from crystalmatrix.evaluation.bootstrap import interval, resampled_means
from crystalmatrix.evaluation.predictions import Fold, ModelPredictions
from crystalmatrix.properties import as_read


def model_scores(
    predictions: ModelPredictions,
    *,
    splits: pd.DataFrame,
    leakage: pd.DataFrame,
    settings: ReportConfig,
    fields: dict[str, str],
) -> dict[str, Any]:
    """The content of metrics.json.

    `splits` and `leakage` are the tables of the data stage, `fields` the keys that the data set was read by. Raises
    DataError where the predictions miss test crystals of the splits or hold others: a mean over other crystals compares
    with nothing.
    """
    scores = {}
    for name in predictions.properties:
        test = predictions.folds[name, c.TEST]
        _check_ids(test, splits, name, f"{predictions.tier}/{predictions.task}")
        twins = set(leakage.loc[leakage[c.PROPERTY] == name, c.JID])
        val = predictions.folds.get((name, c.VAL))
        scores[name] = {
            "unit": as_read(name, fields).unit,
            **property_scores(name, test, val, model=predictions.model, twins=twins, settings=settings),
        }
    return {
        "tier": predictions.tier,
        "task": predictions.task,
        "confidence": settings.confidence,
        "bootstrap": settings.bootstrap,
        "model": predictions.model,
        "properties": scores,
    }


def property_scores(
    name: str, test: Fold, val: Fold | None, *, model: dict[str, Any], twins: set[str], settings: ReportConfig
) -> dict[str, Any]:
    """Scores on the test fold, in the property's unit.

    `mae_low`, `mae_high` bound the MAE under resampling of the test crystals; `constant` is the median of the training
    targets and `constant_mae` its error on the same crystals; `mae_without_twins` leaves out test crystals that have a
    near-identical structure in training; `interval_*` and `spread_*` are None where the model gives no uncertainty.
    """
    error = test.error
    samples = resampled_means(error[:, None], n_resamples=settings.bootstrap)[:, 0]
    low, high = interval(samples, confidence=settings.confidence)
    constant = float(model["train_median"][name])
    distinct = ~np.isin(test.jid, sorted(twins))
    scores = {
        "n_train": int(model["n_train"][name]),
        "n_val": len(val.jid) if val else 0,
        "n_test": len(test.jid),
        "mae": float(error.mean()),
        "mae_low": low,
        "mae_high": high,
        "median_ae": float(np.median(error)),
        "rmse": metrics.rmse(test.target, test.prediction),
        "bias": metrics.bias(test.target, test.prediction),
        "val_mae": float(val.error.mean()) if val else None,
        "constant": constant,
        "constant_mae": metrics.constant_mae(test.target, constant),
        "n_twins": int((~distinct).sum()),
        "mae_without_twins": float(error[distinct].mean()) if distinct.any() else None,
    }
    return scores | _uncertainty(test)


def check_targets(predictions: ModelPredictions, records: pd.DataFrame) -> None:
    """Raise DataError unless every target is the DFT value of the records (columns `jid` and the properties)."""
    by_id = records.set_index(c.JID)
    for (name, _), fold in predictions.folds.items():
        if not np.array_equal(by_id[name].reindex(fold.jid).to_numpy(), fold.target):
            raise DataError(
                f"predictions of {predictions.tier}/{predictions.task}: found targets of {name} that differ from the "
                f"records; they were made from other data: delete them and predict again"
            )


def _uncertainty(test: Fold) -> dict[str, Any]:
    scores: dict[str, Any] = dict.fromkeys(
        ("interval_coverage", "interval_width", "spread_correlation", "error_by_spread")
    )
    if test.lower is not None and test.upper is not None:
        open_ = test.lower < test.upper  # where symmetry says zero, the interval is that zero and says nothing
        if open_.any():
            target, lower, upper = test.target[open_], test.lower[open_], test.upper[open_]
            scores["interval_coverage"] = uncertainty.coverage(target, lower, upper)
            scores["interval_width"] = uncertainty.mean_width(lower, upper)
    if test.spread is not None:
        scores["spread_correlation"] = uncertainty.spread_correlation(test.error, test.spread)
        scores["error_by_spread"] = uncertainty.error_by_spread(test.error, test.spread)
    return scores


def _check_ids(test: Fold, splits: pd.DataFrame, name: str, model: str) -> None:
    expected = set(splits.loc[(splits[c.PROPERTY] == name) & (splits[c.FOLD] == c.TEST), c.JID])
    found = set(test.jid.tolist())
    if found != expected:
        raise DataError(
            f"predictions of {model}: {len(expected - found)} test crystals of {name} are missing and "
            f"{len(found - expected)} are not in the test fold; the splits have changed: delete them and predict again"
        )
