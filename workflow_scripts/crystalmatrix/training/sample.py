"""What a trial training is given: the bundled minerals, with made-up descriptors where a tier reads any.

In: a view.  Out: TrainingData; the time of a kernel.
"""

import time

import numpy as np

from crystalmatrix.contracts.descriptors import n_descriptors
from crystalmatrix.contracts.summary import DataSource
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.data.labels import TRAIN, VAL
from crystalmatrix.data.minerals import mineral_structures
from crystalmatrix.data.official import mineral_labels
from crystalmatrix.descriptors.described import Described
from crystalmatrix.elements import N_SPECIES
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.features import Features
from crystalmatrix.graphs.build import from_crystals
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.models.support import KernelReadout
from crystalmatrix.tiers import KernelConfig
from crystalmatrix.training.labels import TrainingData
from crystalmatrix.training.support import pooled, support_machine

TASK = "formation_energy"  # heads are small beside the trunk: any property is as good
MOST_CRYSTALS = 400  # that the steps are taken from
KERNEL_CRYSTALS = 1500  # that a kernel is fitted to: fewer end before their number counts
NOISE = 0.1  # of a made-up descriptor, in deviations of what its element says


def minerals(view: View) -> TrainingData:
    """Every fifth crystal validates."""
    labels = mineral_labels()
    crystals = [item for item in iterate(mineral_structures()) if isinstance(item, Crystal) and TASK in labels[item.id]]
    crystals = crystals[:MOST_CRYSTALS]
    fold = np.full((len(crystals), 1), TRAIN, np.int8)
    fold[::5] = VAL
    return TrainingData(
        features=Features.of_graphs(from_crystals(crystals, settings=view.graph), view, _described(crystals, view)),
        tasks=[TASK],
        values=np.array([[labels[crystal.id][TASK]] for crystal in crystals]),
        fold=fold,
        zero=np.zeros(len(crystals), bool),
        data_digest="",
        source=DataSource(name="minerals", release=None, raw_sha256=None, fields={}, scheme="random"),
    )


def _described(crystals: list[Crystal], view: View) -> Described | None:
    """Numbers of the element and some noise, in place of a potential's: a step takes as long with any numbers."""
    if not view.descriptors:
        return None
    random = np.random.default_rng(0)
    species = np.concatenate([crystal.species for crystal in crystals])
    of_element = random.normal(size=(N_SPECIES, n_descriptors(view.descriptors)))
    values = of_element[species] + NOISE * random.normal(size=(len(species), of_element.shape[1]))
    n = len(view.descriptors)
    return Described(values[:, :-n].astype(np.float16), values[:, -n:].astype(np.float32))


def seconds_of_kernel(model: CrystalModel, data: TrainingData, dataset: Dataset, config: KernelConfig) -> float:
    """Over the square of the number of crystals. The minerals several times, each time a little different."""
    assert isinstance(model.readout, KernelReadout)
    random = np.random.default_rng(0)
    rows = np.resize(np.arange(len(data.values)), KERNEL_CRYSTALS)
    features = pooled(model, dataset, np.arange(len(data.values)))[rows]
    features = features + NOISE * random.normal(size=features.shape).astype(np.float32)
    values = data.values[rows, 0] + NOISE * data.values.std() * random.normal(size=len(rows))
    begun = time.monotonic()
    support_machine(config, model.readout, values, n_features=features.shape[1]).fit(features, values)
    return (time.monotonic() - begun) / len(rows) ** 2
