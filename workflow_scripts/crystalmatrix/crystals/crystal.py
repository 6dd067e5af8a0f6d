"""Crystal, the one type from reader to graph, and the checks that everything called a crystal has passed.

In: what a file, an entry or an object holds, as arrays.  Out: Crystal; InvalidCrystalError or Failure with the reason.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crystalmatrix.crystals.geometry import (
    MIN_DISTANCE,
    CrowdedError,
    inverse,
    pairs_below,
    reduced,
    thickness,
    wrap,
)
from crystalmatrix.crystals.plausible import REACH, oddities
from crystalmatrix.elements import SYMBOLS

NO_ID = "no id"
DUPLICATE_ID = "duplicate id"
NO_STRUCTURE = "no structure"
DISORDERED = "disordered"
MALFORMED = "malformed structure"
UNKNOWN_ELEMENT = "unknown element"
NOT_FINITE = "not a finite number"
ZERO_VOLUME = "zero volume"
OVERSIZED = "oversized cell"
ATOMS_TOO_CLOSE = "atoms too close"
NOT_PERIODIC = "not periodic"
UNREADABLE = "unreadable"
CONTRADICTORY = "contradictory"  # the file says two things that cannot both be true
REASONS = frozenset(
    [
        NO_ID,
        DUPLICATE_ID,
        NO_STRUCTURE,
        DISORDERED,
        MALFORMED,
        UNKNOWN_ELEMENT,
        NOT_FINITE,
        ZERO_VOLUME,
        OVERSIZED,
        ATOMS_TOO_CLOSE,
        NOT_PERIODIC,
        UNREADABLE,
        CONTRADICTORY,
    ]
)

MIN_THICKNESS = 0.5  # Å between opposite faces of the cell
MAX_LENGTH = 1000.0  # Å of a lattice vector
MAX_REDUCED = 1e5  # Å of a lattice vector that is given up for shorter ones; atoms are then placed to 1e-11 Å
MAX_ATOMS = 65_535  # in one crystal
MAX_Z = len(SYMBOLS) - 1


def encodable(text: str) -> str:
    """What JSON can say and no file can hold, half of a surrogate pair, is shown as \\ud800; all else as it is."""
    return text.encode("utf-8", "backslashreplace").decode()


class InvalidCrystalError(Exception):
    """Something that is no crystal: `reason` is one of the constants above, `detail` says what was found and where."""

    def __init__(self, reason: str, detail: str = "", identity: str | None = None) -> None:
        super().__init__(encodable(f"{reason}: {detail}" if detail else reason))
        self.reason, self.detail, self.identity = reason, encodable(detail), identity


@dataclass(frozen=True)
class Crystal:
    """Any cell of a crystal: ordered, periodic in three directions, checked."""

    id: str
    species: NDArray[np.uint8]  # [n_atoms] atomic number Z
    fractional: NDArray[np.float64]  # [n_atoms, 3] in [0, 1)
    lattice: NDArray[np.float64]  # [3, 3] rows are a, b, c in Å
    notes: tuple[str, ...] = ()  # what the user should know about how it was read, a sentence each

    @property
    def volume(self) -> float:
        """Å3 of the cell."""
        return abs(float(np.linalg.det(self.lattice)))


@dataclass(frozen=True)
class Failure:
    """Something that is no crystal; `error` says why, in one line."""

    id: str
    error: str
    notes: tuple[str, ...] = ()  # as those of a Crystal


def make_crystal(
    identity: str,
    *,
    numbers: ArrayLike,
    lattice: ArrayLike,
    coordinates: ArrayLike,
    cartesian: bool,
    notes: tuple[str, ...] = (),
) -> Crystal:
    """From atomic numbers [n_atoms], lattice [3, 3] in Å, coordinates [n_atoms, 3] in Å or in lattice vectors.

    Raises InvalidCrystalError.
    """
    z = np.asarray(numbers)
    cell = np.array(lattice, np.float64)
    positions = np.array(coordinates, np.float64)
    if not len(z):
        raise InvalidCrystalError(NO_STRUCTURE, "no atoms", identity)
    check_size(len(z), identity)
    if z.min() < 1 or z.max() > MAX_Z:
        raise InvalidCrystalError(
            MALFORMED, f"atomic numbers from {z.min()} to {z.max()}, expected 1 to {MAX_Z}", identity
        )
    if cell.shape != (3, 3) or positions.shape != (len(z), 3):
        shapes = f"{len(z)} elements, lattice {cell.shape}, coordinates {positions.shape}"
        raise InvalidCrystalError(MALFORMED, shapes, identity)
    if not (np.isfinite(cell).all() and np.isfinite(positions).all()):
        raise InvalidCrystalError(NOT_FINITE, "in the lattice or the coordinates", identity)
    given = cell
    cell, inverse_cell = sound_cell(given, identity)
    if cell is not given:
        positions, cartesian = (positions if cartesian else wrap(positions) @ given), True
    fractional = wrap(positions @ inverse_cell if cartesian else positions)
    try:
        i, j, distance = pairs_below(REACH, cell, fractional)
    except CrowdedError as error:
        raise InvalidCrystalError(ATOMS_TOO_CLOSE, str(error), identity) from None
    if distance.min(initial=np.inf) < MIN_DISTANCE:
        raise InvalidCrystalError(ATOMS_TOO_CLOSE, f"{distance.min():.3f} Å", identity)
    odd = oddities(z, abs(float(np.linalg.det(cell))), i, j, distance)
    return Crystal(identity, z.astype(np.uint8), fractional, cell, (*notes, *odd))


def check_size(n_atoms: int, identity: str | None = None) -> None:
    """Raise InvalidCrystalError for more atoms than a graph can number."""
    if n_atoms > MAX_ATOMS:
        said = f"{n_atoms:,} atoms, expected at most {MAX_ATOMS:,}; a smaller cell of the same crystal, maybe"
        raise InvalidCrystalError(OVERSIZED, said, identity)


def sound_cell(
    cell: NDArray[np.float64], identity: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cell and its inverse, both [3, 3]; of a very skew one those of the reduced cell with the same points.

    Raises InvalidCrystalError for a flat or an endless one: a search for neighbours would not come back from it.
    """
    inverse_cell = inverse(cell)
    thinnest, longest = thickness(inverse_cell), np.abs(cell).max()
    very_skew = thinnest < MIN_THICKNESS and longest < MAX_REDUCED and abs(np.linalg.det(cell)) > MIN_THICKNESS**3
    if very_skew:  # or really flat, or really long
        cell = reduced(cell)
        inverse_cell = inverse(cell)
        thinnest, longest = thickness(inverse_cell), np.abs(cell).max()
    if thinnest < MIN_THICKNESS:
        raise InvalidCrystalError(ZERO_VOLUME, f"the cell is {thinnest:.3g} Å thick", identity)
    if longest > MAX_LENGTH:
        raise InvalidCrystalError(OVERSIZED, f"a lattice vector is {longest:.3g} Å long", identity)
    return cell, inverse_cell


def failure(identity: str, error: Exception) -> Failure:
    """In one line: what a check found. Whatever else a reader or an object raises speaks to programmers, not users."""
    if isinstance(error, InvalidCrystalError):
        return Failure(identity, " ".join(str(error).split()))
    return Failure(identity, f"{UNREADABLE}: the content does not fit what it is said to be")
