"""The baseline: crystal graph convolutions, built from PyG's CGConv.

Source: Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018): nearest neighbours, Gaussians of the distance, no angles.

In: Batch.  Out: scalar features of every atom, [n_atoms, channels].
"""

import torch
from torch import Tensor, nn
from torch_geometric.nn import CGConv

from crystalmatrix.features.batch import N_SPECIES, Batch
from crystalmatrix.models.bases import gaussians
from crystalmatrix.tiers import CGCNNConfig


class CGCNN(nn.Module):
    """Crystal graph convolutional network on the nearest whole shells of neighbours."""

    def __init__(self, config: CGCNNConfig) -> None:
        super().__init__()
        self.n_radial = config.n_radial
        self.embedding = nn.Embedding(N_SPECIES, config.channels)
        self.layers = nn.ModuleList(
            CGConv(config.channels, dim=config.n_radial, batch_norm=True) for _ in range(config.layers)
        )

    def forward(self, batch: Batch) -> Tensor:
        distance = batch.vector.norm(dim=-1)  # [n_atoms, K]
        filled = distance < batch.envelope_radius.unsqueeze(-1)
        centre = torch.arange(len(distance), device=distance.device).unsqueeze(-1).expand_as(batch.neighbour)
        edge_index = torch.stack([batch.neighbour[filled], centre[filled]])  # PyG: from j (row 0) to i (row 1)
        edge = gaussians(distance[filled], n_radial=self.n_radial)
        node = self.embedding(batch.species)
        for layer in self.layers:
            node = layer(node, edge_index, edge)
        return nn.functional.softplus(node)
