"""A data set that lives on the device: batches are gathered there, so there are no loader workers and no copies.

Where it does not fit, it stays in pinned host memory or in memory-mapped files, and only the batch travels. All three
give the same batches.

In: DenseGraphs.  Out: Batch for any list of crystals; deterministic epochs of batches with equal numbers of atoms.
"""

import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crystalmatrix.features.batch import Batch
from crystalmatrix.features.dense import DenseGraphs
from crystalmatrix.targets.step import FloatArray

_ARRAYS = ("species", "neighbour", "vector", "envelope_radius", "angular")


class Dataset:
    """`storage`: device, host, disk, or auto (the first that fits in 60 % of what is free)."""

    def __init__(self, graphs: DenseGraphs, device: torch.device, *, storage: str = "auto") -> None:
        self.device = device
        self.jid = graphs.jid
        self.pointer = graphs.atom_pointer
        arrays = {name: getattr(graphs, name) for name in _ARRAYS}
        n_bytes = sum(array.nbytes for array in arrays.values())
        self.storage = choose_storage(n_bytes, device) if storage == "auto" else storage
        if self.storage == "disk":
            folder = Path(tempfile.mkdtemp(prefix="crystalmatrix-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            arrays = {name: _memory_map(array, folder / name) for name, array in arrays.items()}
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        if self.storage == "device":
            tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
        elif self.storage == "host" and device.type == "cuda":
            tensors = {name: tensor.pin_memory() for name, tensor in tensors.items()}
        self._tensors = tensors

    @property
    def n_crystals(self) -> int:
        return len(self.jid)

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """[n_crystals] atoms of each crystal."""
        return np.diff(self.pointer)

    def batch(self, crystals: NDArray[np.int64]) -> Batch:
        """The graphs of `crystals`, in this order, on the device."""
        start, count = self.pointer[crystals], self.n_atoms[crystals]
        first = np.concatenate([[0], np.cumsum(count)[:-1]])  # of each crystal's atoms in the batch
        crystal = np.repeat(np.arange(len(crystals)), count)
        atoms = torch.from_numpy(np.arange(count.sum()) + (start - first)[crystal])
        offset = torch.from_numpy(first[crystal])
        at = self._tensors["species"].device
        parts = {name: tensor[atoms.to(at)].to(self.device) for name, tensor in self._tensors.items()}
        return Batch(
            species=parts["species"].long(),
            neighbour=parts["neighbour"].long() + offset.to(self.device).unsqueeze(-1),
            vector=parts["vector"],
            envelope_radius=parts["envelope_radius"],
            angular=parts["angular"],
            crystal=torch.from_numpy(crystal).to(self.device),
            n_crystals=len(crystals),
        )


def choose_storage(n_bytes: int, device: torch.device) -> str:
    """device, host or disk, by what is free now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if n_bytes < 0.6 * free:
            return "device"
    elif n_bytes < 0.6 * _free_host_memory():
        return "device"
    return "host" if n_bytes < 0.6 * _free_host_memory() else "disk"


def resample(share: FloatArray, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """len(share) indices, index i floor or ceil of len(share) * share[i] times (systematic sampling); share sums to 1.

    A function of its arguments alone, so training can resume at any step.
    """
    n = len(share)
    offset = np.random.default_rng([seed, epoch, n]).random()
    upto = np.cumsum(share)
    return np.searchsorted(upto / upto[-1], (np.arange(n) + offset) / n).astype(np.int64)


def epoch_batches(
    crystals: NDArray[np.int64], n_atoms: NDArray[np.int64], *, batch_size: int, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """All `crystals` once, in random batches that each hold one crystal of every stratum of size.

    A function of its arguments alone, so training can resume at any step. n_atoms [n_crystals of the data set].
    """
    random = np.random.default_rng([seed, epoch])
    n_batches = -(-len(crystals) // batch_size)
    by_size = crystals[np.lexsort((random.random(len(crystals)), n_atoms[crystals]))]
    stratum = np.arange(len(crystals)) // n_batches
    batch = np.empty(len(crystals), np.int64)
    in_stratum_order = np.lexsort((random.random(len(crystals)), stratum))
    batch[in_stratum_order] = np.arange(len(crystals)) % n_batches
    # the last stratum may be short: which batches lack a crystal is random too
    last = np.flatnonzero(stratum == stratum[-1])
    batch[last] = random.permutation(n_batches)[: len(last)]
    order = np.lexsort((random.random(len(crystals)), batch))
    edges = np.cumsum(np.bincount(batch, minlength=n_batches))[:-1]
    groups = np.split(by_size[order], edges)
    return [groups[i] for i in random.permutation(n_batches)]


def inference_batches(n_atoms: NDArray[np.int64], *, atoms_per_batch: int = 2048) -> list[NDArray[np.int64]]:
    """All crystals once, by size, in batches of about so many atoms."""
    order = np.argsort(n_atoms, kind="stable")
    group = np.cumsum(n_atoms[order]) // atoms_per_batch
    return np.split(order, np.flatnonzero(np.diff(group)) + 1)


def _memory_map(array: NDArray, path: Path) -> NDArray:
    mapped = np.memmap(path, dtype=array.dtype, mode="w+", shape=array.shape) if array.size else array
    mapped[...] = array
    return mapped


def _free_host_memory() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 8e9  # no /proc: assume a small machine
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


def to_device(array: NDArray, device: torch.device) -> Tensor:
    """A float tensor on the device."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)
