"""The two tensor products of the network, and linear maps between irreps, in a layout made for matrix multiplication.

Features with parity (-1)^l are kept as one tensor per degree l, components first: [2l + 1, n_atoms, channels].
Slices by component are then contiguous, a linear map is one matrix product per degree, and a depthwise product of two
features is one matrix product with e3nn's Wigner 3j symbols. The tests compare both with `e3nn.o3.TensorProduct`.

In: tensors as above.  Out: the same.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crystalmatrix.models.e3 import o3


def density(edge: Tensor, harmonics: Tensor) -> list[Tensor]:
    """Depthwise ("uvu") product 0e x l -> l on every edge, summed over the neighbours: A_lm of every atom.

    edge [n_atoms, K, width], harmonics [n_atoms, K, (l_max + 1)^2] -> per degree [2l + 1, n_atoms, width].
    """
    summed = torch.bmm(harmonics.transpose(1, 2), edge).transpose(0, 1)  # [(l_max + 1)^2, n_atoms, width]
    l_max = round(harmonics.shape[-1] ** 0.5) - 1
    return list(summed.split([2 * degree + 1 for degree in range(l_max + 1)]))


def paths(l_max: int) -> list[tuple[int, int, int]]:
    """Degrees (left, right, result) up to l_max whose parities multiply to the natural one, sorted by result."""
    degrees = range(l_max + 1)
    allowed = [
        (left, right, result)
        for result in degrees
        for left in degrees
        for right in degrees
        if abs(left - right) <= result <= left + right and (left + right + result) % 2 == 0
    ]
    return allowed


class DepthwiseProduct(nn.Module):
    """Channel-by-channel ("uuu") product of two features with all degrees up to l_max, over all `paths`.

    left, right: [(l_max + 1)^2, n_atoms, channels] -> per result degree [2l + 1, n_atoms, n_paths * channels],
    normalised as e3nn's `irrep_normalization="component"`, one path at a time.
    """

    coupling: Tensor  # [sum of 2 * result + 1 over paths, n_components^2]

    def __init__(self, l_max: int) -> None:
        super().__init__()
        self.l_max = l_max
        n_components = (l_max + 1) ** 2
        self.n_paths = [sum(result == degree for *_, result in paths(l_max)) for degree in range(l_max + 1)]
        rows = []
        for left, right, result in paths(l_max):
            block = torch.zeros(2 * result + 1, n_components, n_components, dtype=torch.float64)
            symbols = o3.wigner_3j(left, right, result, dtype=torch.float64)  # [left, right, result]
            at = (slice(left**2, (left + 1) ** 2), slice(right**2, (right + 1) ** 2))
            block[:, at[0], at[1]] = symbols.permute(2, 0, 1) * (2 * result + 1) ** 0.5
            rows.append(block.flatten(1))
        coupling = torch.cat(rows).to(torch.get_default_dtype())  # [sum of 2 * result + 1, n_components^2]
        self.register_buffer("coupling", coupling, persistent=False)

    def forward(self, left: Tensor, right: Tensor) -> list[Tensor]:
        n_atoms, channels = left.shape[1:]
        outer = (
            (left.unsqueeze(1) * right.unsqueeze(0)).flatten(0, 1).flatten(1)
        )  # [n_components^2, n_atoms * channels]
        coupled = self.coupling @ outer
        sizes = [n * (2 * degree + 1) for degree, n in enumerate(self.n_paths)]
        return [
            block.view(n, 2 * degree + 1, n_atoms, channels).permute(1, 2, 0, 3).flatten(2)
            for degree, (n, block) in enumerate(zip(self.n_paths, coupled.split(sizes), strict=True))
        ]


class DegreeLinear(nn.Module):
    """One linear map of the channels per degree; only scalars have a bias."""

    def __init__(self, channels_in: Sequence[int], channels_out: Sequence[int]) -> None:
        super().__init__()
        self.maps = nn.ModuleList(
            nn.Linear(n_in, n_out, bias=degree == 0)
            for degree, (n_in, n_out) in enumerate(zip(channels_in, channels_out, strict=False))
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Per degree [2l + 1, n_atoms, in] -> [2l + 1, n_atoms, out]; degrees beyond the outputs are left out."""
        return [linear(feature) for linear, feature in zip(self.maps, features, strict=False)]


def invariant_norm(features: Sequence[Tensor]) -> Tensor:
    """Divide by the root mean square over degrees, components and channels, and join the degrees.

    Per degree [2l + 1, n_atoms, channels] -> [(l_max + 1)^2, n_atoms, channels]; equivariant, smooth at zero.
    """
    joined = torch.cat(list(features))
    mean_square = joined.square().sum(0).mean(-1) / len(features)  # [n_atoms]
    return joined * torch.rsqrt(mean_square + 1e-4).unsqueeze(-1)
