"""The precision of training steps. Validation, calibration and prediction are in float32, whatever a step is in.

In: training.precision.  Out: contexts to compute a step in.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def products(precision: str) -> Iterator[None]:
    """TF32 matrix products on a GPU for `tf32` and `bfloat16`; float32 products otherwise, and again afterwards."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest" if precision == "float32" else "high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """bfloat16 where it is safe, in a forward pass; nothing for the other precisions."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
