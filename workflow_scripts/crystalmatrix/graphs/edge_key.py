"""An edge as one integer that sorts as the contract of Graphs demands: q | j | image a | image b | image c.

In: q, the distance in steps of 1e-6 Å; atom j; its image.  Out: int64 keys, and back.
There are 27 bits for q (134 Å), 16 for j and 7 for each of the image's coordinates.
"""

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.crystals.crystal import MAX_ATOMS as MAX_ATOMS  # what 16 bits can number
from crystalmatrix.graphs.compiled import compiled

STEPS_PER_ANGSTROM = 1e6
MAX_RADIUS = 130.0  # Å
MAX_IMAGE = 63  # lattice vectors

_IMAGE_BITS, _ATOM_BITS = 7, 16
_B, _A, _J, _Q = _IMAGE_BITS, 2 * _IMAGE_BITS, 3 * _IMAGE_BITS, 3 * _IMAGE_BITS + _ATOM_BITS
_IMAGE_ZERO = 1 << (_IMAGE_BITS - 1)
_IMAGE_MASK, _ATOM_MASK = (1 << _IMAGE_BITS) - 1, (1 << _ATOM_BITS) - 1


def pack_many(q, j, a, b, c):
    """The keys of edges, given as integers or as tensors of them."""
    return (q << _Q) | (j << _J) | (a + _IMAGE_ZERO << _A) | (b + _IMAGE_ZERO << _B) | (c + _IMAGE_ZERO)


pack = compiled(pack_many)


@compiled
def steps(distance):
    """A distance in Å as a whole number of steps: what is compared wherever distances are."""
    return np.int64(distance * STEPS_PER_ANGSTROM + 0.5)


@compiled
def steps_of(key):
    """The distance of an edge in steps; also of many, given as an array."""
    return key >> _Q


def unpack(key: NDArray[np.int64]) -> tuple[NDArray[np.uint16], NDArray[np.int8]]:
    """Neighbour [n_edges] and its image [3, n_edges]."""
    neighbour, offset = np.empty(len(key), np.uint16), np.empty((3, len(key)), np.int8)
    _unpack(key, neighbour, offset)
    return neighbour, offset


@compiled
def _unpack(key, neighbour, offset):
    for e in range(len(key)):
        neighbour[e] = (key[e] >> _J) & _ATOM_MASK
        offset[0, e] = ((key[e] >> _A) & _IMAGE_MASK) - _IMAGE_ZERO
        offset[1, e] = ((key[e] >> _B) & _IMAGE_MASK) - _IMAGE_ZERO
        offset[2, e] = (key[e] & _IMAGE_MASK) - _IMAGE_ZERO
