"""Predictions of an ensemble in physical units, in any order of crystals and any size of batch.

In: models, a data set, targets.  Out: values and their spread, [n_crystals, n_properties].
"""

import numpy as np
import torch
from numpy.typing import NDArray

from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.sampling import inference_batches
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.targets.step import BoolArray, Crystals, FloatArray
from crystalmatrix.targets.target import Target


@torch.no_grad()
def raw_outputs(model: CrystalModel, dataset: Dataset, crystals: NDArray[np.int64]) -> torch.Tensor:
    """Outputs of all heads, [len(crystals), n_outputs], on the CPU."""
    model.eval()
    parts, order = [], []
    for group in inference_batches(dataset.n_atoms[crystals], window_atoms=dataset.window_atoms):
        parts.append(model(dataset.batch(crystals[group])).cpu())
        order.append(group)
    if not parts:
        return torch.empty(0, model.n_outputs)
    return torch.cat(parts)[torch.from_numpy(np.argsort(np.concatenate(order)))]


def predict(
    models: list[CrystalModel],
    dataset: Dataset,
    crystals: NDArray[np.int64],
    *,
    targets: list[Target],
    formulas: FloatArray,
    zero: BoolArray,
    weights: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Median and standard deviation over the ensemble, [len(crystals), len(targets)]; formulas, zero per crystal.

    `targets` are those of all heads of the models, in order. The spread of a single model is NaN. With `weights`
    [n_members, n_targets], as a blend has, the weighted mean and deviation.
    """
    stacked = member_values(models, dataset, crystals, targets=targets, formulas=formulas, zero=zero)
    if weights is not None:
        mean = np.einsum("mnt,mt->nt", stacked, weights)
        return mean, np.sqrt(np.einsum("mnt,mt->nt", (stacked - mean) ** 2, weights))
    spread = stacked.std(axis=0, ddof=1) if len(models) > 1 else np.full(stacked.shape[1:], np.nan)
    return np.median(stacked, axis=0), spread


def member_values(
    models: list[CrystalModel],
    dataset: Dataset,
    crystals: NDArray[np.int64],
    *,
    targets: list[Target],
    formulas: FloatArray,
    zero: BoolArray,
) -> FloatArray:
    """[n_members, len(crystals), len(targets)] in the unit of each target."""
    known = Crystals(formulas, zero)
    members = []
    for model in models:
        outputs = raw_outputs(model, dataset, crystals).double().numpy()
        heads = np.split(outputs, np.cumsum([target.n_outputs for target in targets])[:-1], axis=1)
        members.append(np.stack([t.inverse(out, known) for t, out in zip(targets, heads, strict=True)], axis=1))
    return np.stack(members)
