"""Which crystals a shard holds: consecutive rows of the records, cut so that every shard is about the same work.

In: number of atoms and volume of every crystal.  Out: the first row of each shard. As the rows are consecutive, a job
reads only its own part of the records, and the shards in order are the records in order.
"""

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.config import GraphConfig

# What a job's time goes into (docs/graphs.md), in units of an angle, which is about 25 ns from search to disk.
PER_CRYSTAL, PER_EDGE, PER_ANGLE = 400.0, 5.0, 1.0


def work(
    n_atoms: NDArray[np.integer],  # [n_crystals]
    volume: NDArray[np.float64],  # [n_crystals] Å3
    *,
    settings: GraphConfig,
) -> NDArray[np.float64]:
    """[n_crystals] expected cost of a crystal's graph, from its density."""
    sphere = 4 / 3 * np.pi / volume * n_atoms  # atoms within 1 Å3 x this
    neighbours = np.clip(sphere * settings.cutoff**3, settings.min_neighbours, settings.max_neighbours)
    close = np.minimum(sphere * settings.three_body_cutoff**3, neighbours)
    return PER_CRYSTAL + n_atoms * (PER_EDGE * neighbours + PER_ANGLE * close**2 / 2)


def assign(
    n_atoms: NDArray[np.integer],  # [n_crystals]
    volume: NDArray[np.float64],  # [n_crystals] Å3
    *,
    settings: GraphConfig,
) -> NDArray[np.int64]:
    """[shards + 1] shard k holds rows first[k]:first[k + 1]; a shard may be empty when there are few crystals."""
    done = np.cumsum(work(n_atoms, volume, settings=settings))
    total = done[-1] if len(done) else 0.0
    share = np.arange(1, settings.shards) / settings.shards * total
    inner = np.searchsorted(done, share, side="right")
    return np.concatenate([[0], inner, [len(n_atoms)]]).astype(np.int64)
