"""How fast this machine describes atoms with a pretrained potential: the bundled minerals, for a few seconds.

In: a name of contracts/descriptors.POTENTIALS, how long.  Out: DescribingRate; as a program one line of JSON, so that
several can be timed side by side, as the jobs run.
"""

import argparse
import itertools
import time
from collections.abc import Iterator

import numpy as np
import psutil
import torch

from crystalmatrix import errors
from crystalmatrix.contracts.descriptors import POTENTIALS
from crystalmatrix.contracts.document import Part
from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.iterate import iterate
from crystalmatrix.data.minerals import mineral_structures
from crystalmatrix.descriptors.describe import describe
from crystalmatrix.descriptors.potential import Potential, load_potential
from crystalmatrix.machine import peak_memory_mb
from crystalmatrix.training.device import claim_device


class DescribingRate(Part):
    """Of one process."""

    start_seconds: float  # until the potential is ready: loading Python, its packages and the weights
    atom_seconds: float
    memory_mb: float  # of the process

    @classmethod
    def mean(cls, of: "list[DescribingRate]") -> "DescribingRate":
        """Of processes that ran side by side."""
        return cls(**{name: sum(getattr(one, name) for one in of) / len(of) for name in cls.model_fields})


def measure(potential: Potential, crystals: list[Crystal], *, width: int, seconds: float) -> float:
    """Seconds an atom, from whole batches of crystals, round and round for so many seconds, after one to warm up."""
    batches = itertools.cycle(_batches(crystals, potential.atoms_at_once))
    describe(next(batches), potential, width=width)
    n_atoms, begun = 0, time.monotonic()
    while (took := time.monotonic() - begun) < seconds or not n_atoms:
        batch = next(batches)
        describe(batch, potential, width=width)
        n_atoms += sum(len(crystal.species) for crystal in batch)
    return took / n_atoms


def _batches(crystals: list[Crystal], atoms_at_once: int) -> Iterator[list[Crystal]]:
    """Of at least so many atoms, but for the last; crystals in an order drawn once, of all sizes."""
    batch: list[Crystal] = []
    for k in np.random.default_rng(0).permutation(len(crystals)):
        batch.append(crystals[k])
        if sum(len(crystal.species) for crystal in batch) >= atoms_at_once:
            yield batch
            batch = []
    if batch:
        yield batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--potential", choices=list(POTENTIALS), required=True)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--jobs", type=int, default=1, help="trials at once, which share the GPUs")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, _locks = claim_device(arguments.device, jobs=arguments.jobs)
    potential = load_potential(arguments.potential, device=str(device))
    start = time.time() - psutil.Process().create_time()
    found = iterate(mineral_structures())
    crystals = [item for item in found if isinstance(item, Crystal) and set(item.species) <= potential.elements]
    width = POTENTIALS[arguments.potential].width
    rate = measure(potential, crystals, width=width, seconds=arguments.seconds)
    print(DescribingRate(start_seconds=start, atom_seconds=rate, memory_mb=peak_memory_mb()).model_dump_json())


if __name__ == "__main__":
    errors.run(main)
