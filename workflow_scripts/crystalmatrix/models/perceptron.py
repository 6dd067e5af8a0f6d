"""A perceptron on every atom's element and descriptors: no message passing, since the potential has done it.

In: Batch.  Out: scalar features of every atom, [n_atoms, channels].
"""

from torch import Tensor, nn

from crystalmatrix.features.batch import N_SPECIES, Batch
from crystalmatrix.models.descriptors import DescriptorInput
from crystalmatrix.tiers import ReadoutConfig


class AtomPerceptron(nn.Module):
    """Residual perceptrons on descriptors."""

    def __init__(self, config: ReadoutConfig, seen: tuple[str, ...]) -> None:
        super().__init__()
        width = config.channels
        self.described = DescriptorInput(config, seen)
        self.embedding = nn.Embedding(N_SPECIES, width)
        self.input = nn.Linear(self.described.width, width)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: Batch) -> Tensor:
        atoms: Tensor = self.input(self.described(batch)) + self.embedding(batch.species)
        for layer in self.layers:
            atoms = atoms + layer(atoms)
        return self.norm(atoms)
