"""metrics.json: every number about one model, by property.

In: its predictions, the splits, the leakage report.  Out: ModelScores, in physical units.
"""

import numpy as np
import pandas as pd

from crystalmatrix.config import ReportConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.contracts.scores import DistanceBin, ModelScores, PropertyScores, SpreadBin
from crystalmatrix.contracts.summary import ModelSummary
from crystalmatrix.errors import DataError
from crystalmatrix.evaluation import distance, metrics, uncertainty
from crystalmatrix.evaluation.bootstrap import confidence_interval, resampled_means
from crystalmatrix.evaluation.predictions import FoldPredictions, ModelPredictions
from crystalmatrix.properties import as_read


def model_scores(
    predictions: ModelPredictions,
    *,
    splits: pd.DataFrame,
    leakage: pd.DataFrame,
    settings: ReportConfig,
    fields: dict[str, str],
) -> ModelScores:
    """The content of metrics.json.

    `splits` and `leakage` are the tables of the data stage, `fields` the keys that the data set was read by. Raises
    DataError where the predictions miss test crystals of the splits or hold others: a mean over other crystals compares
    with nothing.
    """
    scores = {}
    for name in predictions.properties:
        test = predictions.folds[name, c.TEST]
        _check_ids(test, splits, name, f"{predictions.tier}/{predictions.task}")
        scores[name] = property_scores(
            name,
            test,
            predictions.folds.get((name, c.VAL)),
            unit=as_read(name, fields).unit,
            model=predictions.model,
            twins=set(leakage.loc[leakage[c.PROPERTY] == name, c.JID]),
            settings=settings,
        )
    return ModelScores(
        tier=predictions.tier,
        task=predictions.task,
        confidence=settings.confidence,
        bootstrap=settings.bootstrap,
        model=predictions.model,
        properties=scores,
    )


def property_scores(
    name: str,
    test: FoldPredictions,
    val: FoldPredictions | None,
    *,
    unit: str,
    model: ModelSummary,
    twins: set[str],
    settings: ReportConfig,
) -> PropertyScores:
    """Scores on the test fold; `twins`: ids of test crystals that have a near-identical structure in training."""
    error = test.error
    samples = resampled_means(error[:, None], n_resamples=settings.bootstrap)[:, 0]
    low, high = confidence_interval(samples, confidence=settings.confidence)
    constant = model.train_median[name]
    distinct = ~np.isin(test.jid, sorted(twins))
    coverage, width = _intervals(test)
    correlation, bins = _spread(test)
    by_distance, far_to_near = _distance(test, settings)
    return PropertyScores(
        unit=unit,
        n_train=model.n_train[name],
        n_val=len(val.jid) if val else 0,
        n_test=len(test.jid),
        mae=float(error.mean()),
        mae_low=low,
        mae_high=high,
        median_ae=metrics.median_ae(test.target, test.prediction),
        rmse=metrics.rmse(test.target, test.prediction),
        bias=metrics.bias(test.target, test.prediction),
        val_mae=float(val.error.mean()) if val else None,
        constant=constant,
        constant_mae=metrics.constant_mae(test.target, constant),
        n_twins=int((~distinct).sum()),
        mae_without_twins=float(error[distinct].mean()) if distinct.any() else None,
        interval_coverage=coverage,
        interval_width=width,
        spread_correlation=correlation,
        error_by_spread=bins,
        error_by_distance=by_distance,
        far_to_near=far_to_near,
    )


def check_targets(predictions: ModelPredictions, records: pd.DataFrame) -> None:
    """Raise DataError unless every target is the DFT value of the records (columns `jid` and the properties)."""
    by_id = records.set_index(c.JID)
    for (name, _), fold in predictions.folds.items():
        if not np.array_equal(by_id[name].reindex(fold.jid).to_numpy(), fold.target):
            raise DataError(
                f"predictions of {predictions.tier}/{predictions.task}: found targets of {name} that differ from the "
                f"records; they were made from other data: delete them and predict again"
            )


def _intervals(test: FoldPredictions) -> tuple[float | None, float | None]:
    """Coverage and mean width of the prediction intervals; None where there are none."""
    if test.lower is None or test.upper is None:
        return None, None
    open_ = test.lower < test.upper  # where symmetry says zero, the interval is that zero and says nothing
    if not open_.any():
        return None, None
    target, lower, upper = test.target[open_], test.lower[open_], test.upper[open_]
    return uncertainty.interval_coverage(target, lower, upper), uncertainty.mean_width(lower, upper)


def _spread(test: FoldPredictions) -> tuple[float | None, tuple[SpreadBin, ...] | None]:
    """Correlation of error and spread, error by spread; None for one member, or where the spread does not vary."""
    if test.spread is None:
        return None, None
    return metrics.spearman(test.error, test.spread), uncertainty.error_by_spread(test.error, test.spread)


def _distance(
    test: FoldPredictions, settings: ReportConfig
) -> tuple[tuple[DistanceBin, ...] | None, tuple[float, float, float] | None]:
    """Error by distance from the training crystals, and its rise; None for a model that knows no distance."""
    if test.novelty is None:
        return None, None
    n_resamples, confidence = settings.bootstrap, settings.confidence
    bins = distance.error_by_distance(test.error, test.novelty, n_resamples=n_resamples, confidence=confidence)
    rise = distance.far_to_near(test.error, test.novelty, n_resamples=n_resamples, confidence=confidence)
    return bins, rise


def _check_ids(test: FoldPredictions, splits: pd.DataFrame, name: str, model: str) -> None:
    expected = set(splits.loc[(splits[c.PROPERTY] == name) & (splits[c.FOLD] == c.TEST), c.JID])
    found = set(test.jid.tolist())
    if found != expected:
        raise DataError(
            f"predictions of {model}: {len(expected - found)} test crystals of {name} are missing and "
            f"{len(found - expected)} are not in the test fold; the splits have changed: delete them and predict again"
        )
