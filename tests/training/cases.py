"""A small training set with known labels: a function of the composition and of bond lengths."""

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.contracts.summary import DataSource
from crystalmatrix.contracts.view import View
from crystalmatrix.data.labels import NONE, TEST, TRAIN, VAL
from crystalmatrix.features.features import Features
from crystalmatrix.properties import as_read
from crystalmatrix.tiers import TierConfig
from crystalmatrix.trained.held_out import HeldOut
from crystalmatrix.training.labels import TrainingData

from ..models.cases import GRAPH, Crystal, graphs_of

SETTINGS = TierConfig.parse(
    {
        "model": {"architecture": "equivariant", "channels": 8, "edge_channels": 8, "layers": 1, "l_max": 1},
        "training": {"crystals_seen": 200, "max_epochs": 4, "min_epochs": 4, "batch_size": 8, "learning_rate": 0.01},
    }
)


def with_training(**changes: object) -> TierConfig:
    """SETTINGS with other training keys."""
    return TierConfig.parse(
        {**SETTINGS.model_dump(), "training": {**SETTINGS.training.model_dump(), **changes}},
    )


def rock_salts(n: int, seed: int = 0) -> list[Crystal]:
    """Two-atom cells of two random elements with a random lattice parameter."""
    random = np.random.default_rng(seed)
    fractional = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])
    cell = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    elements = np.array([3, 8, 9, 11, 12, 16, 17, 19, 20, 35])
    return [
        Crystal(random.choice(elements, 2, replace=False).astype(np.uint8), fractional, cell * random.uniform(4, 6.5))
        for _ in range(n)
    ]


def training_data(tasks: list[str], n: int = 60) -> TrainingData:
    """Three quarters of `n` rock salts; the second task, if any, is labelled for every other crystal only."""
    features, values, fold = _labelled(tasks, n)
    fold[fold == TEST] = NONE
    used = np.arange(3 * n // 4)
    return TrainingData(
        features=features.select(used),
        tasks=tasks,
        values=values[used],
        fold=fold[used],
        zero=np.zeros(len(used), bool),
        data_digest="a test",
        source=DataSource(name="rock salts", release=None, raw_sha256="0", fields={}, scheme="random"),
    )


def held_out(tasks: list[str], n: int = 60) -> HeldOut:
    """The other crystals, and those of the validation fold."""
    features, values, fold = _labelled(tasks, n)
    fold[fold == TRAIN] = NONE
    used = np.arange(n // 2, n)
    return HeldOut(
        features=features.select(used),
        properties=tasks,
        values=values[used],
        fold=fold[used],
        zero=np.zeros(len(used), bool),
        units={name: as_read(name, {}).unit for name in tasks},
    )


def _labelled(tasks: list[str], n: int) -> tuple[Features, NDArray[np.float64], NDArray[np.int8]]:
    """Features [n], values and folds [n, n_tasks]."""
    crystals = rock_salts(n)
    parameter = np.array([2 * crystal.lattice[0, 1] for crystal in crystals])
    charge = np.array([crystal.species.mean() for crystal in crystals])
    values = np.stack([parameter - 0.05 * charge, 100 / parameter, parameter**2], axis=1)[:, : len(tasks)]
    fold = np.full(values.shape, TRAIN, np.int8)
    fold[n // 2 : 3 * n // 4] = VAL
    fold[3 * n // 4 :] = TEST
    if len(tasks) > 1:
        values[::2, 1] = np.nan
        fold[::2, 1] = NONE
    return Features.of_graphs(graphs_of(crystals), View.of(GRAPH, SETTINGS.model)), values, fold
