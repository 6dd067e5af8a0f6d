"""The order in which crystals are taken: every function depends on its arguments alone, so training resumes anywhere.

In: crystals and their sizes.  Out: lists of batches.

A set larger than memory is taken in windows: random blocks of consecutive crystals, of `window_atoms` atoms together.
Batches are drawn within a window, so only its part of the files is in use. The order depends neither on the shards nor
on the machine, and with a single window it is that of the set as a whole.
"""

import numpy as np
from numpy.typing import NDArray

BLOCKS_PER_WINDOW = 16  # so that a window is a mixture of many parts of the set


def resample(share: NDArray[np.float64], *, seed: int, epoch: int) -> NDArray[np.int64]:
    """len(share) indices, index i floor or ceil of len(share) * share[i] times (systematic sampling); their sum: 1."""
    n = len(share)
    offset = np.random.default_rng([seed, epoch, n]).random()
    upto = np.cumsum(share)
    return np.searchsorted(upto / upto[-1], (np.arange(n) + offset) / n).astype(np.int64)


def epoch_batches(
    crystals: NDArray[np.int64],
    n_atoms: NDArray[np.int64],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    window_atoms: int | None = None,
) -> list[NDArray[np.int64]]:
    """All `crystals` once, in random batches that each hold one crystal of every stratum of size of its window.

    n_atoms [n_crystals of the data set]; None for a set that is one window whatever its size.
    """
    random = np.random.default_rng([seed, epoch])
    n_batches = -(-len(crystals) // batch_size)
    if window_atoms is None or n_atoms.sum() <= window_atoms:
        return _stratified(crystals, n_atoms, n_batches, random)
    block = _blocks(n_atoms, max(window_atoms // BLOCKS_PER_WINDOW, 1))
    rank = random.permutation(block[-1] + 1)[block[crystals]]  # [len(crystals)] when the crystal's block has its turn
    crystals = crystals[np.argsort(rank, kind="stable")]
    # windows end between batches: each is cut where it has its share of them
    ends = np.cumsum(np.bincount(rank // BLOCKS_PER_WINDOW))  # crystals up to the end of each window
    batch_ends = np.unique(np.rint(ends * (n_batches / len(crystals))).astype(np.int64))
    windows = np.split(crystals, (batch_ends * len(crystals) // n_batches)[:-1])
    counts = np.diff(batch_ends, prepend=0)
    return [
        batch
        for window, count in zip(windows, counts.tolist(), strict=True)
        if count
        for batch in _stratified(window, n_atoms, count, random)
    ]


def inference_batches(
    n_atoms: NDArray[np.int64], *, atoms_per_batch: int = 2048, window_atoms: int | None = None
) -> list[NDArray[np.int64]]:
    """All crystals once, by size within each window, in batches of about so many atoms."""
    window = np.zeros(len(n_atoms), np.int64) if window_atoms is None else _blocks(n_atoms, window_atoms)
    order = np.lexsort((n_atoms, window))
    group = np.cumsum(n_atoms[order]) // atoms_per_batch
    return np.split(order, np.flatnonzero(np.diff(group)) + 1)


def _blocks(n_atoms: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """[n_crystals] block of each, of consecutive crystals with about `size` atoms together."""
    return (np.cumsum(n_atoms) - 1) // size


def _stratified(
    crystals: NDArray[np.int64], n_atoms: NDArray[np.int64], n_batches: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """The crystals in `n_batches` random batches, one of every stratum of size in each."""
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
