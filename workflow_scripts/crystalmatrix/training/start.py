"""Whether a model can start from a checkpoint, and whether that checkpoint has seen what the model is judged by.

In: the checkpoint, TrainingData and the settings of a tier.  Out: nothing, a warning, or DataError.
"""

import numpy as np

from crystalmatrix.data.labels import VAL
from crystalmatrix.errors import DataError
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.checkpoint import Checkpoint
from crystalmatrix.training.labels import TrainingData


def check_start(init: Checkpoint, data: TrainingData, settings: TierConfig) -> None:
    """Raise DataError unless the networks and the graphs are the same; say how many validation crystals it has seen."""
    name = f"{init.tier}/{init.task}"
    if init.settings.model != settings.model:
        raise DataError(
            f"training.init: {name} is another network, {init.settings.model.to_json()}, expected the tier's own, "
            f"{settings.model.to_json()}; give the tier the model section of the checkpoint"
        )
    if init.graph.identity != data.graph.identity:
        raise DataError(
            f"training.init: {name} was trained on other graphs, {init.graph.to_json()}, expected "
            f"{data.graph.to_json()}; give the run the graph section of the checkpoint"
        )
    held_out = data.of_fold(VAL)
    seen = np.concatenate([np.empty(0, np.int64), *init.seen.values()])
    n_seen = int(np.isin(data.keys(held_out), seen).sum())
    if n_seen:
        print(
            f"{n_seen:,} of {len(held_out):,} validation crystals were in the training of {name}, which this model "
            "starts from: their errors are too small, and those of such test crystals too",
            flush=True,
        )
