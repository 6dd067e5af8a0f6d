"""The architectures: for each name in config.yaml its settings, its network, what that needs and what it gives.

In: nothing.  Out: ARCHITECTURES. An entry imports its network when it makes one: e3nn takes a while.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from crystalmatrix.tiers import CGCNNConfig, EquivariantConfig, KernelConfig, ModelSection, ReadoutConfig

# What a network may need: Batch.vector; Batch.angular; Batch.descriptors.
NEIGHBOURS, ANGLES, DESCRIPTORS = "neighbours", "angles", "descriptors"
SCALARS = "scalars"  # what it gives: invariant features of every atom, [n_atoms, channels]
POOLED = "pooled"  # or features of every crystal, [n_crystals, n_features]
Seen = tuple[str, ...]  # the potentials in Batch.descriptors, in their order


@dataclass(frozen=True)
class Architecture:
    """One architecture. The tests hold it to `needs`, to `smooth` and to every symmetry of a crystal."""

    settings: type[ModelSection]  # of the section `tiers.<name>.model`
    network: Callable[[Any, Seen], nn.Module]  # settings -> module, which maps a Batch to what it gives
    needs: frozenset[str]
    gives: str = SCALARS  # which readout follows: models/readout.py
    smooth: bool = True  # predictions are continuous when a neighbour comes or goes


def _equivariant(config: EquivariantConfig, seen: Seen) -> nn.Module:
    from crystalmatrix.models.equivariant import EquivariantNet

    return EquivariantNet(config, seen)


def _cgcnn(config: CGCNNConfig, seen: Seen) -> nn.Module:
    from crystalmatrix.models.cgcnn import CGCNN

    return CGCNN(config)


def _readout(config: ReadoutConfig, seen: Seen) -> nn.Module:
    from crystalmatrix.models.perceptron import AtomPerceptron

    return AtomPerceptron(config, seen)


def _kernel(config: KernelConfig, seen: Seen) -> nn.Module:
    from crystalmatrix.models.kernel import PooledDescriptors

    return PooledDescriptors(config, seen)


ARCHITECTURES = {
    "equivariant": Architecture(EquivariantConfig, _equivariant, needs=frozenset({NEIGHBOURS, ANGLES})),
    # as published, with no envelope
    "cgcnn": Architecture(CGCNNConfig, _cgcnn, needs=frozenset({NEIGHBOURS}), smooth=False),
    "readout": Architecture(ReadoutConfig, _readout, needs=frozenset({DESCRIPTORS})),
    "kernel": Architecture(KernelConfig, _kernel, needs=frozenset({DESCRIPTORS}), gives=POOLED),
}
