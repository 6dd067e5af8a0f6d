"""Which ids a data set has had so far, in 16 bytes each: Python's set of the texts themselves takes about 110.

In: ids, one after the other.  Out: whether each is new.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

N_BYTES = 16  # of the digest of an id: of 5 million ids two are taken for one with a chance of 4e-26
RECENT = 1 << 16  # ids in a Python set, before they are sorted into an array


class Seen:
    """The latest ids in a set, the others in sorted arrays, each at least twice as long as the next."""

    def __init__(self, *, recent: int = RECENT) -> None:
        self._limit = recent
        self._recent: set[bytes] = set()
        self._sorted: list[NDArray[np.bytes_]] = []

    def add(self, identity: str) -> bool:
        """Whether it is new; it is not any more."""
        digest = blake2b(identity.encode(), digest_size=N_BYTES).digest()
        if digest in self._recent or any(_holds(run, digest) for run in self._sorted):
            return False
        self._recent.add(digest)
        if len(self._recent) == self._limit:
            self._sort()
        return True

    @property
    def n_bytes(self) -> int:
        """Of the arrays."""
        return sum(run.nbytes for run in self._sorted)

    def _sort(self) -> None:
        run = np.sort(np.array(list(self._recent), f"S{N_BYTES}"))
        self._recent.clear()
        while self._sorted and len(self._sorted[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._sorted.pop(), run]))
        self._sorted.append(run)


def _holds(run: NDArray[np.bytes_], digest: bytes) -> bool:
    # NumPy leaves out zeros at the end of bytes, of both sides
    place = np.searchsorted(run, digest)
    return bool(place < len(run) and run[place] == digest.rstrip(b"\0"))
