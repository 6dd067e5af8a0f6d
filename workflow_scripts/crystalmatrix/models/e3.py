"""e3nn's o3, loaded without PyTorch's compiler, which takes 1.4 s of every process that predicts.

e3nn marks one function of its own as one that the compiler must leave alone, and to set that mark PyTorch loads the
whole compiler. The mark waits here until a compiler is there: without one there is nothing to leave alone.

In: nothing.  Out: o3.
"""

import functools
import sys
from collections.abc import Callable
from typing import TypeVar
from unittest.mock import patch

import torch

T = TypeVar("T")


def _left_alone(function: Callable[..., T]) -> Callable[..., T]:
    """`torch.compiler.disable(function)`, once torch._dynamo is loaded, as a training's optimiser does."""

    @functools.wraps(function)
    def call(*arguments: object, **named: object) -> T:
        if "torch._dynamo" not in sys.modules:
            return function(*arguments, **named)
        return _disable(function)(*arguments, **named)

    return call


_disable = torch.compiler.disable
with patch.object(torch.compiler, "disable", _left_alone):
    from e3nn import o3

__all__ = ["o3"]
