"""What a trained model says of itself: written by training, carried by checkpoint, predictions and metrics.json.

In: nothing.  Out: ModelSummary, Epoch, DataSource; PredictionsMetadata.
"""

from pathlib import PurePath
from typing import ClassVar, Literal, Self

from crystalmatrix.contracts import columns
from crystalmatrix.contracts.document import Document, Part
from crystalmatrix.contracts.tables import RecordsMetadata, SplitsMetadata

# How the training fold was kept apart from the held-out ones (training.hold_out). own: the property's own training
# fold; strict: no structure that is held out for any property; masked: held-out labels hidden, structures seen.
HoldOut = Literal["own", "strict", "masked"]


class Epoch(Part):
    """A line of a training log; validation is in float32, with the averaged weights."""

    epoch: int  # from 1
    train_loss: float  # about 1 for the best constant
    val_mae: dict[str, float]  # property: mean absolute error on its validation fold, in its unit
    val_score: float  # mean over the properties of val_mae / mean absolute deviation: what chooses the best epoch
    learning_rate: float
    crystals_per_second: float
    seconds: float  # of training so far
    joules: float | None  # of the GPU so far, from its power about once a second; None where it does not tell


class DataSource(Part):
    """The data that a model was trained on."""

    name: str  # data.source without its folders
    release: str | None
    raw_sha256: str | None
    fields: dict[str, str]  # property: key in the data set
    scheme: str  # of the folds: official | random | grouped
    extra: tuple[str, ...] = ()  # more crystals in the training folds: `name (source, n crystals)`

    @classmethod
    def of(cls, records: RecordsMetadata, splits: SplitsMetadata) -> Self:
        """Of what the tables say of themselves."""
        return cls(
            name=PurePath(records.source).name,
            release=records.release,
            raw_sha256=records.raw_sha256,
            fields=records.fields,
            scheme=splits.scheme,
            extra=tuple(f"{e.name} ({PurePath(e.source).name}, {e.n_crystals:,} crystals)" for e in records.extra),
        )


class ModelSummary(Part):
    """How one model was trained; None: means nothing for it, or is not known."""

    tier: str
    task: str
    architecture: str
    n_parameters: int | None
    device: str
    train_seconds: float
    energy_joules: float | None  # of the GPU alone, from its power about once a second
    peak_memory_mb: float | None
    crystals_per_second: float | None
    seeds: int  # members of the ensemble
    epochs: int | None
    n_train: dict[str, int]  # property: crystals in its training fold
    train_median: dict[str, float]  # property: median of its training fold, the best constant under MAE
    history: tuple[Epoch, ...]  # of the first member
    versions: dict[str, str]  # package: version
    data_digest: str  # of the records
    source: DataSource
    hold_out: HoldOut
    interval_level: float  # stated probability of its prediction intervals
    potentials: tuple[str, ...] = ()  # pretrained ones whose descriptors it reads: data beyond the source


class PredictionsMetadata(Document):
    """What predictions.parquet says of itself."""

    VERSION: ClassVar[int] = columns.PREDICTIONS_VERSION

    model: ModelSummary
