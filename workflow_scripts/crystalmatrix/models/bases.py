"""Functions of a distance: radial basis and smooth envelope. What edges know before anything is learned.

In: distances in Å.  Out: dimensionless features.
"""

import math

import torch
from torch import Tensor

NEAREST, FARTHEST = 1.0, 12.0  # Å, between the centres: a short bond, and the largest cutoff of config.py


def envelope(ratio: Tensor) -> Tensor:
    """Polynomial that falls from 1 at 0 to 0 at 1 with two vanishing derivatives; 0 beyond (ratio = r / radius).

    Source: Gasteiger et al., "Directional message passing for molecular graphs", ICLR 2020, eq. 8 with p = 6.
    """
    cube = ratio * ratio * ratio  # products: general powers were 4 % of a lite step
    inside = 1 - cube * cube * (28 - ratio * (48 - 21 * ratio))
    return torch.where(ratio < 1, inside, torch.zeros_like(ratio))


def gaussians(distance: Tensor, *, n_radial: int) -> Tensor:
    """Gaussians of log(distance), from bonds to the largest cutoff: [...] -> [..., n_radial], at least 2.

    Their width is their spacing. The last one stays at 1 beyond its centre: an isolated atom's neighbours are far, but
    never out of sight.
    """
    width = math.log(FARTHEST / NEAREST) / (n_radial - 1)
    centre = torch.arange(n_radial, dtype=distance.dtype, device=distance.device)  # in widths, from NEAREST
    beyond = (torch.log(distance / NEAREST) / width).unsqueeze(-1) - centre  # [..., n_radial]
    beyond = torch.cat([beyond[..., :-1], beyond[..., -1:].clamp(max=0)], dim=-1)
    return torch.exp(-0.5 * beyond.square())
