"""All models beside each other, property by property, on the same test crystals.

In: predictions of our models and of published ones.  Out: Board, one a property: absolute errors of every model with
bootstrap intervals, and the paired differences that the page speaks of. The validation fold chooses the recommended
model; the test fold only tells how good it is.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.config import ReportConfig
from crystalmatrix.contracts import columns as c
from crystalmatrix.errors import DataError
from crystalmatrix.evaluation.bootstrap import Difference, confidence_interval, paired_difference, resampled_means
from crystalmatrix.evaluation.predictions import FoldPredictions, ModelPredictions
from crystalmatrix.evaluation.published import aligned, display_name, read_published
from crystalmatrix.properties import PROPERTIES, Property, as_read

Floats = NDArray[np.float64]

COMPOSITION = "composition"  # the tier of the composition baseline
CONSTANT = "constant"
ENSEMBLE = ("kgcnn_coGN", "kgcnn_coNGN", "potnet", "alignn_model")
ENSEMBLE_NAME = "median of published"


def column_key(model: ModelPredictions) -> str:
    """The column of the matrix: `std`, `std/multitask` or `composition`."""
    return f"{model.tier}/{model.task}" if model.is_multitask else model.tier


@dataclass(frozen=True)
class Board:
    """Every model on the test crystals of one property. Errors are absolute, in the property's unit."""

    quantity: Property
    jid: NDArray[np.str_]  # [n] test crystals held, sorted
    target: Floats  # [n]
    ours: dict[str, FoldPredictions]  # column key: test fold, in the order of the matrix, the composition baseline too
    val_mae: dict[str, float]  # column key: what chooses the recommended model
    published: dict[str, Floats]  # leaderboard folder: prediction [n], NaN where it has none
    constant: float  # median of the training targets
    settings: ReportConfig = field(repr=False)

    @property
    def n(self) -> int:
        return len(self.jid)

    @cached_property
    def errors(self) -> dict[str, Floats]:
        """|error| [n] of every model; NaN where a published one has no prediction."""
        ours = {key: fold.error for key, fold in self.ours.items()}
        published = {key: np.abs(values - self.target) for key, values in self.published.items()}
        return {**ours, **published, CONSTANT: np.abs(self.constant - self.target)}

    @cached_property
    def _samples(self) -> dict[str, Floats]:
        """Resampled means [n_resamples] of the models that predict every crystal; all see the same draws."""
        complete = [key for key, error in self.errors.items() if np.isfinite(error).all()]
        stacked = np.stack([self.errors[key] for key in complete], axis=1)  # [n, n_models]
        means = resampled_means(stacked, n_resamples=self.settings.bootstrap)
        return dict(zip(complete, means.T, strict=True))

    def mae(self, key: str) -> float:
        """MAE over the crystals that the model predicts."""
        return float(np.nanmean(self.errors[key]))

    def n_predicted(self, key: str) -> int:
        """How many of the test crystals the model has a prediction for."""
        return int(np.isfinite(self.errors[key]).sum())

    def mae_interval(self, key: str) -> tuple[float, float]:
        """Bootstrap confidence interval of the MAE."""
        samples = self._samples.get(key)
        if samples is None:
            held = self.errors[key][np.isfinite(self.errors[key])]
            samples = resampled_means(held[:, None], n_resamples=self.settings.bootstrap)[:, 0]
        return confidence_interval(samples, confidence=self.settings.confidence)

    def difference(self, first: str, second: str) -> Difference:
        """MAE of `first` minus MAE of `second` on the crystals that both predict; negative: `first` is better."""
        a, b = self.errors[first], self.errors[second]
        if first in self._samples and second in self._samples:
            samples = self._samples[first] - self._samples[second]
            low, high = confidence_interval(samples, confidence=self.settings.confidence)
            return Difference(self.n, float((a - b).mean()), low, high)
        common = np.isfinite(a) & np.isfinite(b)
        return paired_difference(
            a[common], b[common], n_resamples=self.settings.bootstrap, confidence=self.settings.confidence
        )

    @cached_property
    def common(self) -> "Board":
        """The same board on the crystals that the published models predict: all of them, or what the widest one has.

        Errors of ours and of published models stand side by side only here, so that they are of the same crystals.
        """
        predicted = [np.isfinite(values) for values in self.published.values()]
        rows = max(predicted, key=np.sum, default=np.ones(self.n, dtype=bool))
        if rows.all():
            return self
        return replace(
            self,
            jid=self.jid[rows],
            target=self.target[rows],
            ours={key: fold.on(rows) for key, fold in self.ours.items()},
            published={key: values[rows] for key, values in self.published.items()},
        )

    @property
    def complete(self) -> list[str]:
        """Published models, and their median, that predict every crystal of the board."""
        return [key for key in self.published if key in self._samples]

    @property
    def networks(self) -> list[str]:
        """Our models without the composition baseline."""
        return [key for key in self.ours if key != COMPOSITION]

    @property
    def recommended(self) -> str:
        """The network with the lowest validation error; the test fold has no say in it."""
        return min(self.networks or self.ours, key=lambda key: self.val_mae.get(key, np.inf))

    @property
    def lowest(self) -> str:
        """Our model with the lowest test MAE."""
        return min(self.ours, key=self.mae)

    @property
    def best_published(self) -> str | None:
        """The published single model with the lowest MAE of those that predict every crystal; None where none does."""
        return min((key for key in self.complete if key != ENSEMBLE_NAME), key=self.mae, default=None)

    def label(self, key: str) -> str:
        """A model's name for people."""
        if key in self.published:
            return display_name(key)
        return model_label(key)


