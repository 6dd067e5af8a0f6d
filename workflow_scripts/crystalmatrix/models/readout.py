"""From features of atoms to numbers of crystals. One entry for each kind of features (models/registry.py).

In: what a network gives, Batch.  Out: [n_crystals, n_outputs] on the scale of the transformed targets.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from crystalmatrix.features.batch import Batch
from crystalmatrix.models.registry import POOLED, SCALARS
from crystalmatrix.models.support import KernelReadout
from crystalmatrix.tiers import ModelSection

SMALL = 1e-6  # variance at which the deviation's gradient is kept finite


class ScalarReadout(nn.Module):
    """One layer on every atom, a mean over each crystal (all targets are intensive), one small head per target."""

    def __init__(self, config: ModelSection, *, outputs_per_head: Sequence[int]) -> None:
        super().__init__()
        width = config.channels
        self.dropout = nn.Dropout(config.dropout)
        self.atom = nn.Sequential(nn.Linear(width, width), nn.SiLU())
        self.score = nn.Linear(width, 1) if config.pooling == "attention" else None
        self.moments = config.pooling == "moments"
        pooled = 2 * width if self.moments else width
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(pooled, width), nn.SiLU(), nn.Linear(width, n)) for n in outputs_per_head
        )

    def forward(self, atoms: Tensor, batch: Batch) -> Tensor:
        """atoms [n_atoms, channels] -> [n_crystals, sum(outputs_per_head)]."""
        pooled = self.dropout(self.pool(self.dropout(atoms), batch))
        return torch.cat([head(pooled) for head in self.heads], dim=-1)

    def pool(self, atoms: Tensor, batch: Batch) -> Tensor:
        """Features of each crystal before the heads, [n_crystals, channels], or twice as many of moments."""
        if self.moments:
            return moments(self.atom(atoms), batch)
        weight = torch.ones_like(atoms[:, :1]) if self.score is None else torch.exp(4 * torch.tanh(self.score(atoms)))
        empty = atoms.new_zeros(batch.n_crystals, atoms.shape[1])
        total = empty.index_add(0, batch.crystal, weight * self.atom(atoms))
        return total / empty[:, :1].index_add(0, batch.crystal, weight)


def moments(atoms: Tensor, batch: Batch) -> Tensor:
    """Mean and standard deviation over the atoms of each crystal: [n_atoms, width] -> [n_crystals, 2 * width]."""
    empty = atoms.new_zeros(batch.n_crystals, atoms.shape[1])
    count = empty[:, :1].index_add(0, batch.crystal, torch.ones_like(atoms[:, :1]))
    mean = empty.index_add(0, batch.crystal, atoms) / count
    rest = atoms - mean.index_select(0, batch.crystal)
    variance = empty.index_add(0, batch.crystal, rest.square()) / count
    return torch.cat([mean, (variance + SMALL).sqrt() - SMALL**0.5], dim=-1)


READOUTS: dict[str, Callable[..., nn.Module]] = {SCALARS: ScalarReadout, POOLED: KernelReadout}
