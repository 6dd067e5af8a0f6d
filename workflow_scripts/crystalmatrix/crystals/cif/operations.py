"""Symmetry operations: from text, checked to be a group, and from Hall symbols.

In: triplets such as -x+1/2,y,z.  Out: Operations; positions x' = W x + w as columns, in lattice vectors.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from crystalmatrix.crystals.crystal import MALFORMED, InvalidCrystalError
from crystalmatrix.crystals.geometry import wrap

_TERM = re.compile(r"([+-]?)(?:(\d+)/(\d+)|(\d*\.\d+|\d+\.?))?\*?([xyz])?")
_GRID = 24  # every translation of a space group in a usual setting is a multiple of 1/24
_SNAP, _LIKELY = 1.1e-4, 4e-3  # how far a decimal may be off: 0.3333 for 1/3; 0.33, where only so they are a group
_CLOSED = 2e-4  # of products of operations, whose decimals are rounded: beyond it one is missing
_SAME = 1e-3
_ENTRIES = 7  # of a rotation in any usual cell: -3 to 3


@dataclass(frozen=True, eq=False)
class Operations:
    """`n` operations of a space group, pure translations (centrings) included."""

    rotation: NDArray[np.int64]  # [n, 3, 3]
    translation: NDArray[np.float64]  # [n, 3] in [0, 1)

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """[n] a number for each operation, equal for equal ones; its last digits are the rotation."""
        steps = np.rint(self.translation / _SAME).astype(np.int64) % round(1 / _SAME)
        radix = [_ENTRIES**k for k in range(9)] + [_ENTRIES**9 * round(1 / _SAME) ** k for k in range(3)]
        digits = np.concatenate([self.rotation.reshape(-1, 9) + _ENTRIES // 2, steps], axis=1)
        return digits @ np.array(radix, np.int64)

    @cached_property
    def group(self) -> frozenset[int]:
        """The same for the same operations in any order."""
        return frozenset(self.keys.tolist())

    @cached_property
    def n_rotations(self) -> int:
        """The order of the point group."""
        return len({key % _ENTRIES**9 for key in self.group})

    def is_moved(self, other: "Operations") -> bool:
        """Whether `other` is this group about another origin, some multiples of 1/24 away."""
        shift = np.indices((_GRID,) * 3).reshape(3, -1).T / _GRID  # [n_shifts, 3]
        for rotation, translation in zip(self.rotation, self.translation, strict=True):
            same = other.translation[(other.rotation == rotation).all(axis=(1, 2))]  # [n_centrings, 3]
            off = (translation + shift - shift @ rotation.T)[:, None] - same
            shift = shift[(np.abs(off - np.rint(off)) < _SAME).all(axis=-1).any(axis=1)]
        return len(self.rotation) == len(other.rotation) and len(shift) > 0

    def misfit(self, metric: NDArray[np.float64]) -> float:
        """How far the rotations are from leaving the metric tensor [3, 3] of a cell as it is, relative."""
        if len(self.rotation) == 1:
            return 0.0
        turned = np.einsum("nki,kl,nlj->nij", self.rotation, metric, self.rotation)
        lengths = np.sqrt(np.diag(metric))
        return float((np.abs(turned - metric) / np.outer(lengths, lengths)).max())


IDENTITY = Operations(np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)))


def parse_triplet(text: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rotation [3, 3] and translation [3] of one operation; what follows the third part is not for positions.

    Raises InvalidCrystalError.
    """
    parts = re.sub(r"[\s'\"()]", "", text.lower()).replace("\u2212", "-").split(",")[:3]
    rotation, translation = np.zeros((3, 3), np.int64), np.zeros(3)
    if len(parts) != 3:
        raise _unreadable(text)
    for row, part in enumerate(parts):
        at = 0
        while at < len(part):
            found = _TERM.match(part, at)
            if not found or found.end() == at or not (found[2] or found[4] or found[5]):
                raise _unreadable(text)
            sign = -1 if found[1] == "-" else 1
            denominator = int(found[3]) if found[2] else 1
            if denominator == 0:
                raise _unreadable(text)
            number = int(found[2]) / denominator if found[2] else float(found[4]) if found[4] else 1.0
            if found[5]:
                if number != round(number):
                    raise _unreadable(text)
                rotation[row, "xyz".index(found[5])] += sign * round(number)
            else:
                translation[row] += sign * number
            at = found.end()
    if abs(round(np.linalg.det(rotation))) != 1 or np.abs(rotation).max() > _ENTRIES // 2:
        raise _unreadable(text)
    return rotation, _snapped(translation)


