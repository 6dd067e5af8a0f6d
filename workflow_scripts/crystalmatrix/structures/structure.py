"""A crystal that can be predicted, or the reason why something is none.

In: what a file or an object holds, as arrays.  Out: Structure or Failure. The checks are those of the training data.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crystalmatrix.data.entries import MALFORMED, NO_STRUCTURE, Entry, InvalidEntryError
from crystalmatrix.data.geometry import check_geometry

NOT_PERIODIC = "not periodic"
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Structure:
    """A crystal in the form of the records: any cell of it, ordered, periodic in three directions."""

    id: str
    species: NDArray[np.uint8]  # [n_atoms] atomic number Z
    fractional: NDArray[np.float64]  # [n_atoms, 3] in [0, 1)
    lattice: NDArray[np.float64]  # [3, 3] rows are a, b, c in Å


@dataclass(frozen=True)
class Failure:
    """Something that is no crystal; `error` says why, in one line."""

    id: str
    error: str


def checked(entry: Entry) -> Structure:
    """The crystal of an entry. Raises InvalidEntryError."""
    fractional, _ = check_geometry(entry)
    return Structure(entry.jid, entry.species, fractional, entry.lattice)


def from_arrays(
    identity: str, *, numbers: ArrayLike, coordinates: ArrayLike, lattice: ArrayLike, cartesian: bool
) -> Structure:
    """From atomic numbers [n_atoms], coordinates [n_atoms, 3] in Å or lattice vectors, lattice [3, 3] in Å.

    Raises InvalidEntryError.
    """
    z = np.asarray(numbers)
    if not len(z):
        raise InvalidEntryError(NO_STRUCTURE, "no atoms", identity)
    if z.min() < 1 or z.max() > 118:
        raise InvalidEntryError(MALFORMED, f"atomic numbers from {z.min()} to {z.max()}", identity)
    entry = Entry(
        jid=identity,
        species=z.astype(np.uint8),
        lattice=np.array(lattice, np.float64),
        coordinates=np.array(coordinates, np.float64),
        cartesian=cartesian,
        labels={},
        unreadable={},
    )
    return checked(entry)


def failure(identity: str, error: Exception) -> Failure:
    """In one line: what a check found, or what a parser, which may raise anything, said."""
    if isinstance(error, InvalidEntryError):
        return Failure(identity, str(error).removesuffix(": "))
    said = " ".join(str(error).split())[:200] or "the content does not fit the format"
    return Failure(identity, f"{UNREADABLE}: {said} ({type(error).__name__})")
