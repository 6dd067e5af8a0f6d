"""What one model is trained on: features, labels and folds of its training and validation crystals, side by side.

In: records, splits, outliers and features.  Out: TrainingData, crystals in the order of the records.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crystalmatrix import files
from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts import columns
from crystalmatrix.contracts.summary import DataSource
from crystalmatrix.contracts.tables import RecordsMetadata, SplitsMetadata
from crystalmatrix.data.extra import SEPARATOR
from crystalmatrix.data.labels import NONE, TEST, TRAIN, VAL, read_extra, read_folds, read_labels, records_metadata
from crystalmatrix.data.outliers import read_outliers
from crystalmatrix.errors import DataError
from crystalmatrix.features.features import Features
from crystalmatrix.features.store import open_features
from crystalmatrix.properties import AUXILIARY_FIELDS, MULTITASK, PROPERTIES, as_read
from crystalmatrix.tiers import TierConfig, TrainingConfig


@dataclass(frozen=True)
class TrainingData:
    """`n` crystals and `n_tasks` columns of labels."""

    features: Features  # [n]
    tasks: list[str]  # properties, then auxiliary fields (train only)
    values: NDArray[np.float64]  # [n, n_tasks] in the property's unit, NaN where not computed; less their offsets
    fold: NDArray[np.int8]  # [n, n_tasks] NONE, TRAIN or VAL
    zero: NDArray[np.bool_]  # [n] odd-rank tensors vanish by symmetry
    data_digest: str
    source: DataSource
    weight: NDArray[np.float64] | None = None  # [n, n_tasks] of each label beside others; None: all one
    companions: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # task: [n] Property.companion, NaN unless
    # that label is in its own training fold

    @property
    def graph(self) -> GraphConfig:
        """The settings behind the features."""
        return self.features.view.graph

    def of_fold(self, *codes: int) -> NDArray[np.int64]:
        """Crystals with a label of any task in one of the folds, ascending."""
        return np.flatnonzero(np.isin(self.fold, codes).any(axis=1))

    def keys(self, crystals: NDArray[np.int64]) -> NDArray[np.int64]:
        """See Features.keys."""
        return self.features.keys(crystals)

    def unit(self, name: str) -> str:
        """Unit of a property, as its source gives it, or of an auxiliary field."""
        return AUXILIARY_FIELDS[name] if name in AUXILIARY_FIELDS else as_read(name, self.source.fields).unit


def load(
    records: Path,
    splits: Path,
    outliers: Path | None,
    features: list[Path],
    *,
    task: str,
    properties: list[str],
    settings: TierConfig,
) -> TrainingData:
    """Labels and features. Raises DataError for files that do not fit together, or a task without labels."""
    training = settings.training
    multitask = task == MULTITASK
    strict = multitask and training.hold_out == "strict"
    names = list(properties) if multitask else [task]
    auxiliary = list(AUXILIARY_FIELDS) if multitask and training.auxiliary else []
    tied = {name: companion for name in names if (companion := PROPERTIES[name].companion)}
    origin = records_metadata(records)
    known = open_features(features, model=settings.model, records_digest=origin.digest, limit=training.window_bytes)
    labels = read_labels(records, known.jid, [*names, *auxiliary, *tied.values()])
    values = labels.values[names + auxiliary].to_numpy(np.float64)
    fold = read_folds(splits, known.jid, names, strict=strict)
    weight, offset = read_extra(splits, known.jid, names + auxiliary)
    values = values - offset
    companions = {
        name: np.where(
            read_folds(splits, known.jid, [companion], strict=strict)[:, 0] == TRAIN,
            labels.values[companion].to_numpy(np.float64) - read_extra(splits, known.jid, [companion])[1][:, 0],
            np.nan,
        )
        for name, companion in tied.items()
    }
    if auxiliary:
        fold = np.hstack([fold, _auxiliary_folds(splits, known.jid, values[:, len(names) :], origin)])
    fold[np.isnan(values) | (fold == TEST)] = NONE
    about = SplitsMetadata.of_table(splits)
    if training.outliers == "drop":
        _mask_outliers(fold, known.jid, names, outliers, about)
    _check_labels(fold, names, labels.zero, splits)
    kept = (fold == TRAIN).any(axis=0)  # a source may have no auxiliary labels
    used = np.flatnonzero((fold != NONE).any(axis=1))
    return TrainingData(
        features=known.select(used),
        tasks=[name for name, taught in zip(names + auxiliary, kept, strict=True) if taught],
        values=np.where(fold == NONE, np.nan, values)[used][:, kept],
        fold=fold[used][:, kept],
        zero=labels.zero[used],
        data_digest=origin.digest,
        source=DataSource.of(origin, about),
        weight=None if (weight == 1).all() else weight[used][:, kept],
        companions={name: values[used] for name, values in companions.items()},
    )


def _check_labels(fold: NDArray[np.int8], names: list[str], zero: NDArray[np.bool_], splits: Path) -> None:
    """Raise DataError for a property with nothing to learn, or none to choose the best epoch by."""
    for name, column in zip(names, fold.T, strict=False):
        if not ((column == TRAIN) & ~(zero & PROPERTIES[name].zero_by_symmetry)).any():
            raise DataError(
                f"{splits}: no training label for {name}: the source has none, its ids have no official fold, or "
                "all are zero by symmetry; use data.splits: random or grouped, or leave it out of matrix.properties"
            )
    if not (fold[:, : len(names)] == VAL).any():
        raise DataError(
            f"{splits}: no validation label for {', '.join(names)}, expected some to choose the best epoch by; "
            "use more crystals, or data.splits: random with a larger second fraction"
        )


def _auxiliary_folds(
    splits: Path, jid: NDArray[np.str_], values: NDArray[np.float64], origin: RecordsMetadata
) -> NDArray[np.int8]:
    """Auxiliary labels train wherever the structure is held out for no property; those of extra sources nowhere."""
    table, _ = files.read_table(splits, version=columns.SPLITS_VERSION, columns=[columns.JID, columns.FOLD])
    held_out = table.filter(pa.compute.not_equal(table[columns.FOLD], columns.TRAIN))[columns.JID].to_pylist()
    extra = {source.name for source in origin.extra}
    free = ~np.isin(jid, held_out) & np.array([name.partition(SEPARATOR)[0] not in extra for name in jid.tolist()])
    return np.where(free[:, None] & ~np.isnan(values), TRAIN, NONE).astype(np.int8)


def _mask_outliers(
    fold: NDArray[np.int8], jid: NDArray[np.str_], names: list[str], outliers: Path | None, about: SplitsMetadata
) -> None:
    """Take the listed labels out of the training fold; validation stays as it is."""
    if outliers is None:
        raise DataError(
            "training.outliers: found drop and no list of outliers, expected outliers.csv of the data stage"
        )
    listed = read_outliers(outliers, about)
    for column, name in enumerate(names):
        ids = listed.loc[listed[columns.PROPERTY] == name, "id"]
        fold[np.isin(jid, ids) & (fold[:, column] == TRAIN), column] = NONE


def fit_arguments(name: str, training: TrainingConfig) -> dict[str, object]:
    """Keyword arguments of Target.fit for a property or an auxiliary field, but for the unit."""
    if name in AUXILIARY_FIELDS:
        return {"name": name, "transform": "log" if training.transform else "identity"}
    row = PROPERTIES[name]
    return {
        "name": name,
        "transform": row.transform if training.transform else "identity",
        "hurdle": training.hurdle and row.zero_inflated,
        "zero_by_symmetry": row.zero_by_symmetry,
        "composition_reference": training.composition_reference,
    }
