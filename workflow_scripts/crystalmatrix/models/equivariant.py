"""The equivariant network: an invariant branch on edges, an equivariant density on atoms, products of it.

Edges outnumber atoms by 20 to 40, so an edge carries only scalars: a residual stack of small perceptrons on its
distance, its 3-body angles and the two atoms' scalars. Its channels weight the spherical harmonics of the edge, and
their sum over an atom's neighbours is the density A_lm. Everything with l > 0 happens on atoms: linear maps, depthwise
products of two mixtures of the density and the atom's own features, gates.

In: Batch.  Out: scalar features of every atom, [n_atoms, channels].
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crystalmatrix.features.batch import N_SPECIES, Batch
from crystalmatrix.models.bases import envelope, gaussians
from crystalmatrix.models.descriptors import DescriptorInput
from crystalmatrix.models.e3 import o3
from crystalmatrix.models.products import DegreeLinear, DepthwiseProduct, density, invariant_norm
from crystalmatrix.tiers import EquivariantConfig


class EquivariantNet(nn.Module):
    """E(3)-equivariant features of atoms."""

    def __init__(self, config: EquivariantConfig, seen: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.described = DescriptorInput(config, seen) if config.descriptors else None
        if self.described is not None:
            enter = config.descriptors_enter
            self.early = nn.Linear(self.described.width, config.channels) if enter != "late" else None
            self.late = nn.Linear(self.described.width, config.channels) if enter != "early" else None
        self.degrees = list(range(config.l_max + 1))
        self.n_radial = config.n_radial
        self.embedding = nn.Embedding(N_SPECIES, config.channels)
        n_angular = math.prod(config.angular_basis)  # width of Batch.angular
        self.edge_input = nn.Linear(config.n_radial + n_angular, config.edge_channels)
        last = config.layers - 1
        self.layers = nn.ModuleList(DensityLayer(config, first=i == 0, last=i == last) for i in range(config.layers))
        self.norm = nn.LayerNorm(config.channels)

    def forward(self, batch: Batch) -> Tensor:
        distance = batch.vector.norm(dim=-1)  # [n_atoms, K]
        weight = envelope(distance / batch.envelope_radius.unsqueeze(-1))
        harmonics = o3.spherical_harmonics(self.degrees, batch.vector, normalize=True, normalization="component")
        harmonics = harmonics * weight.unsqueeze(-1)  # [n_atoms, K, (l_max + 1)^2]
        radial = gaussians(distance, n_radial=self.n_radial)
        edge = nn.functional.silu(self.edge_input(torch.cat([radial, batch.angular.to(radial.dtype)], dim=-1)))
        described = self.described(batch) if self.described is not None else None
        scalars = self.embedding(batch.species)
        if described is not None and self.early is not None:
            scalars = scalars + self.early(described)
        node = [scalars.unsqueeze(0)]  # per degree [2l + 1, n_atoms, channels]
        for layer in self.layers:
            node, edge = layer(node, edge, harmonics, batch)
        scalars = node[0].squeeze(0)
        if described is not None and self.late is not None:
            scalars = scalars + self.late(described)
        return self.norm(scalars)


class DensityLayer(nn.Module):
    """One round: atoms inform edges, edges build the density of each atom, products of it update the atom."""

    def __init__(self, config: EquivariantConfig, *, first: bool, last: bool) -> None:
        super().__init__()
        channels, width = config.channels, config.edge_channels
        n_degrees = config.l_max + 1
        n_in, n_out = (1 if first else n_degrees), (1 if last else n_degrees)
        self.neighbour_norm = (config.neighbours or 40) ** -0.5  # keeps the variance of the density near one
        self.scalar_norm = nn.LayerNorm(channels)
        self.from_centre = nn.Linear(channels, width)
        self.from_neighbour = nn.Linear(channels, width, bias=False)
        self.from_edge = nn.Linear(width, width, bias=False)
        self.edge_update = nn.Linear(width, width)

        factor = max(channels // 2, 1)  # channels of the two factors of the product
        inputs = [width + channels if degree < n_in else width for degree in range(n_degrees)]
        self.left = DegreeLinear(inputs, [factor] * n_degrees)
        self.right = DegreeLinear(inputs, [factor] * n_degrees)
        self.product = DepthwiseProduct(config.l_max)
        gates = n_out - 1
        self.mix = DegreeLinear(
            [(1 + n) * factor for n in self.product.n_paths], [channels * (1 + gates)] + [channels] * gates
        )
        self.out = DegreeLinear([channels] * n_out, [channels] * n_out)
        self.gain = nn.Embedding(N_SPECIES, n_out * channels)  # self-connection: per element, degree and channel
        nn.init.ones_(self.gain.weight)

    def forward(
        self, node: Sequence[Tensor], edge: Tensor, harmonics: Tensor, batch: Batch
    ) -> tuple[list[Tensor], Tensor]:
        """node per degree [2l + 1, n_atoms, channels]; edge [n_atoms, K, width]; harmonics weighted by the envelope."""
        scalars = self.scalar_norm(node[0].squeeze(0))
        hidden = self.from_edge(edge) + self.from_centre(scalars).unsqueeze(1)
        hidden = hidden + gather(self.from_neighbour(scalars), batch.neighbour)
        edge = edge + self.edge_update(nn.functional.silu(hidden))

        inputs = [self.neighbour_norm * part for part in density(edge, harmonics)]
        inputs = [
            torch.cat([part, node[degree]], dim=-1) if degree < len(node) else part
            for degree, part in enumerate(inputs)
        ]
        left, right = invariant_norm(self.left(inputs)), invariant_norm(self.right(inputs))
        sizes = [2 * degree + 1 for degree in range(len(inputs))]
        products = zip(left.split(sizes), self.product(left, right), strict=True)
        update = self.out(gate(self.mix([torch.cat(pair, dim=-1) for pair in products])))
        return self._self_connection(node, update, batch.species), edge

    def _self_connection(self, node: Sequence[Tensor], update: list[Tensor], species: Tensor) -> list[Tensor]:
        gains = self.gain(species).chunk(len(update), dim=-1)  # per degree [n_atoms, channels]
        return [
            update[degree] + node[degree] * gains[degree] if degree < len(node) else update[degree]
            for degree in range(len(update))
        ]


def gate(features: list[Tensor]) -> list[Tensor]:
    """Scalars through SiLU; each channel of degree l > 0 times the sigmoid of a scalar of its own.

    Per degree: [1, n_atoms, channels * (1 + l_max)], then [2l + 1, n_atoms, channels] -> channels for all.
    """
    scalars, *gates = features[0].chunk(len(features), dim=-1)
    return [nn.functional.silu(scalars)] + [
        torch.sigmoid(g) * feature for g, feature in zip(gates, features[1:], strict=True)
    ]


def gather(features: Tensor, index: Tensor) -> Tensor:
    """features [n_atoms, width] at index [n_atoms, K] -> [n_atoms, K, width]."""
    return features.index_select(0, index.flatten()).view(*index.shape, -1)
