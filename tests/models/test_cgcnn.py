"""A layer of the baseline is PyG's CGConv, which has the paper's formula, on the edges that are there."""

import torch

from crystalmatrix.models.cgcnn import CrystalGraphConvolution

N, K, CHANNELS, RADIAL = 7, 5, 6, 4


def test_a_layer_is_that_of_pyg() -> None:
    from torch_geometric.nn import CGConv  # whose import takes seconds, of every process that collects the tests

    torch.manual_seed(0)
    ours, theirs = CrystalGraphConvolution(CHANNELS, RADIAL), CGConv(CHANNELS, dim=RADIAL, batch_norm=True)
    theirs.load_state_dict(ours.state_dict())
    node, edge = torch.randn(N, CHANNELS, requires_grad=True), torch.randn(N * K, RADIAL)
    neighbour, filled = torch.randint(N, (N, K)), torch.rand(N, K) < 0.7
    filled[2] = False  # an atom alone
    centre = torch.arange(N).unsqueeze(1).expand(N, K)
    index = torch.stack([neighbour[filled], centre[filled]])
    expected = theirs(node, index, edge[filled.flatten()])
    found = ours(node, neighbour, filled.float(), edge)
    torch.testing.assert_close(found, expected)
    weights = [node, *ours.parameters()]
    gradients = torch.autograd.grad(found.square().sum(), weights)
    of_pyg = torch.autograd.grad(expected.square().sum(), [node, *theirs.parameters()])
    for one, other in zip(gradients, of_pyg, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    every = ours(node, neighbour, torch.ones(N, K), edge)
    assert (every - expected).abs().max() > 0.01, "the control: an empty slot counts if it is not left out"
