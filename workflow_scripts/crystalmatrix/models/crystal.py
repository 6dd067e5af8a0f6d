"""From atoms to properties: an architecture, pooling over each crystal, one small head per property.

In: Batch.  Out: [n_crystals, n_outputs] on the scale that the heads learn (targets/target.py).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crystalmatrix.config import CGCNNConfig, EquivariantConfig
from crystalmatrix.features.batch import Batch


class CrystalModel(nn.Module):
    """Trunk (atoms), pooling (crystal), heads (properties). All targets are intensive: pooling is a mean."""

    def __init__(
        self, config: EquivariantConfig | CGCNNConfig, *, n_angular: int, outputs_per_head: Sequence[int]
    ) -> None:
        super().__init__()
        self.n_outputs = sum(outputs_per_head)
        self.dropout = nn.Dropout(config.dropout if isinstance(config, EquivariantConfig) else 0.0)
        self.trunk = build_trunk(config, n_angular=n_angular)
        width = config.channels
        self.atom = nn.Sequential(nn.Linear(width, width), nn.SiLU())
        attention = isinstance(config, EquivariantConfig) and config.pooling == "attention"
        self.score = nn.Linear(width, 1) if attention else None
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, n)) for n in outputs_per_head
        )

    def forward(self, batch: Batch) -> Tensor:
        """[n_crystals, sum(outputs_per_head)]."""
        pooled = self.dropout(self.features(batch))
        return torch.cat([head(pooled) for head in self.heads], dim=-1)

    def features(self, batch: Batch) -> Tensor:
        """Features of each crystal before the heads, [n_crystals, channels]."""
        atoms = self.dropout(self.trunk(batch))
        weight = torch.ones_like(atoms[:, :1]) if self.score is None else torch.exp(4 * torch.tanh(self.score(atoms)))
        empty = atoms.new_zeros(batch.n_crystals, atoms.shape[1])
        total = empty.index_add(0, batch.crystal, weight * self.atom(atoms))
        return total / empty[:, :1].index_add(0, batch.crystal, weight)


def build_trunk(config: EquivariantConfig | CGCNNConfig, *, n_angular: int) -> nn.Module:
    """The architecture that the tier names; each is imported only when used (PyG takes seconds)."""
    if isinstance(config, CGCNNConfig):
        from crystalmatrix.models.cgcnn import CGCNN

        return CGCNN(config, n_angular=n_angular)
    from crystalmatrix.models.equivariant import EquivariantNet

    return EquivariantNet(config, n_angular=n_angular)
