"""From a batch to properties: the network that a tier names, then the readout that fits what it gives.

In: Batch.  Out: [n_crystals, n_outputs] on the scale that the heads learn (targets/target.py).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from crystalmatrix.features.batch import Batch
from crystalmatrix.models.readout import READOUTS
from crystalmatrix.models.registry import ARCHITECTURES
from crystalmatrix.tiers import ModelConfig

HEADS = "readout.heads."  # how the names of the weights of head k start: HEADS + "k."


class CrystalModel(nn.Module):
    """Trunk (atoms), then readout (crystals, one head per target)."""

    def __init__(self, config: ModelConfig, *, outputs_per_head: Sequence[int]) -> None:
        super().__init__()
        architecture = ARCHITECTURES[config.architecture]
        self.n_outputs = sum(outputs_per_head)
        self.trunk = architecture.network(config)
        self.readout = READOUTS[architecture.gives](config, outputs_per_head=outputs_per_head)

    def forward(self, batch: Batch) -> Tensor:
        """[n_crystals, sum(outputs_per_head)]."""
        return self.readout(self.trunk(batch), batch)
