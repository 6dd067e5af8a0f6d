"""Predictions of a checkpoint on the held-out folds, as the table that everything downstream reads.

In: Checkpoint, TrainingData.  Out: columns.PREDICTIONS, sorted by property and id.
"""

import numpy as np
import pyarrow as pa
import torch

from crystalmatrix.contracts import columns
from crystalmatrix.crystals.formula import reduced_formulas
from crystalmatrix.errors import DataError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.dense import densify
from crystalmatrix.trained.checkpoint import Checkpoint
from crystalmatrix.trained.prediction import predict
from crystalmatrix.training.labels import TEST, VAL, TrainingData


def predictions_table(checkpoint: Checkpoint, data: TrainingData, *, device: torch.device) -> pa.Table:
    """Rows of the validation and test folds of every property.

    Raises DataError for other graph settings, another unit, or held-out crystals that the model was trained on.
    """
    if data.graph.identity != checkpoint.graph.identity:
        raise DataError(
            f"shards made with {data.graph.to_json()}, the model was trained with {checkpoint.graph.to_json()}; "
            "build the shards with the model's settings, or train again"
        )
    for column, name in enumerate(checkpoint.properties):
        _check_held_out(checkpoint, data, column, name)
    rows = data.of_fold(VAL, TEST)
    graphs = data.graphs.select(rows)
    dataset = Dataset(densify(graphs, graph=data.graph, model=checkpoint.settings.model), device)
    values, spread = predict(
        checkpoint.models(device),
        dataset,
        np.arange(len(rows)),
        targets=checkpoint.targets,
        formulas=reduced_formulas(graphs.species, graphs.atom_pointer),
        zero=data.zero[rows],
    )
    parts = []
    for column, name in enumerate(checkpoint.properties):
        held = np.isin(data.fold[rows, column], (VAL, TEST))
        prediction, deviation = values[held, column], spread[held, column]
        lower, upper = checkpoint.interval(column, prediction, deviation, data.zero[rows][held])
        jid = data.graphs.jid[rows][held]
        order = np.argsort(jid)
        fold = np.where(data.fold[rows, column][held] == VAL, columns.VAL, columns.TEST)
        content = {
            columns.JID: jid,
            columns.PROPERTY: np.full(len(jid), name),
            columns.FOLD: fold,
            columns.TARGET: data.values[rows, column][held],
            columns.PREDICTION: prediction,
            columns.SPREAD: deviation,
            columns.LOWER: lower,
            columns.UPPER: upper,
        }
        part = {
            key: pa.array(array[order], from_pandas=True, type=columns.PREDICTIONS.field(key).type)
            for key, array in content.items()
        }
        parts.append(pa.table(part, schema=columns.PREDICTIONS))
    return pa.concat_tables(parts)


def _check_held_out(checkpoint: Checkpoint, data: TrainingData, column: int, name: str) -> None:
    unit = checkpoint.targets[column].unit
    if unit != data.unit(name):
        raise DataError(
            f"{name}: the model predicts {unit}, the labels are in {data.unit(name)}; "
            "set data.fields as it was trained, or train again"
        )
    held = data.keys(np.flatnonzero(np.isin(data.fold[:, column], (VAL, TEST))))
    n_seen = int(np.isin(held, checkpoint.seen[name]).sum())
    if n_seen:
        raise DataError(
            f"{name}: {n_seen} of {len(held)} held-out crystals were in the model's training fold, their errors would "
            "be too good; set data.source and data.splits as it was trained, or train again"
        )
