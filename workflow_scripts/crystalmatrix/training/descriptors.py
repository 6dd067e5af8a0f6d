"""What of a model is fitted before its training: how it reads descriptors, and what these explain linearly.

In: a fresh model, training data.  Out: the model with its buffers set, from training crystals alone.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.sampling import inference_batches
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.models.kernel import PooledDescriptors
from crystalmatrix.targets.step import FloatArray
from crystalmatrix.targets.target import Target
from crystalmatrix.training.labels import TrainingData
from crystalmatrix.training.objective import standardised_labels

ATOMS = 50_000  # of training crystals drawn at random: enough for means, deviations and components


def fit_inputs(
    model: CrystalModel, data: TrainingData, dataset: Dataset, targets: list[Target], formulas: FloatArray,
    *, inputs: bool = True,
) -> None:  # fmt: skip
    """Nothing where the model reads no descriptors. Not `inputs` where the weights come with theirs."""
    if model.described is None:
        return
    label, learned = standardised_labels(data, targets, formulas)
    crystals = np.flatnonzero(learned.any(axis=1))
    model.to(dataset.device)
    if inputs:
        model.described.fit(_descriptors(dataset, _draw(crystals, dataset.n_atoms)))
        if isinstance(model.trunk, PooledDescriptors):
            model.trunk.fit(torch.cat([model.trunk(dataset.batch(part)) for part in _batches(crystals, dataset)]))
    if model.reference is not None:
        pooled = _pooled(model, dataset, crystals)
        outputs = np.cumsum([target.n_outputs for target in targets]) - 1  # the value is a head's last output
        for task, output in enumerate(outputs.tolist()):
            rows = learned[crystals, task]
            model.reference.fit(pooled[rows], label[crystals[rows], task], output=output)


def _draw(crystals: NDArray[np.int64], n_atoms: NDArray[np.int64]) -> NDArray[np.int64]:
    shuffled = np.random.default_rng(0).permutation(crystals)
    return shuffled[: max(int(np.searchsorted(np.cumsum(n_atoms[shuffled]), ATOMS)), 1)]


def _batches(crystals: NDArray[np.int64], dataset: Dataset) -> list[NDArray[np.int64]]:
    groups = inference_batches(dataset.n_atoms[crystals], window_atoms=dataset.window_atoms)
    return [crystals[group] for group in groups]


def _descriptors(dataset: Dataset, crystals: NDArray[np.int64]) -> torch.Tensor:
    return torch.cat([dataset.batch(part).descriptors for part in _batches(crystals, dataset)])


@torch.no_grad()
def _pooled(model: CrystalModel, dataset: Dataset, crystals: NDArray[np.int64]) -> FloatArray:
    """[len(crystals), n_features] of the linear reference, in the order of `crystals`."""
    assert model.described is not None
    assert model.reference is not None
    out: FloatArray | None = None
    where = np.argsort(crystals)
    for part in _batches(crystals, dataset):
        batch = dataset.batch(part)
        found = model.reference.pooled(model.described(batch), batch).double().cpu().numpy()
        out = np.empty((len(crystals), found.shape[1])) if out is None else out
        out[where[np.searchsorted(crystals, part, sorter=where)]] = found
    assert out is not None
    return out
