"""The architectures: for each name in config.yaml its settings, its network, what that needs and what it gives.

In: nothing.  Out: ARCHITECTURES. An entry imports its network when it makes one: e3nn and PyG take seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from crystalmatrix.tiers import CGCNNConfig, EquivariantConfig, ModelSection

NEIGHBOURS, ANGLES = "neighbours", "angles"  # what a network may need: Batch.vector; Batch.angular
SCALARS = "scalars"  # what it gives: invariant features of every atom, [n_atoms, channels]


@dataclass(frozen=True)
class Architecture:
    """One architecture. The tests hold it to `needs`, to `smooth` and to every symmetry of a crystal."""

    settings: type[ModelSection]  # of the section `tiers.<name>.model`
    network: Callable[[Any], nn.Module]  # settings -> module, which maps a Batch to what it gives
    needs: frozenset[str]
    gives: str = SCALARS  # which readout follows: models/readout.py
    smooth: bool = True  # predictions are continuous when a neighbour comes or goes


def _equivariant(config: EquivariantConfig) -> nn.Module:
    from crystalmatrix.models.equivariant import EquivariantNet

    return EquivariantNet(config)


def _cgcnn(config: CGCNNConfig) -> nn.Module:
    from crystalmatrix.models.cgcnn import CGCNN

    return CGCNN(config)


ARCHITECTURES = {
    "equivariant": Architecture(EquivariantConfig, _equivariant, needs=frozenset({NEIGHBOURS, ANGLES})),
    # as published, with no envelope
    "cgcnn": Architecture(CGCNNConfig, _cgcnn, needs=frozenset({NEIGHBOURS}), smooth=False),
}
