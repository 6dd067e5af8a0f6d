"""The processes that train one model together: one a GPU, started by torchrun; usually there is one process alone.

All draw the same batches and compute their share of each; the gradients are added up, so that all take the same step
and hold the same weights. What they decide (when to stop, which epoch was best) is decided on sums that are equal to
the last bit in all of them. Process 0 alone holds the run folder and writes.

In: the variables that torchrun sets.  Out: World.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

LONGEST_WAIT = timedelta(days=1)  # for the others: one may wait for the run folder while a left-over trainer ends


@dataclass(frozen=True)
class World:
    """`rank` of `size` processes."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, crystals: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
        """This process's crystals of a batch, and the weight of their loss.

        DistributedDataParallel takes the mean of the gradients where a batch needs their sum: hence the weight. A
        process for which nothing is left computes some crystal for nothing, since the others wait for its gradients.
        """
        mine = crystals[self.rank :: self.size]
        return (mine, float(self.size)) if len(mine) else (crystals[:1], 0.0)

    def together(self, model: nn.Module) -> nn.Module:
        """The model, its gradients averaged over all processes; it starts from the weights of process 0."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model)

    def sum(self, tensor: Tensor) -> Tensor:
        """Over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def largest(self, number: int) -> int:
        """Over all processes."""
        if self.size == 1:
            return number
        numbers = torch.tensor(number)
        distributed.all_reduce(numbers, op=distributed.ReduceOp.MAX)
        return int(numbers)

    def of_the_first(self, numbers: Sequence[int]) -> list[int]:
        """`size` numbers that process 0 has; what the others give is not looked at."""
        if self.size == 1:
            return list(numbers)
        shared = torch.tensor(numbers if self.leads else [0] * self.size)
        distributed.broadcast(shared, src=0)
        return [int(number) for number in shared]


ALONE = World()


@contextmanager
def joined() -> Iterator[World]:
    """The world that torchrun made; this process alone where there was no torchrun."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=LONGEST_WAIT)
    try:
        yield World(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
