"""How much each member of a blend counts, from the validation fold.

In: members' predictions and labels of the validation fold.  Out: weights, not negative, that sum to one.

The weights with the least absolute error (a linear programme), drawn towards equal ones as far as the fold is small:
n labels speak as loudly as n, the prior of equal weights as PRIOR. A member that no property gives IDLE is left out.
"""

import numpy as np

from crystalmatrix.data.labels import VAL
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.targets.step import FloatArray
from crystalmatrix.targets.target import Target
from crystalmatrix.trained.prediction import member_values
from crystalmatrix.training.labels import TrainingData

PRIOR = 100
IDLE = 0.05


def fit_weights(
    models: list[CrystalModel], data: TrainingData, dataset: Dataset, targets: list[Target], formulas: FloatArray,
    *, n_properties: int,
) -> FloatArray:  # fmt: skip
    """[n_members, n_targets]; equal ones for targets without validation labels."""
    weights = np.full((len(models), len(targets)), 1 / len(models))
    rows = np.flatnonzero((data.fold[:, :n_properties] == VAL).any(axis=1))
    values = member_values(models, dataset, rows, targets=targets, formulas=formulas[rows], zero=data.zero[rows])
    for task in range(n_properties):
        held = data.fold[rows, task] == VAL
        if held.any():
            fitted = least_absolute(values[:, held, task].T, data.values[rows[held], task])
            share = held.sum() / (held.sum() + PRIOR)
            weights[:, task] = share * fitted + (1 - share) / len(models)
    weights[weights.max(axis=1) < IDLE] = 0.0
    weights /= weights.sum(axis=0)
    for task, target in enumerate(targets[:n_properties]):
        print(f"{target.name}: weights " + ", ".join(f"{w:.2f}" for w in weights[:, task]), flush=True)
    return weights


def least_absolute(predictions: FloatArray, values: FloatArray) -> FloatArray:
    """[n_members] weights on the simplex with the least mean |predictions @ weights - values|; predictions [n, m]."""
    from scipy import sparse  # half a second, which a model that is no blend need not wait
    from scipy.optimize import linprog

    n, m = predictions.shape
    cost = np.concatenate([np.zeros(m), np.ones(n)])
    unit = sparse.identity(n)  # one slack a label: dense, 5,572 labels would take half a GB
    bound = sparse.block_array([[predictions, -unit], [-predictions, -unit]], format="csr")
    found = linprog(
        cost,
        A_ub=bound,
        b_ub=np.concatenate([values, -values]),
        A_eq=np.concatenate([np.ones(m), np.zeros(n)])[None],
        b_eq=[1.0],
        bounds=(0, None),
    )
    return np.clip(found.x[:m], 0, None) / np.clip(found.x[:m], 0, None).sum()
