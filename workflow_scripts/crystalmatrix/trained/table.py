"""Predictions of a checkpoint on the held-out folds, as the table that everything downstream reads.

In: Checkpoint, HeldOut.  Out: columns.PREDICTIONS, sorted by property and id.
"""

import numpy as np
import pyarrow as pa
import torch

from crystalmatrix.contracts import columns
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.data.labels import NONE, VAL
from crystalmatrix.errors import DataError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.trained.checkpoint import Checkpoint
from crystalmatrix.trained.held_out import HeldOut
from crystalmatrix.trained.prediction import predict


def predictions_table(checkpoint: Checkpoint, data: HeldOut, *, device: torch.device) -> pa.Table:
    """Rows of the validation and test folds of every property.

    Raises DataError for another unit, or for held-out crystals that the model was trained on.
    """
    for column, name in enumerate(checkpoint.properties):
        _check_held_out(checkpoint, data, column, name)
    values, spread = predict(
        checkpoint.models(device),
        Dataset(data.features, device),
        np.arange(data.features.n_crystals),
        targets=checkpoint.targets,
        formulas=reduced_formulas(data.features.species, data.features.atom_pointer),
        zero=data.zero,
        weights=checkpoint.used_weights,
    )
    novelty = checkpoint.domain.novelty(data.features) if checkpoint.domain else np.full(len(values), np.nan)
    parts = []
    for column, name in enumerate(checkpoint.properties):
        held = data.fold[:, column] != NONE
        prediction, deviation = values[held, column], spread[held, column]
        lower, upper = checkpoint.interval(column, prediction, deviation, data.zero[held])
        jid = data.features.jid[held]
        order = np.argsort(jid)
        fold = np.where(data.fold[held, column] == VAL, columns.VAL, columns.TEST)
        content = {
            columns.JID: jid,
            columns.PROPERTY: np.full(len(jid), name),
            columns.FOLD: fold,
            columns.TARGET: data.values[held, column],
            columns.PREDICTION: prediction,
            columns.SPREAD: deviation,
            columns.LOWER: lower,
            columns.UPPER: upper,
            columns.NOVELTY: novelty[held],
        }
        part = {
            key: pa.array(array[order], from_pandas=True, type=columns.PREDICTIONS.field(key).type)
            for key, array in content.items()
        }
        parts.append(pa.table(part, schema=columns.PREDICTIONS))
    return pa.concat_tables(parts)


def _check_held_out(checkpoint: Checkpoint, data: HeldOut, column: int, name: str) -> None:
    unit = checkpoint.targets[column].unit
    if unit != data.units[name]:
        raise DataError(
            f"{name}: the model predicts {unit}, the labels are in {data.units[name]}; "
            "set data.fields as it was trained, or train again"
        )
    held = data.features.keys(np.flatnonzero(data.fold[:, column] != NONE))
    n_seen = int(np.isin(held, checkpoint.seen[name]).sum())
    if n_seen:
        raise DataError(
            f"{name}: {n_seen} of {len(held)} held-out crystals were in the model's training fold, their errors would "
            "be too good; set data.source and data.splits as it was trained, or train again"
        )
