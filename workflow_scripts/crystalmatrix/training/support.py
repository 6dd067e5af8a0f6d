"""A kernel member: support vectors in place of a training loop, one regression an output.

In: a model whose inputs are fitted, training data.  Out: Member.
"""

import time

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.svm import SVR

from crystalmatrix.contracts.summary import Epoch
from crystalmatrix.data.labels import VAL
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.sampling import inference_batches
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.models.support import KernelReadout
from crystalmatrix.targets.step import Crystals, FloatArray
from crystalmatrix.targets.target import Target
from crystalmatrix.tiers import KERNEL_CACHE_MB, KernelConfig
from crystalmatrix.trained.prediction import predict
from crystalmatrix.training.labels import TrainingData
from crystalmatrix.training.loop import Member
from crystalmatrix.training.objective import label_weights, standardised_labels
from crystalmatrix.words import counted


def fit_support(
    model: CrystalModel, data: TrainingData, dataset: Dataset, targets: list[Target], formulas: FloatArray,
    *, config: KernelConfig, n_properties: int, seed: int,
) -> Member:  # fmt: skip
    """Fit every head of `model`, whose readout is a KernelReadout, and validate it."""
    begun = time.monotonic()
    label, learned = standardised_labels(data, targets, formulas)
    weights = label_weights(data, targets, Crystals(formulas, data.zero))
    crystals = np.flatnonzero(learned.any(axis=1))
    features = pooled(model, dataset, crystals)
    readout = model.readout
    assert isinstance(readout, KernelReadout)
    coefficients = np.zeros((len(crystals), len(targets)), np.float32)
    intercept = np.zeros(len(targets), np.float32)
    for task, target in enumerate(targets):
        rows = _drawn(np.flatnonzero(learned[crystals, task]), config.most_crystals, seed=seed, name=target.name)
        values, weight = label[crystals[rows], task], weights[crystals[rows], task]
        machine = support_machine(config, readout, values, n_features=features.shape[1])
        machine.fit(features[rows], values, sample_weight=weight / weight.mean())
        coefficients[rows[machine.support_], task] = machine.dual_coef_[0]
        intercept[task] = machine.intercept_[0]
        print(
            f"{target.name}: {counted(len(machine.support_), 'support vector')} of {counted(len(rows), 'crystal')}",
            flush=True,
        )
    kept = np.flatnonzero(coefficients.any(axis=1))
    readout.vectors = torch.from_numpy(features[kept].astype(np.float16))
    readout.coefficients = torch.from_numpy(coefficients[kept])
    readout.intercept = torch.from_numpy(intercept)
    model.to(dataset.device)
    return _member(model, data, dataset, targets, formulas, n_properties=n_properties, begun=begun, n=len(crystals))


def support_machine(config: KernelConfig, readout: KernelReadout, values: FloatArray, *, n_features: int) -> SVR:
    """Not fitted yet; cost and tube are in deviations of the values that it will be fitted to."""
    deviation = float(values.std()) or 1.0
    return SVR(
        C=config.cost * deviation,
        epsilon=config.tube * deviation,
        gamma=readout.gamma(n_features),
        cache_size=KERNEL_CACHE_MB,
    )


@torch.no_grad()
def pooled(model: CrystalModel, dataset: Dataset, crystals: NDArray[np.int64]) -> NDArray[np.float32]:
    """What the kernel compares, [len(crystals), n_features]; rounded as the vectors are stored."""
    parts, order = [], []
    for group in inference_batches(dataset.n_atoms[crystals], window_atoms=dataset.window_atoms):
        parts.append(model.trunk(dataset.batch(crystals[group])).half().float().cpu().numpy())
        order.append(group)
    return np.concatenate(parts)[np.argsort(np.concatenate(order))]


def _drawn(rows: NDArray[np.int64], most: int, *, seed: int, name: str) -> NDArray[np.int64]:
    if len(rows) <= most:
        return rows
    print(
        f"{name}: {len(rows):,} training crystals, of which {most:,} are drawn at random for the kernel: its time "
        "grows with their square (model.most_crystals); a readout or an equivariant network uses all",
        flush=True,
    )
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _member(
    model: CrystalModel, data: TrainingData, dataset: Dataset, targets: list[Target], formulas: FloatArray,
    *, n_properties: int, begun: float, n: int,
) -> Member:  # fmt: skip
    rows = np.flatnonzero((data.fold[:, :n_properties] == VAL).any(axis=1))
    values, _ = predict([model], dataset, rows, targets=targets, formulas=formulas[rows], zero=data.zero[rows])
    errors, held = np.abs(values - data.values[rows]), data.fold[rows] == VAL
    properties = [(k, target) for k, target in enumerate(targets[:n_properties]) if held[:, k].any()]
    mae = {target.name: float(errors[held[:, k], k].mean()) for k, target in properties}
    score = float(np.mean([mae[t.name] / t.deviation for _, t in properties]))
    seconds = time.monotonic() - begun
    history = [
        Epoch(
            epoch=1, train_loss=0.0, val_mae=mae, val_score=score, learning_rate=0.0,
            crystals_per_second=n / seconds, seconds=seconds, joules=None,
        )
    ]  # fmt: skip
    print("  ".join(f"val_mae {name} {value:.4g}" for name, value in mae.items()), flush=True)
    weights = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    return Member(weights, history, seconds, None, n / seconds)
