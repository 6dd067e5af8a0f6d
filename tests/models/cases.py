"""Crystals, settings and models for the suite that every architecture passes."""

import functools
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crystalmatrix.config import GraphConfig
from crystalmatrix.contracts.descriptors import n_descriptors
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.geometry import distances_below
from crystalmatrix.descriptors.described import Described
from crystalmatrix.features.batch import Batch
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.features import Features
from crystalmatrix.graphs.build import build
from crystalmatrix.graphs.ragged import Graphs
from crystalmatrix.models.crystal import CrystalModel
from crystalmatrix.models.registry import ARCHITECTURES
from crystalmatrix.models.support import KernelReadout
from crystalmatrix.tiers import CGCNNConfig, EquivariantConfig, KernelConfig, ModelConfig, ReadoutConfig

GRAPH = GraphConfig()
CONFIGS = {
    "lite": EquivariantConfig(
        architecture="equivariant", channels=8, edge_channels=8, layers=2, l_max=2, neighbours=12
    ),
    "scalar": EquivariantConfig(
        architecture="equivariant", channels=6, edge_channels=5, layers=1, l_max=0, neighbours=16
    ),
    "deep": EquivariantConfig(
        architecture="equivariant", channels=6, edge_channels=7, layers=3, l_max=3, neighbours=24, pooling="attention"
    ),
    "all_edges": EquivariantConfig(
        architecture="equivariant", channels=6, edge_channels=7, layers=2, l_max=2, neighbours=None
    ),
    "no_angles": EquivariantConfig(architecture="equivariant", channels=6, edge_channels=7, layers=2, angle_radial=0),
    "cgcnn": CGCNNConfig(architecture="cgcnn", channels=8, layers=2, neighbours=16),
    "readout": ReadoutConfig(architecture="readout", channels=8, layers=1, descriptors=("chgnet",)),
    "described": EquivariantConfig(
        architecture="equivariant", channels=8, edge_channels=8, l_max=2, descriptors=("chgnet",), components=16
    ),
    "kernel": KernelConfig(architecture="kernel", descriptors=("chgnet",), components=16),
}

SMOOTH = [name for name, config in CONFIGS.items() if ARCHITECTURES[config.architecture].smooth]


@dataclass(frozen=True)
class Crystal:
    """One crystal: species [n] Z, fractional [n, 3], lattice [3, 3] rows in Å."""

    species: NDArray[np.uint8]
    fractional: NDArray[np.float64]
    lattice: NDArray[np.float64]

    @property
    def content(self) -> tuple[bytes, ...]:
        """What makes it this crystal, to look up what was computed of it."""
        return self.species.tobytes(), self.fractional.tobytes(), self.lattice.tobytes()

    def supercell(self, repeats: tuple[int, int, int]) -> "Crystal":
        """The same crystal in a larger cell."""
        shifts = np.array([(i, j, k) for i in range(repeats[0]) for j in range(repeats[1]) for k in range(repeats[2])])
        fractional = (self.fractional[None] + shifts[:, None]).reshape(-1, 3) / repeats
        return Crystal(np.tile(self.species, len(shifts)), fractional, self.lattice * np.array(repeats)[:, None])

    @staticmethod
    def of_content(species: bytes, fractional: bytes, lattice: bytes) -> "Crystal":
        """The inverse of `content`."""
        floats = np.frombuffer(fractional).reshape(-1, 3), np.frombuffer(lattice).reshape(3, 3)
        return Crystal(np.frombuffer(species, np.uint8), *floats)

    def changed(self, **fields: NDArray) -> "Crystal":
        return replace(self, **fields)


def random_crystal(seed: int, n_atoms: int = 5) -> Crystal:
    """A triclinic cell of about 15 Å3 an atom, atoms at least 1.2 Å apart."""
    random = np.random.default_rng(seed)
    while True:
        lattice = np.eye(3) * (15 * n_atoms) ** (1 / 3) + random.normal(0, 0.6, (3, 3))
        fractional = random.random((n_atoms, 3))
        if not len(distances_below(1.2, lattice, fractional)):
            return Crystal(random.integers(1, 90, n_atoms).astype(np.uint8), fractional, lattice)


