"""Descriptors of pretrained potentials as networks read them, and what a linear fit on them explains.

Both are fitted on training crystals before anything else is learned, and are buffers of the model: they travel with its
weights. A crystal that a potential does not describe gets the mean of those that it does.

In: Batch.  Out: DescriptorInput, [n_atoms, width]; LinearReference, [n_crystals, n_outputs].
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crystalmatrix.contracts.descriptors import POTENTIALS, n_descriptors
from crystalmatrix.elements import N_SPECIES
from crystalmatrix.errors import ConfigError
from crystalmatrix.features.batch import Batch
from crystalmatrix.tiers import ModelSection

CLIP = 6.0  # deviations: rare elements have tails that would outweigh everything else
_RIDGES = (1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0, 10000.0)


class DescriptorInput(nn.Module):
    """Standardised, clipped and, where asked for, reduced to principal components."""

    index: Tensor  # [n] columns of Batch.descriptors, of which a blend's members read different ones
    mean: Tensor  # [n]
    deviation: Tensor  # [n]
    components: Tensor  # [n, width]

    def __init__(self, config: ModelSection, seen: tuple[str, ...]) -> None:
        """`seen`: the potentials in Batch.descriptors, in their order."""
        super().__init__()
        index = _columns(config, seen)
        n = len(index)
        self.width = min(config.components or n, n)
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("deviation", torch.ones(n))
        self.register_buffer("components", torch.eye(n)[:, : self.width] if self.width < n else torch.empty(0))

    def forward(self, batch: Batch) -> Tensor:
        """[n_atoms, width] of order one."""
        standard = self._standard(batch.descriptors)
        return standard @ self.components if len(self.components) else standard

    def _standard(self, descriptors: Tensor) -> Tensor:
        values = (descriptors.index_select(-1, self.index) - self.mean) / self.deviation
        return torch.nan_to_num(values, nan=0.0).clamp(-CLIP, CLIP)

    @torch.no_grad()
    def fit(self, descriptors: Tensor) -> None:
        """On Batch.descriptors [n_atoms, n_seen] of training atoms."""
        known = descriptors.index_select(-1, self.index).double()
        known = known[known.isfinite().all(dim=-1)]
        if len(known) < 2:
            return
        self.mean.copy_(known.mean(dim=0))
        deviation = known.std(dim=0)
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))
        if not len(self.components):
            return
        standard = self._standard(descriptors).double()
        _, vectors = torch.linalg.eigh(standard.T @ standard)  # ascending
        chosen = vectors.flip(-1)[:, : self.width]
        chosen = chosen * torch.sign(chosen.gather(0, chosen.abs().argmax(dim=0, keepdim=True)))  # one sign everywhere
        spread = (standard @ chosen).square().mean().sqrt()
        self.components.copy_(chosen / spread)


class LinearReference(nn.Module):
    """What composition and mean descriptors explain linearly; the network learns the rest, in units of it."""

    weight: Tensor  # [N_SPECIES + width, n_outputs]
    bias: Tensor  # [n_outputs]
    scale: Tensor  # [n_outputs] mean absolute rest

    def __init__(self, width: int, n_outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(N_SPECIES + width, n_outputs))
        self.register_buffer("bias", torch.zeros(n_outputs))
        self.register_buffer("scale", torch.ones(n_outputs))

    def forward(self, described: Tensor, learned: Tensor, batch: Batch) -> Tensor:
        """described [n_atoms, width], learned [n_crystals, n_outputs] -> [n_crystals, n_outputs]."""
        return self.pooled(described, batch) @ self.weight + self.bias + self.scale * learned

    @staticmethod
    def pooled(described: Tensor, batch: Batch) -> Tensor:
        """Shares of the elements and mean descriptors of each crystal, [n_crystals, N_SPECIES + width]."""
        elements = nn.functional.one_hot(batch.species, N_SPECIES).to(described.dtype)
        atoms = torch.cat([elements, described], dim=-1)
        empty = atoms.new_zeros(batch.n_crystals, atoms.shape[1])
        count = empty[:, :1].index_add(0, batch.crystal, torch.ones_like(atoms[:, :1]))
        return empty.index_add(0, batch.crystal, atoms) / count

    def fit(self, pooled: NDArray[np.float64], label: NDArray[np.float64], *, output: int) -> None:
        """Ridge regression of labels [n] on pooled [n, N_SPECIES + width], for one output of a head.

        The ridge with the lowest leave-one-out absolute error; nothing where the mean alone is better.
        """
        mean, centre = float(label.mean()), pooled.mean(axis=0)
        values, vectors = np.linalg.eigh((pooled - centre).T @ (pooled - centre))
        projected = (pooled - centre) @ vectors  # [n, n_features]
        moment = projected.T @ (label - mean)
        best = float(np.mean(np.abs(label - mean))) * len(label) / max(len(label) - 1, 1)
        for ridge in _RIDGES:
            shrunk = 1 / (np.maximum(values, 0) + ridge)
            leverage = (projected**2) @ shrunk + 1 / len(label)
            rest = np.abs(label - mean - projected @ (shrunk * moment))
            left_out = float(np.mean(rest / (1 - np.minimum(leverage, 1 - 1e-9))))
            if left_out >= best:
                continue
            best, weight = left_out, vectors @ (shrunk * moment)
            self.weight[:, output] = torch.from_numpy(weight).to(self.weight)
            self.bias[output] = mean - float(centre @ weight)
            self.scale[output] = best


def _columns(config: ModelSection, seen: tuple[str, ...]) -> Tensor:
    """Where what the model reads stands in Batch.descriptors: the features of each potential, then site energies.

    Raises ConfigError for a potential of which no layer is read.
    """
    start = dict(zip(seen, np.cumsum([0, *(POTENTIALS[name].width for name in seen)]).tolist(), strict=False))
    features = []
    for name in config.descriptors:
        layers = POTENTIALS[name].layers
        read = [layer for layer in layers if not config.descriptor_layers or layer in config.descriptor_layers]
        if not read:
            raise ConfigError(
                f"tiers.*.model.descriptor_layers: found {', '.join(config.descriptor_layers)}, of which {name} has "
                f"none, expected some of: {', '.join(layers)}"
            )
        features += [np.arange(*layers[layer]) + start[name] for layer in read]
    energies = [n_descriptors(seen) - len(seen) + seen.index(name) for name in config.descriptors]
    return torch.from_numpy(np.concatenate([*features, energies]).astype(np.int64))
