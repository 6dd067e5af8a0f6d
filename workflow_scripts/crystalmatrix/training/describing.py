"""How fast this machine describes atoms with a pretrained potential: the bundled minerals, for a few seconds.

In: a potential, crystals, how long.  Out: seconds an atom.
"""

import itertools
import time
from collections.abc import Iterator

import numpy as np

from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors.describe import describe
from crystalmatrix.descriptors.potential import Potential


def describing_seconds(potential: Potential, crystals: list[Crystal], *, width: int, seconds: float) -> float:
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
