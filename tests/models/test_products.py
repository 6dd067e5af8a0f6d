"""The products of the network are e3nn's, and densities and angles carry the same 3-body information."""

import math

import numpy as np
import pytest
import torch
from e3nn import o3

from crystalmatrix.features.dense import densify
from crystalmatrix.models.products import DepthwiseProduct, density, invariant_norm, paths
from crystalmatrix.tiers import EquivariantConfig

from .cases import GRAPH, graphs_of, random_crystal


def flat(features):
    """Per degree [2l + 1, n, channels] -> e3nn's [n, sum of channels * (2l + 1)]."""
    return torch.cat([part.permute(1, 2, 0).flatten(1) for part in features], dim=-1)


def irreps(channels, l_max):
    return o3.Irreps([(channels, (degree, (-1) ** degree)) for degree in range(l_max + 1)])


@pytest.mark.parametrize("l_max", [0, 1, 2, 3])
def test_density_is_the_summed_uvu_product(l_max):
    n_atoms, n_slots, width = 3, 5, 4
    torch.manual_seed(0)
    edge = torch.randn(n_atoms, n_slots, width)
    harmonics = o3.spherical_harmonics(
        list(range(l_max + 1)), torch.randn(n_atoms, n_slots, 3), normalize=True, normalization="component"
    )
    sphere = irreps(1, l_max)
    instructions = [(0, i, i, "uvu", False) for i in range(l_max + 1)]
    product = o3.TensorProduct(irreps(width, 0), sphere, irreps(width, l_max), instructions, irrep_normalization="none")
    expected = product(edge, harmonics).sum(dim=1)
    # e3nn without normalisation multiplies by wigner_3j(0, l, l) = (2l + 1)^-1/2
    factor = torch.cat([torch.full((width * (2 * l + 1),), (2 * l + 1) ** 0.5) for l in range(l_max + 1)])  # noqa: E741 (l is the degree)
    torch.testing.assert_close(flat(density(edge, harmonics)), expected * factor, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("l_max", [0, 1, 2, 3])
def test_depthwise_product_is_e3nns(l_max):
    n_atoms, channels = 4, 3
    torch.manual_seed(1)
    left, right = torch.randn(2, (l_max + 1) ** 2, n_atoms, channels)
    ours = DepthwiseProduct(l_max)(left, right)
    hidden = irreps(channels, l_max)
    results = [(channels, (result, (-1) ** result)) for *_, result in paths(l_max)]
    instructions = [(a, b, k, "uuu", False) for k, (a, b, _) in enumerate(paths(l_max))]
    product = o3.TensorProduct(hidden, hidden, results, instructions, path_normalization="path")
    sizes = [2 * degree + 1 for degree in range(l_max + 1)]
    expected = product(flat(left.split(sizes)), flat(right.split(sizes)))
    found, start = [], [0] * (l_max + 1)
    for *_, result in paths(l_max):  # ours joins the paths of one degree along the channels
        part = ours[result][:, :, start[result] : start[result] + channels]
        start[result] += channels
        found.append(part.permute(1, 2, 0).flatten(1))
    torch.testing.assert_close(torch.cat(found, dim=-1), expected, atol=1e-5, rtol=1e-5)


def test_norm_is_equivariant():
    torch.manual_seed(2)
    features = [torch.randn(2 * degree + 1, 6, 5) for degree in range(3)]
    rotation = o3.rand_matrix()
    rotated = [
        torch.einsum("mk,knc->mnc", o3.Irrep(d, (-1) ** d).D_from_matrix(rotation), f) for d, f in enumerate(features)
    ]
    sizes = [1, 3, 5]
    for degree, (before, after) in enumerate(
        zip(invariant_norm(features).split(sizes), invariant_norm(rotated).split(sizes), strict=True)
    ):
        matrix = o3.Irrep(degree, (-1) ** degree).D_from_matrix(rotation)
        torch.testing.assert_close(torch.einsum("mk,knc->mnc", matrix, before), after, atol=1e-5, rtol=1e-4)


def test_fingerprints_and_densities_agree():
    """Addition theorem: sum over pairs of f G_n f G_n' P_l(cos) = 4 pi / (2l + 1) sum over m of A_nlm A_n'lm."""
    config = EquivariantConfig(architecture="equivariant", neighbours=None, angle_radial=2, angle_angular=4)
    graphs = graphs_of([random_crystal(11)])
    dense = densify(graphs, graph=GRAPH, model=config)
    vector = torch.from_numpy(dense.vector).double()
    distance = vector.norm(dim=-1)
    ratio = (distance / GRAPH.three_body_cutoff).clamp(max=1)
    weight = 1 - 28 * ratio**6 + 48 * ratio**7 - 21 * ratio**8
    centres = torch.linspace(1.5, GRAPH.three_body_cutoff, 2, dtype=torch.float64)
    radial = weight.unsqueeze(-1) * torch.exp(
        -0.5 * ((distance.unsqueeze(-1) - centres) / (GRAPH.three_body_cutoff - 1.5)) ** 2
    )  # [n_atoms, K, n_radial]
    angular = torch.from_numpy(dense.angular).double().unflatten(-1, (2, 4)) * math.sqrt(12)
    gaussian = radial / weight.unsqueeze(-1).clamp(min=1e-12)
    for degree in range(4):
        # the fingerprint already holds f of its own edge; the density's diagonal holds the pair of an edge with itself
        pairs = torch.einsum("akp,akn->apn", gaussian * (weight > 0).unsqueeze(-1), angular[..., degree])
        itself = torch.einsum("akp,akn->apn", radial, radial)
        sphere = o3.spherical_harmonics(degree, vector, normalize=True, normalization="integral")
        moments = torch.einsum("akn,akm->anm", radial, sphere)
        power = torch.einsum("apm,anm->apn", moments, moments) * 4 * math.pi / (2 * degree + 1)
        np.testing.assert_allclose((pairs + itself).numpy(), power.numpy(), atol=5e-3, rtol=2e-3)
