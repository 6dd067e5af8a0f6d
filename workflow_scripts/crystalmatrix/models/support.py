"""Support vectors as a readout: sums of Gaussians around training crystals.

Source: Drucker et al., "Support vector regression machines", NIPS 1996; fitted by scikit-learn (training/support.py).

In: pooled features [n_crystals, n_features].  Out: [n_crystals, n_outputs].
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from crystalmatrix.features.batch import Batch
from crystalmatrix.tiers import KernelConfig


class KernelReadout(nn.Module):
    """output = sum over vectors of coefficient * exp(-gamma * squared distance) + intercept."""

    vectors: Tensor  # [n_vectors, n_features] float16: they are of order one, and there are thousands
    coefficients: Tensor  # [n_vectors, n_outputs], zero where a vector is none of an output's
    intercept: Tensor  # [n_outputs]

    def __init__(self, config: KernelConfig, *, outputs_per_head: Sequence[int]) -> None:
        super().__init__()
        n_outputs = sum(outputs_per_head)
        self.gamma_times_features = config.width
        self.register_buffer("vectors", torch.empty(0, 0, dtype=torch.float16))
        self.register_buffer("coefficients", torch.empty(0, n_outputs))
        self.register_buffer("intercept", torch.zeros(n_outputs))

    def gamma(self, n_features: int) -> float:
        return self.gamma_times_features / n_features

    def forward(self, features: Tensor, batch: Batch) -> Tensor:
        if not len(self.vectors):
            return self.intercept.expand(len(features), -1)
        squared = torch.cdist(features, self.vectors.to(features.dtype)).square()
        return torch.exp(-self.gamma(features.shape[1]) * squared) @ self.coefficients + self.intercept

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """As many vectors as the file has."""
        for name in ("vectors", "coefficients"):
            if (found := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(found))
        super()._load_from_state_dict(state_dict, prefix, *rest)
