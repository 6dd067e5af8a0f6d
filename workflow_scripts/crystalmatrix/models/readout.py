"""From features of atoms to numbers of crystals. One entry for each kind of features (models/registry.py).

In: what a network gives, Batch.  Out: [n_crystals, n_outputs] on the scale of the transformed targets.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crystalmatrix.features.batch import Batch
from crystalmatrix.models.registry import SCALARS
from crystalmatrix.tiers import ModelConfig


class ScalarReadout(nn.Module):
    """One layer on every atom, a mean over each crystal (all targets are intensive), one small head per target."""

    def __init__(self, config: ModelConfig, *, outputs_per_head: Sequence[int]) -> None:
        super().__init__()
        width = config.channels
        self.dropout = nn.Dropout(config.dropout)
        self.atom = nn.Sequential(nn.Linear(width, width), nn.SiLU())
        self.score = nn.Linear(width, 1) if config.pooling == "attention" else None
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, n)) for n in outputs_per_head
        )

    def forward(self, atoms: Tensor, batch: Batch) -> Tensor:
        """atoms [n_atoms, channels] -> [n_crystals, sum(outputs_per_head)]."""
        pooled = self.dropout(self.pool(self.dropout(atoms), batch))
        return torch.cat([head(pooled) for head in self.heads], dim=-1)

    def pool(self, atoms: Tensor, batch: Batch) -> Tensor:
        """Features of each crystal before the heads, [n_crystals, channels]."""
        weight = torch.ones_like(atoms[:, :1]) if self.score is None else torch.exp(4 * torch.tanh(self.score(atoms)))
        empty = atoms.new_zeros(batch.n_crystals, atoms.shape[1])
        total = empty.index_add(0, batch.crystal, weight * self.atom(atoms))
        return total / empty[:, :1].index_add(0, batch.crystal, weight)


READOUTS = {SCALARS: ScalarReadout}
