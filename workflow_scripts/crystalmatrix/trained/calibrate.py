"""What the prediction intervals of a checkpoint are made from: its residuals on the validation fold.

In: a checkpoint, labels and folds of crystals.  Out: Calibration of each property.
"""

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.data.labels import VAL
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.targets.step import BoolArray, FloatArray
from crystalmatrix.trained.calibration import Calibration
from crystalmatrix.trained.checkpoint import Checkpoint
from crystalmatrix.trained.prediction import predict


def calibrate(
    checkpoint: Checkpoint,
    dataset: Dataset,
    *,
    values: FloatArray,
    fold: NDArray[np.int8],
    formulas: FloatArray,
    zero: BoolArray,
) -> dict[str, Calibration]:
    """`values` and `fold`: [n_crystals, n_properties or more]; formulas, zero: per crystal.

    Crystals whose value is zero by symmetry are left out: nothing is uncertain there.
    """
    rows = np.flatnonzero((fold[:, : len(checkpoint.properties)] == VAL).any(axis=1))
    models = checkpoint.models(dataset.device)
    predicted, spread = predict(
        models,
        dataset,
        rows,
        targets=checkpoint.targets,
        formulas=formulas[rows],
        zero=zero[rows],
        weights=checkpoint.used_weights,
    )
    calibration = {}
    for column, name in enumerate(checkpoint.properties):
        held = fold[rows, column] == VAL
        if checkpoint.targets[column].zero_by_symmetry:
            held &= ~zero[rows]
        residual = np.abs(predicted[held, column] - values[rows[held], column])
        calibration[name] = Calibration(residual, spread[held, column] if len(models) > 1 else None)
    return calibration
