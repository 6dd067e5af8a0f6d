"""Space group, point group and inversion of a crystal, by spglib at a stated tolerance.

In: lattice [3, 3] in Å (rows a, b, c), fractional coordinates [n_atoms, 3], species [n_atoms].  Out: Symmetry.

spglib also works out Wyckoff positions, which nothing here needs and which take 20 ms for rock salt, forty times as
long as for a triclinic crystal: cubic ones are a tenth of a data set and were half of the time. So for a lattice that
is cubic beyond doubt the operations are found here, and only their space-group type is asked of spglib.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Read by spglib: raise its errors, as its later versions do anyway, and do not print them.
os.environ.setdefault("SPGLIB_OLD_ERROR_HANDLING", "0")
os.environ.setdefault("SPGLIB_WARNING", "OFF")

import spglib

SYMPREC = 0.01  # Å, as in JARVIS
CLEAR = 0.1, 3.0  # an operation is fulfilled to less than this times symprec, or broken by more, or left to spglib
MAX_WORK = 4000  # pairs of atoms to compare (see cubic_operations), beyond which spglib is the faster one

# The 11 Laue groups, the point groups with an inversion centre (International Tables for Crystallography A, 10.1).
CENTROSYMMETRIC = frozenset(["-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m"])


class Symmetry(NamedTuple):
    """None where spglib finds no consistent group at this tolerance."""

    space_group: int | None  # 1 to 230
    point_group: str | None  # Hermann-Mauguin, "m-3m"
    has_inversion: bool | None


UNKNOWN = Symmetry(None, None, None)


def find_symmetry(lattice: NDArray, fractional: NDArray, species: NDArray, *, symprec: float = SYMPREC) -> Symmetry:
    """Space group of a crystal; `symprec` in Å: how far an atom may be from where an operation puts it."""
    try:
        operations = cubic_operations(lattice, fractional, species, symprec=symprec)
        if operations is not None:
            kind = spglib.get_spacegroup_type_from_symmetry(*operations, lattice, symprec=symprec)
            return _symmetry(kind.number, kind.pointgroup_international) if kind else UNKNOWN
        cell = (lattice, fractional, species)
        found = spglib.get_symmetry_dataset(cell, symprec=symprec)  # type: ignore[arg-type]  # arrays are fine
        return _symmetry(found.number, found.pointgroup) if found else UNKNOWN
    except spglib.SpglibError:
        return UNKNOWN


def zero_by_symmetry(has_inversion: Iterable[bool | None], point_group: Iterable[str | None]) -> NDArray[np.bool_]:
    """[n] whether a third-rank tensor such as piezoelectricity vanishes: inversion centre, or point group 432."""
    return np.array([bool(i) or g == "432" for i, g in zip(has_inversion, point_group, strict=True)], bool)


def _symmetry(number: int, point_group: str) -> Symmetry:
    return Symmetry(int(number), point_group, point_group in CENTROSYMMETRIC)


def cubic_operations(
    lattice: NDArray, fractional: NDArray, species: NDArray, *, symprec: float
) -> tuple[NDArray, NDArray] | None:
    """Rotations [n, 3, 3] and translations [n, 3] of a crystal whose lattice is cubic beyond doubt.

    None where spglib should decide: another lattice, many atoms, or an operation that is neither clearly fulfilled nor
    clearly broken. Operations act on columns, x' = W x + w. A symmetry must carry an atom of the rarest element to one
    of its kind, which leaves few translations to try.
    """
    rotations = _cubic_rotations(lattice)
    if rotations is None:
        return None
    elements, counts = np.unique(species, return_counts=True)
    if counts.min() ** 3 + (counts**2).sum() > MAX_WORK:
        return None
    kinds = [fractional[species == element] for element in elements[np.argsort(counts, kind="stable")]]
    rarest = kinds[0]
    # Candidates: each rotation with each translation that puts the first of the rarest atoms onto one of its kind.
    rotation = np.repeat(rotations, len(rarest), axis=0)  # [n_candidates, 3, 3]
    translation = (rarest - (rotations @ rarest[0])[:, None]).reshape(-1, 3)  # [n_candidates, 3]
    worst = np.zeros(len(rotation))  # [n_candidates] Å
    for positions in kinds:
        moved = np.einsum("cij,nj->cni", rotation, positions) + translation[:, None]
        difference = moved[:, :, None] - positions  # [n_candidates, n_of_kind, n_of_kind, 3]
        vector = (difference - np.rint(difference)) @ lattice
        distance = np.sqrt(np.einsum("...i,...i", vector, vector))
        worst = np.maximum(worst, distance.min(axis=-1).max(axis=-1))
        kept = worst < CLEAR[1] * symprec
        rotation, translation, worst = rotation[kept], translation[kept], worst[kept]
    return (rotation, translation) if (worst < CLEAR[0] * symprec).all() else None


def _cubic_rotations(lattice: NDArray) -> NDArray[np.int32] | None:
    """[48, 3, 3] the rotations of a cubic lattice in any of its usual bases, primitive or not; None for another one.

    In those bases the metric tensor over |a|^2 consists of twelfths (0; 1/2 in fcc; -1/3 in bcc).
    """
    metric = lattice @ lattice.T
    twelfths = 12 * metric / metric[0, 0]
    rounded = np.rint(twelfths)
    if np.abs(twelfths - rounded).max() > 1e-3:
        return None
    return _rotations_of(tuple(rounded.astype(int).ravel().tolist()))


@lru_cache(maxsize=1024)
def _rotations_of(metric: tuple[int, ...]) -> NDArray[np.int32] | None:
    tensor = np.reshape(metric, (3, 3))
    matrices = np.array(list(product((-1, 0, 1), repeat=9)), np.int32).reshape(-1, 3, 3)
    kept = matrices[(np.einsum("nki,kl,nlj->nij", matrices, tensor, matrices) == tensor).all(axis=(1, 2))]
    return kept if len(kept) == 48 else None
