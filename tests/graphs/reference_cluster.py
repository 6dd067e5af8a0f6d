"""torch-cluster's `radius` by its documentation, in plain torch: for tests where the package is not installed."""

import torch
from torch import Tensor


def radius(
    x: Tensor,  # [n, 3] points that are found
    y: Tensor,  # [m, 3] points around which is searched
    r: float,
    batch_x: Tensor,  # [n] which of the batches
    batch_y: Tensor,  # [m]
    max_num_neighbors: int = 32,
) -> Tensor:
    """[2, n_pairs] indices into y, then into x, of pairs within r; at most `max_num_neighbors` for each of y."""
    close = (torch.cdist(y, x, compute_mode="donot_use_mm_for_euclid_dist") <= r) & (batch_y[:, None] == batch_x)
    close &= close.cumsum(1) <= max_num_neighbors
    return close.nonzero().T
