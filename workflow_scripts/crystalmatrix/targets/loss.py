"""The loss of one head, crystal by crystal.

In: outputs of a head, labels on its scale.  Out: [n] losses.
"""

import torch
from torch import Tensor
from torch.nn import functional

_LOSSES = {"l1": functional.l1_loss, "huber": functional.smooth_l1_loss, "mse": functional.mse_loss}


def head_loss(output: Tensor, label: Tensor, nonzero: Tensor, *, hurdle: bool, kind: str) -> Tensor:
    """Loss of each row, [n]; output [n, n_outputs], label [n] on its scale, nonzero [n] 1 where the value is not 0.

    With a hurdle, the negative log-likelihood of "not zero", and the loss of the value where it is not.
    """
    value: Tensor = _LOSSES[kind](output[:, -1], label, reduction="none")
    if not hurdle:
        return value
    exists = functional.binary_cross_entropy_with_logits(output[:, 0], nonzero, reduction="none")
    return torch.add(exists, nonzero * value)
