"""Batches of a data set on a device, with no loader workers.

On a GPU the whole set is copied there once where it fits, and batches are gathered there. Otherwise they are gathered
on the host from where the features lie, in mapped files or in memory, and only the batch travels. Both give the same
batches.

In: Features.  Out: Batch for any list of crystals.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crystalmatrix.contracts.columns import NEIGHBOUR, SPECIES
from crystalmatrix.contracts.features import (
    ANGULAR,
    DESCRIPTORS,
    ENVELOPE_RADIUS,
    SEEN_BY_NETWORKS,
    SITE_ENERGIES,
    VECTOR,
)
from crystalmatrix.features.batch import Batch
from crystalmatrix.features.features import Features
from crystalmatrix.features.staging import Staging
from crystalmatrix.graphs.ragged import running_sum

SHARE_OF_DEVICE = 0.6  # of its free memory, that the set may take
CRYSTALS_AT_ONCE = 1024  # on the way to the device

Storage = Literal["device", "host"]


class Dataset:
    """`storage`: where batches are gathered; None: on the device if that is a GPU and the set fits."""

    def __init__(self, features: Features, device: torch.device, *, storage: Storage | None = None) -> None:
        self.features = features
        self.device = device
        self.n_atoms = features.n_atoms  # [n_crystals]
        self.window_atoms = features.window_atoms  # that should be in use at a time; None: all
        self.storage = storage or _choose_storage(features, device)
        self._items = {name: item for name, item in features.items.items() if name in SEEN_BY_NETWORKS}
        self._staging = Staging(self._items, device) if device.type == "cuda" else None
        self._on_device = self._copy_all() if self.storage == "device" else None

    def batch(self, crystals: NDArray[np.int64]) -> Batch:
        """The graphs of `crystals`, in this order, on the device."""
        count = self.n_atoms[crystals]
        first = running_sum(count)[:-1]  # of each crystal's atoms in the batch
        crystal = np.repeat(np.arange(len(crystals)), count)
        offset = torch.from_numpy(first[crystal]).to(self.device)
        if self._on_device is None:
            parts = self._from_host(crystals)
        else:
            start = self.features.atom_pointer[crystals]
            atoms = torch.from_numpy(np.arange(count.sum()) + (start - first)[crystal]).to(self.device)
            parts = {name: tensor[atoms] for name, tensor in self._on_device.items()}
        return Batch(
            species=parts[SPECIES].long(),
            neighbour=parts[NEIGHBOUR].long() + offset.unsqueeze(-1),
            vector=parts[VECTOR],
            envelope_radius=parts[ENVELOPE_RADIUS],
            angular=parts[ANGULAR],
            descriptors=_described(parts),
            crystal=torch.from_numpy(crystal).to(self.device),
            n_crystals=len(crystals),
        )

    def _from_host(self, crystals: NDArray[np.int64]) -> dict[str, Tensor]:
        if self._staging is None:
            gathered = self.features.gather(crystals, *self._items)
            return {name: torch.from_numpy(array) for name, array in gathered.items()}
        waiting = self._staging.take(int(self.n_atoms[crystals].sum()))
        self.features.gather_into(crystals, {name: tensor.numpy() for name, tensor in waiting.items()})
        parts = {name: tensor.to(self.device, non_blocking=True) for name, tensor in waiting.items()}
        self._staging.sent()
        return parts

    def _copy_all(self) -> dict[str, Tensor]:
        """Part by part, so that the host never holds all of it."""
        n_atoms = int(self.n_atoms.sum())
        whole = {
            name: torch.from_numpy(item.empty(0)).new_empty((n_atoms, *item.shape), device=self.device)
            for name, item in self._items.items()
        }
        pointer = self.features.atom_pointer
        for first in range(0, len(self.n_atoms), CRYSTALS_AT_ONCE):
            crystals = np.arange(first, min(first + CRYSTALS_AT_ONCE, len(self.n_atoms)))
            for name, part in self._from_host(crystals).items():
                whole[name][pointer[crystals[0]] : pointer[crystals[-1] + 1]] = part
        return whole


def _described(parts: dict[str, Tensor]) -> Tensor:
    """[n_atoms, n_descriptors] in float32; no columns in a view without descriptors."""
    if DESCRIPTORS not in parts:
        return parts[VECTOR].new_empty(len(parts[VECTOR]), 0)
    return torch.cat([parts[DESCRIPTORS].float(), parts[SITE_ENERGIES]], dim=-1)


def _choose_storage(features: Features, device: torch.device) -> Storage:
    if device.type != "cuda":
        return "host"
    seen = [item for name, item in features.items.items() if name in SEEN_BY_NETWORKS]
    needed = int(features.n_atoms.sum()) * sum(item.n_bytes for item in seen)
    return "device" if needed < SHARE_OF_DEVICE * torch.cuda.mem_get_info(device)[0] else "host"


def to_device(array: NDArray, device: torch.device) -> Tensor:
    """A float tensor on the device."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)
