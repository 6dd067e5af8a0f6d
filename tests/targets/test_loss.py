"""The loss of a head with a hurdle."""

import torch

from crystalmatrix.targets.loss import head_loss


def test_hurdle_loss_ignores_the_value_of_zeros():
    output = torch.tensor([[0.3, 5.0], [0.3, -7.0]], requires_grad=True)
    head_loss(output, torch.zeros(2), torch.tensor([0.0, 1.0]), hurdle=True, kind="l1").sum().backward()
    assert output.grad[0, 1] == 0
    assert output.grad[1, 1] != 0


def test_without_a_hurdle_zeros_teach_as_any_other_value():
    output = torch.tensor([[5.0], [-7.0]], requires_grad=True)
    loss = head_loss(output, torch.zeros(2), torch.tensor([0.0, 1.0]), hurdle=False, kind="l1")
    assert loss.tolist() == [5.0, 7.0]
