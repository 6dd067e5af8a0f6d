"""The baseline: crystal graph convolutions.

Source: Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018): nearest neighbours, Gaussians of the distance, no angles.
The tests compare a layer with PyG's CGConv, which multiplies the two atoms of each edge by the weights anew; here each
atom is multiplied once, and its edges take it up, which is faster (docs/performance.md), and PyG need not be loaded.

In: Batch.  Out: scalar features of every atom, [n_atoms, channels].
"""

import torch
from torch import Tensor, nn

from crystalmatrix.features.batch import N_SPECIES, Batch
from crystalmatrix.models.bases import gaussians
from crystalmatrix.tiers import CGCNNConfig


class CrystalGraphConvolution(nn.Module):
    """x_i + BatchNorm(sum_j sigmoid(W_f z_ij + b_f) * softplus(W_s z_ij + b_s)), z_ij = [x_i, x_j, edge_ij].

    Parameters are named and drawn as those of PyG's CGConv: a seed gives the same model with either.
    """

    def __init__(self, channels: int, n_radial: int) -> None:
        super().__init__()
        self.lin_f = nn.Linear(2 * channels + n_radial, channels)
        self.lin_s = nn.Linear(2 * channels + n_radial, channels)
        self.bn = nn.BatchNorm1d(channels)
        for linear in (self.lin_f, self.lin_s):
            linear.reset_parameters()  # as there, where they are drawn twice

    def forward(self, node: Tensor, neighbour: Tensor, filled: Tensor, edge: Tensor) -> Tensor:
        """node [n, channels]; neighbour, filled (1, or 0 where a slot is empty) [n, K]; edge [n * K, n_radial]."""
        message = _of_edges(self.lin_f, node, neighbour, edge).sigmoid()
        message = message * nn.functional.softplus(_of_edges(self.lin_s, node, neighbour, edge))
        summed = (filled.unsqueeze(1) @ message).squeeze(1)
        return node + self.bn(summed)


class CGCNN(nn.Module):
    """Crystal graph convolutional network on the nearest whole shells of neighbours."""

    def __init__(self, config: CGCNNConfig) -> None:
        super().__init__()
        self.n_radial = config.n_radial
        self.embedding = nn.Embedding(N_SPECIES, config.channels)
        self.layers = nn.ModuleList(
            CrystalGraphConvolution(config.channels, config.n_radial) for _ in range(config.layers)
        )

    def forward(self, batch: Batch) -> Tensor:
        distance = batch.vector.norm(dim=-1)  # [n_atoms, K]
        filled = (distance < batch.envelope_radius.unsqueeze(-1)).to(distance.dtype)
        edge = gaussians(distance.flatten(), n_radial=self.n_radial)
        node = self.embedding(batch.species)
        for layer in self.layers:
            node = layer(node, batch.neighbour, filled, edge)
        return nn.functional.softplus(node)


def _of_edges(linear: nn.Linear, node: Tensor, neighbour: Tensor, edge: Tensor) -> Tensor:
    """`linear` of [x_i, x_j, edge_ij] for every slot, [n, K, channels]."""
    own, other, radial = linear.weight.split([node.shape[1], node.shape[1], edge.shape[1]], dim=1)
    centre = nn.functional.linear(node, own, linear.bias)
    there = nn.functional.linear(node, other)[neighbour.flatten()]
    return torch.addmm(there, edge, radial.T).unflatten(0, neighbour.shape) + centre.unsqueeze(1)
