"""What networks know of crystals, as numbers for other models: the trunk of a trained one, or a pretrained potential.

In: a checkpoint or a potential, crystals.  Out: Embedding of each, [n_atoms, channels], before any readout.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.contracts.view import View
from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.descriptors.describe import describe
from crystalmatrix.descriptors.potential import shared_potential
from crystalmatrix.errors import ConfigError
from crystalmatrix.features.dataset import Dataset
from crystalmatrix.features.sampling import inference_batches
from crystalmatrix.inference.prepare import Item, Prepared, chunked, prepare, with_known_elements
from crystalmatrix.models.registry import ARCHITECTURES, SCALARS
from crystalmatrix.trained.checkpoint import load_checkpoint

CRYSTALS_AT_ONCE = 512


@dataclass(frozen=True)
class Embedding:
    """Of one crystal."""

    crystal: Crystal
    atoms: NDArray[np.float32]  # [n_atoms, channels], in the order of the crystal's atoms

    @property
    def of_crystal(self) -> NDArray[np.float32]:
        """[2 * channels] mean over the atoms, then standard deviation: the same for every choice of cell."""
        return np.concatenate([self.atoms.mean(axis=0), self.atoms.std(axis=0)])


class Describer:
    """What a pretrained potential knows of atoms: its descriptors, as a tier reads them."""

    def __init__(self, potential: str, *, device: torch.device) -> None:
        """Raises ConfigError."""
        self.channels = POTENTIALS[potential].width
        self._potential = shared_potential(potential, device.type)

    def stream(self, items: Iterable[Item]) -> Iterator[Embedding | Failure]:
        """In the order of the items; what the potential cannot describe is a Failure."""
        for chunk in chunked(items, size=CRYSTALS_AT_ONCE):
            crystals = [item for item in chunk if isinstance(item, Crystal)]
            found = describe(crystals, self._potential, width=self.channels)
            of_crystal = zip(np.split(found.features, np.cumsum(found.n_atoms)[:-1]), found.reason, strict=True)
            for item in chunk:
                if isinstance(item, Failure):
                    yield item
                    continue
                atoms, reason = next(of_crystal)
                yield Failure(item.id, reason, item.notes) if reason else Embedding(item, atoms.astype(np.float32))


class Embedder:
    """The trunk of the first member of a checkpoint that counts: those of members, trained apart, do not compare."""

    def __init__(self, model: Path, *, device: torch.device) -> None:
        """Raises DataError, ConfigError."""
        self.checkpoint = load_checkpoint(model)
        self.device = device
        kinds = self.checkpoint.settings.members
        self._settings = kinds[self.checkpoint.used[0] * len(kinds) // len(self.checkpoint.members)]
        architecture = self._settings.architecture
        if ARCHITECTURES[architecture].gives != SCALARS:
            raise ConfigError(f"{model}: {architecture} has no features of atoms; choose a network, as equivariant")
        self._view = View.of(self.checkpoint.graph, self.checkpoint.settings.model)
        self._potentials = {name: shared_potential(name, device.type) for name in self._view.descriptors}
        self._trunk = self.checkpoint.models(device)[0].trunk

    @property
    def channels(self) -> int:
        """Features of an atom."""
        return self._settings.channels

    def stream(self, items: Iterable[Item]) -> Iterator[Embedding | Failure]:
        """In the order of the items; what has no graph or an element that the model never saw is a Failure."""
        for chunk in chunked(items, size=CRYSTALS_AT_ONCE):
            known = with_known_elements(chunk, self.checkpoint.elements)
            rows, prepared = prepare(known, view=self._view, needs_symmetry=False, potentials=self._potentials)
            atoms = iter(self._atoms(prepared) if prepared else [])
            for row in rows:
                yield row if isinstance(row, Failure) else Embedding(row, next(atoms))

    @torch.no_grad()
    def _atoms(self, prepared: Prepared) -> list[NDArray[np.float32]]:
        """[n_atoms, channels] of each crystal."""
        features = prepared.features
        dataset = Dataset(features, self.device)
        found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * features.n_crystals
        for group in inference_batches(features.n_atoms):
            values = self._trunk(dataset.batch(group)).float().cpu().numpy()
            parts = np.split(values, np.cumsum(features.n_atoms[group])[:-1])
            for crystal, part in zip(group.tolist(), parts, strict=True):
                found[crystal] = part
        return found