def parse_operations(texts: tuple[str, ...], centrings: tuple[str, ...] = ()) -> Operations:
    """All operations, each combined with each centring, and checked to be a group. Raises InvalidCrystalError."""
    return _parsed(tuple(texts), tuple(centrings))


@lru_cache(maxsize=512)
def _parsed(texts: tuple[str, ...], centrings: tuple[str, ...]) -> Operations:
    pairs = [parse_triplet(text) for text in texts]
    rotation = np.stack([pair[0] for pair in pairs])
    translation = np.stack([pair[1] for pair in pairs])
    if centrings:
        shifts = np.stack([parse_triplet(text)[1] for text in centrings])
        rotation = np.repeat(rotation, len(shifts), axis=0)
        translation = (translation[:, None] + shifts).reshape(-1, 3)
    for within in (_SNAP, _LIKELY):  # an origin of one's own may put a translation next to a multiple of 1/24
        operations = _unique(Operations(rotation, _snapped(translation, within)))
        if _is_group(operations):
            return operations
    raise InvalidCrystalError(
        MALFORMED, f"its {len(texts)} symmetry operations are no group: one is missing or damaged"
    )


@lru_cache(maxsize=1024)
def from_hall(symbol: str) -> Operations:
    """Raises InvalidCrystalError for a symbol that is none."""
    try:
        plain = symbol.replace("''", '"')  # P 31 2'' is P 31 2", where quotes were in the way
        found = list(gemmi.symops_from_hall(plain))
    except (RuntimeError, ValueError):
        raise InvalidCrystalError(MALFORMED, f"Hall symbol {symbol!r:.40} is none") from None
    rotation = np.array([op.rot for op in found], np.int64) // gemmi.Op.DEN
    translation = np.array([op.tran for op in found], np.float64) / gemmi.Op.DEN
    return _unique(Operations(rotation, _snapped(translation)))


def _snapped(translation: NDArray[np.float64], within: float = _SNAP) -> NDArray[np.float64]:
    """Into [0, 1), and onto the nearest multiple of 1/24 where it is meant."""
    nearest = np.rint(translation * _GRID) / _GRID
    snapped = np.where(np.abs(nearest - translation) < within, nearest, translation)
    return wrap(snapped)


def _unique(operations: Operations) -> Operations:
    _, first = np.unique(operations.keys, return_index=True)
    kept = np.sort(first)
    return Operations(operations.rotation[kept], operations.translation[kept])


def _is_group(operations: Operations) -> bool:
    """Whether each product of two operations is one of them."""
    n = len(operations.rotation)
    radix = (9 * _ENTRIES) ** np.arange(9)  # entries of a product are 27 at most
    codes = operations.rotation.reshape(n, 9) @ radix
    kinds, kind, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if (counts != counts[0]).any():  # each rotation comes with every centring
        return False
    members = np.argsort(kind, kind="stable").reshape(len(kinds), -1)  # [n_kinds, n_centrings] operations
    products = np.einsum("aij,bjk->abik", operations.rotation, operations.rotation).reshape(n * n, 9) @ radix
    place = np.minimum(np.searchsorted(kinds, products), len(kinds) - 1)  # [n * n]
    if (kinds[place] != products).any():
        return False
    translation = np.einsum("aij,bj->abi", operations.rotation, operations.translation)
    translation = (translation + operations.translation[:, None]).reshape(n * n, 1, 3)
    difference = translation - operations.translation[members[place]]  # [n * n, n_centrings, 3]
    return bool((np.abs(difference - np.rint(difference)) < _CLOSED).all(axis=-1).any(axis=1).all())


def _unreadable(text: str) -> InvalidCrystalError:
    return InvalidCrystalError(MALFORMED, f"symmetry operation {text!r:.40}, expected three parts such as -x+1/2,y,z")