def graphs_of(crystals: list[Crystal], settings: GraphConfig = GRAPH) -> Graphs:
    counts = [len(crystal.species) for crystal in crystals]
    return build(
        np.array([f"crystal-{i}" for i in range(len(crystals))]),
        np.concatenate([crystal.species for crystal in crystals]),
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate([crystal.fractional for crystal in crystals]),
        np.stack([crystal.lattice for crystal in crystals]),
        settings=settings,
    )


def stored_batch(crystals: list[Crystal], config: ModelConfig, settings: GraphConfig = GRAPH) -> Batch:
    """What a training sees: float32 vectors and float16 fingerprints, here as float64 numbers."""
    described = described_by_hand(crystals, config)
    features = Features.of_graphs(graphs_of(crystals, settings), View.of(settings, config), described)
    batch = Dataset(features, torch.device("cpu")).batch(np.arange(len(crystals)))
    return batch._replace(
        vector=batch.vector.double(),
        envelope_radius=batch.envelope_radius.double(),
        angular=batch.angular.double(),
        descriptors=batch.descriptors.double(),
    )


def descriptors_by_hand(crystals: list[Crystal], config: ModelConfig) -> NDArray[np.float64]:
    """[n_atoms, n_descriptors] in place of a potential's: invariants of each atom, smooth in its neighbours."""
    width = n_descriptors(config.descriptors)
    rows = [_rows_by_hand(*crystal.content, width=width) for crystal in crystals]
    return np.concatenate([np.array(of).reshape(len(of), width) for of in rows])


@functools.cache
def _rows_by_hand(species: bytes, fractional: bytes, lattice: bytes, *, width: int) -> list[NDArray[np.float64]]:
    crystal = Crystal.of_content(species, fractional, lattice)
    if not width:
        return [np.empty(0)] * len(crystal.species)
    centre = np.linspace(1, 5, width)
    return [
        (weight[:, None] * envelope * np.exp(-(((distance[:, None] - centre) / 0.5) ** 2))).sum(axis=0)
        for distance, weight, envelope in _around(crystal)
    ]


def _around(crystal: Crystal):
    """For each atom the distances within 5 Å, a weight of the neighbour's element, and an envelope."""
    spacing = 1 / np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
    n = np.ceil(5 / spacing).astype(int) + 1
    images = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in n), indexing="ij"), -1).reshape(-1, 1, 3)
    for z, position in zip(crystal.species, crystal.fractional % 1, strict=True):
        edge = (crystal.fractional % 1 - position + images) @ crystal.lattice
        distance = np.linalg.norm(edge, axis=-1)  # [n_images, n_atoms]
        near = (distance > 1e-6) & (distance < 5)
        weight = np.broadcast_to(np.sin(crystal.species.astype(float)) + z / 100, distance.shape)
        yield distance[near], weight[near], (1 - (distance[near] / 5)[:, None] ** 2) ** 3


def described_by_hand(crystals: list[Crystal], config: ModelConfig) -> Described | None:
    """The same, as a stage would store them."""
    if not config.descriptors:
        return None
    values, n = descriptors_by_hand(crystals, config), len(config.descriptors)
    return Described(values[:, :-n].astype(np.float16), values[:, -n:].astype(np.float32))


def fit_by_hand(model: CrystalModel) -> None:
    """Some support vectors for a kernel, and a linear reference: what training would fit."""
    if isinstance(model.readout, KernelReadout):
        random = torch.Generator().manual_seed(1)
        n_features = len(model.trunk.mean)
        model.readout.vectors = torch.randn(7, n_features, generator=random, dtype=torch.float64)
        model.readout.coefficients = torch.randn(7, model.n_outputs, generator=random, dtype=torch.float64)
    if model.reference is not None:
        model.reference.weight = torch.randn_like(model.reference.weight)


def model_of(config: ModelConfig, outputs: tuple[int, ...] = (1, 2)) -> CrystalModel:
    """A model in evaluation mode, in float64 throughout, its couplings too.

    Weights of twice the usual size: as they are first drawn, the output moves by 1e-5 when an atom moves by 0.1 Å, and
    a network that hardly sees the geometry would pass nearly any test of what it makes of it.
    """
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    try:
        model = CrystalModel(config, outputs_per_head=outputs).eval()
    finally:
        torch.set_default_dtype(torch.float32)
    fit_by_hand(model)
    for weight in model.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=2 / weight.shape[1] ** 0.5)
    return model
