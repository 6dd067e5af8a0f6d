"""Functions of a distance: radial basis and smooth envelope. What edges know before anything is learned.

In: distances in Å.  Out: dimensionless features.
"""

import torch
from torch import Tensor


def envelope(ratio: Tensor) -> Tensor:
    """Polynomial that falls from 1 at 0 to 0 at 1 with two vanishing derivatives; 0 beyond (ratio = r / radius).

    Source: Gasteiger et al., "Directional message passing for molecular graphs", ICLR 2020, eq. 8 with p = 6.
    """
    cube = ratio * ratio * ratio  # products: general powers were 4 % of a lite step
    inside = 1 - cube * cube * (28 - ratio * (48 - 21 * ratio))
    return torch.where(ratio < 1, inside, torch.zeros_like(ratio))


def gaussians(distance: Tensor, *, n_radial: int, stop: float = 6.0) -> Tensor:
    """Gaussians with centres spread over [0.5, stop] Å and a width of their spacing: [...] -> [..., n_radial]."""
    centre = torch.linspace(0.5, stop, n_radial, dtype=distance.dtype, device=distance.device)
    width = (stop - 0.5) / max(n_radial - 1, 1)
    return torch.exp(-0.5 * ((distance.unsqueeze(-1) - centre) / width) ** 2)
