"""Features of a crystal for a kernel machine: mean and deviation of its atoms' descriptors, standardised once more.

In: Batch.  Out: [n_crystals, 2 * width].
"""

import torch
from torch import Tensor, nn

from crystalmatrix.features.batch import Batch
from crystalmatrix.models.descriptors import CLIP, DescriptorInput
from crystalmatrix.models.readout import moments
from crystalmatrix.tiers import KernelConfig


class PooledDescriptors(nn.Module):
    """Nothing here is learned by gradients: `fit` and the input's own fit say everything."""

    mean: Tensor  # [2 * width]
    deviation: Tensor  # [2 * width]

    def __init__(self, config: KernelConfig, seen: tuple[str, ...]) -> None:
        super().__init__()
        self.described = DescriptorInput(config, seen)
        self.register_buffer("mean", torch.zeros(2 * self.described.width))
        self.register_buffer("deviation", torch.ones(2 * self.described.width))

    def forward(self, batch: Batch) -> Tensor:
        pooled = moments(self.described(batch), batch)
        return ((pooled - self.mean) / self.deviation).clamp(-CLIP, CLIP)

    @torch.no_grad()
    def fit(self, pooled: Tensor) -> None:
        """On what `forward` gave for the training crystals, [n, 2 * width], before any fit."""
        deviation = pooled.double().std(dim=0)
        self.mean.copy_(pooled.double().mean(dim=0))
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))
