"""From a batch to properties: the network that a tier names, then the readout that fits what it gives.

Where the network reads descriptors, a linear fit on them comes first and the rest is what it learns.

In: Batch.  Out: [n_crystals, n_outputs] on the scale that the heads learn (targets/target.py).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from crystalmatrix.features.batch import Batch
from crystalmatrix.models.descriptors import DescriptorInput, LinearReference
from crystalmatrix.models.readout import READOUTS
from crystalmatrix.models.registry import ARCHITECTURES, SCALARS
from crystalmatrix.tiers import AMember

HEADS = "readout.heads."  # how the names of the weights of head k start: HEADS + "k."
REFERENCE = "reference."  # how those of the linear fit start


class CrystalModel(nn.Module):
    """Trunk (atoms), then readout (crystals, one head per target)."""

    def __init__(
        self, config: AMember, *, outputs_per_head: Sequence[int], seen: tuple[str, ...] | None = None
    ) -> None:
        """`seen`: the potentials in Batch.descriptors; None: those of the model, as in a model by itself."""
        super().__init__()
        architecture = ARCHITECTURES[config.architecture]
        self.n_outputs = sum(outputs_per_head)
        self.outputs_per_head = tuple(outputs_per_head)
        self.trunk = architecture.network(config, config.descriptors if seen is None else seen)
        self.readout = READOUTS[architecture.gives](config, outputs_per_head=outputs_per_head)
        with_reference = self.described is not None and architecture.gives == SCALARS
        width = self.described.width if self.described is not None else 0
        self.reference = LinearReference(width, self.n_outputs) if with_reference else None

    @property
    def described(self) -> DescriptorInput | None:
        """How the trunk reads descriptors; None where it reads none."""
        return getattr(self.trunk, "described", None)

    def forward(self, batch: Batch) -> Tensor:
        """[n_crystals, sum(outputs_per_head)]."""
        learned = self.readout(self.trunk(batch), batch)
        if self.reference is None or self.described is None:
            return learned
        return self.reference(self.described(batch), learned, batch)