def model_label(key: str) -> str:
    """`std`, `std multi-task`, `composition`, `best constant`: the name of one of our columns for people."""
    if key == CONSTANT:
        return "best constant"
    return key.replace("/multitask", " multi-task")


def build_boards(models: list[ModelPredictions], settings: ReportConfig, *, fields: dict[str, str]) -> dict[str, Board]:
    """One board a property that any model predicts; `fields`: the keys that the data set was read by.

    Raises DataError where two models were tested on other crystals."""
    boards = {}
    for name in PROPERTIES:
        predicting = {column_key(model): model for model in models if (name, c.TEST) in model.folds}
        if predicting:
            boards[name] = _board(as_read(name, fields), predicting, settings)
    return boards


def _board(quantity: Property, models: dict[str, ModelPredictions], settings: ReportConfig) -> Board:
    name = quantity.name
    folds = {key: model.folds[name, c.TEST] for key, model in models.items()}
    first_key, first = next(iter(folds.items()))
    for key, fold in folds.items():
        if not np.array_equal(fold.jid, first.jid):
            raise DataError(
                f"{name}: {key} and {first_key} were tested on different crystals ({len(fold.jid)} and "
                f"{len(first.jid)}); the splits have changed: delete their predictions and run again"
            )
    val = {key: model.folds.get((name, c.VAL)) for key, model in models.items()}
    return Board(
        quantity=quantity,
        jid=first.jid,
        target=first.target,
        ours=folds,
        val_mae={key: float(fold.error.mean()) for key, fold in val.items() if fold is not None},
        published=_published(quantity.field, first.jid, settings),
        constant=_constant(name, models),
        settings=settings,
    )


def _constant(name: str, models: dict[str, ModelPredictions]) -> float:
    """The training median, of a single-task model where there is one: it saw the whole training fold."""
    chosen = min(models.values(), key=lambda model: (model.is_multitask, model.tier))
    return chosen.model.train_median[name]


def _published(field: str, jid: NDArray[np.str_], settings: ReportConfig) -> dict[str, Floats]:
    """Published predictions on the ids held, and their median where all four of the strongest models have one."""
    if settings.published is None:
        return {}
    folder = Path(settings.published).expanduser()
    models = {key: aligned(values, jid) for key, values in read_published(folder, field).items()}
    models = {key: values for key, values in models.items() if np.isfinite(values).any()}
    strongest = [models[key] for key in ENSEMBLE if key in models]
    if len(strongest) > 2:
        models[ENSEMBLE_NAME] = np.median(strongest, axis=0)
    return models
