"""From the sites of an asymmetric unit to all atoms of the cell, each special position made exact.

In: Sites, Operations, lattice.  Out: Atoms; what makes a reading impossible, in words.

A site that an operation carries onto itself, within what the digits of its coordinates leave open, lies on a special
position: it is moved to the mean of those images. Then its orbit has exactly n / (order of its site symmetry) atoms,
which is checked; so rounding neither doubles an atom nor merges two.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.crystals.cif.operations import Operations
from crystalmatrix.crystals.cif.sites import Sites
from crystalmatrix.crystals.crystal import (
    ATOMS_TOO_CLOSE,
    DISORDERED,
    MALFORMED,
    InvalidCrystalError,
    check_size,
    sound_cell,
)
from crystalmatrix.crystals.geometry import MIN_DISTANCE, CrowdedError, inverse, pairs_below, wrap
from crystalmatrix.crystals.plausible import REACH, covalent_radii
from crystalmatrix.elements import SYMBOLS

ROUNDING = 3.0  # steps of the last digit that two images of one atom may be apart, along each axis
LEAST, MOST = 0.05, 0.3  # Å: what counts as the same place, however fine (0.3330000) or coarse the digits are
SAME = 1e-5  # lattice vectors, of exact positions
GRID = round(1 / SAME)
SHIFT = 0.3819660113  # of the grid on which exact positions are compared: none lies on its lines
BONDED = 3.0  # Å within which bonds are compared with the sum of the covalent radii


@dataclass(frozen=True)
class Atoms:
    """`n` atoms of the cell."""

    site: NDArray[np.int64]  # [n] place in Sites
    species: NDArray[np.int64]  # [n] Z
    fractional: NDArray[np.float64]  # [n, 3] in [0, 1)
    pairs: tuple[NDArray[Any], ...]  # atoms i and j within REACH and their distance in Å, each [n_pairs]
    merged: tuple[str, ...]  # sites left out, since another one has the same atoms
    is_sound: bool  # atoms in a cell that is neither flat, endless nor very skew, none nearer than MIN_DISTANCE


def expand(sites: Sites, operations: Operations, lattice: NDArray[np.float64], *, listed_twice: bool) -> Atoms:
    """All atoms. `listed_twice`: a site may repeat an atom that another one gives (the formula says so).

    Raises InvalidCrystalError, naming the sites, for shared or split ones.
    """
    check_size(len(sites.species))
    tolerance = np.clip(ROUNDING * sites.step * np.linalg.norm(lattice, axis=1).max(), LEAST, MOST)  # [n_sites] Å
    fractional, n_images = _orbits(sites, operations, lattice, tolerance)
    site = np.repeat(np.arange(len(n_images)), n_images)
    touching = _touching(sites)
    cell, _ = sound_cell(lattice)
    i, j, distance = _pairs(fractional, cell, lattice, REACH)  # beyond all that is compared here
    near = distance < np.where(site[i] == site[j], np.maximum(touching[site[i]], MIN_DISTANCE), MIN_DISTANCE)
    kept = np.ones(len(n_images), bool)
    for a, b, apart in zip(site[i][near], site[j][near], distance[near], strict=True):
        if a > b or (a == b and not kept[a]):
            continue
        if a != b and sites.species[a] == sites.species[b] and apart <= max(tolerance[a], tolerance[b]):
            by_symmetry = len(operations.rotation) > 1 and not _same_place(sites, a, b, lattice, apart)
            if (listed_twice or by_symmetry) and n_images[a] == n_images[b]:
                kept[b] = False
                continue
        raise _too_close(sites, int(a), int(b), float(apart))
    chosen = kept[site]
    merged = tuple(sites.label[k] for k in np.flatnonzero(~kept))
    left, place = chosen[i] & chosen[j], np.cumsum(chosen) - 1
    return Atoms(
        site=site[chosen],
        species=sites.species[site[chosen]],
        fractional=fractional[chosen],
        pairs=(place[i[left]], place[j[left]], distance[left]),
        merged=merged,
        is_sound=cell is lattice,
    )


def _pairs(
    fractional: NDArray[np.float64], cell: NDArray[np.float64], lattice: NDArray[np.float64], cutoff: float
) -> tuple[NDArray[Any], ...]:
    """Atoms i and j, and the Å between them, each [n_pairs]; `cell`: that of the lattice which is sound to search."""
    try:
        return pairs_below(cutoff, cell, fractional if cell is lattice else wrap(fractional @ lattice @ inverse(cell)))
    except CrowdedError as error:
        raise InvalidCrystalError(ATOMS_TOO_CLOSE, str(error)) from None


def _touching(sites: Sites) -> NDArray[np.float64]:
    """[n_sites] Å: nearer images of a site are parts of a split one. Half of a bond between them, at most 1."""
    return np.minimum(covalent_radii()[sites.species], 1.0)


def _orbits(
    sites: Sites, operations: Operations, lattice: NDArray[np.float64], tolerance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """[n_atoms, 3] the atoms in [0, 1), site by site, and [n_sites] how many each site has."""
    n = len(operations.rotation)
    if n == 1:
        return wrap(sites.fractional), np.ones(len(sites.species), np.int64)
    orbits: list[NDArray[np.float64]] = [np.empty((0, 3))] * len(sites.species)
    left = np.arange(len(sites.species))
    for share in (1.0, 0.25, 0.0625, 0.0):  # of the tolerance: a site may lie near a position that it is not on
        radius = np.maximum(share * tolerance[left], LEAST)
        moved, n_fixing = _images(sites.fractional[left], operations, lattice, radius)
        grid = np.floor(moved / SAME + SHIFT).astype(np.int64) % GRID
        key = (grid[..., 0] * GRID + grid[..., 1]) * GRID + grid[..., 2]  # [n_left, n]
        ordered = np.sort(key, axis=1)
        n_atoms = 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1)
        fits = n_atoms * n_fixing == n
        for row in np.flatnonzero(fits):
            first = slice(None) if n_atoms[row] == n else np.sort(np.unique(key[row], return_index=True)[1])
            orbits[left[row]] = wrap(moved[row, first])
        left = left[~fits]
        if not len(left):
            return np.concatenate(orbits), np.array([len(orbit) for orbit in orbits])
    place = _place(sites.fractional[left[0]])
    raise InvalidCrystalError(
        MALFORMED, f"site {sites.label[left[0]]} at {place} fits no position of the symmetry within its digits"
    )


def _images(
    position: NDArray[np.float64], operations: Operations, lattice: NDArray[np.float64], radius: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """[n_sites, n, 3] images of each site once it is moved to the mean of those within `radius` [n_sites] Å of it.

    And [n_sites] how many those are.
    """
    images = np.einsum("nij,sj->sni", operations.rotation, position) + operations.translation
    difference = images - position[:, None]
    difference -= np.rint(difference)
    fixing = np.linalg.norm(difference @ lattice, axis=-1) <= radius[:, None]  # [n_sites, n]
    n_fixing = fixing.sum(axis=1)
    exact = position + (difference * fixing[..., None]).sum(axis=1) / n_fixing[:, None]
    return np.einsum("nij,sj->sni", operations.rotation, exact) + operations.translation, n_fixing


def _same_place(sites: Sites, a: int, b: int, lattice: NDArray[np.float64], apart: float) -> bool:
    """Whether two sites are listed at one place, but for lattice vectors."""
    difference = sites.fractional[a] - sites.fractional[b]
    difference -= np.rint(difference)
    return bool(np.linalg.norm(difference @ lattice) <= apart + LEAST)


def _too_close(sites: Sites, a: int, b: int, apart: float) -> InvalidCrystalError:
    names = f"sites {sites.label[a]} and {sites.label[b]}" if a != b else f"images of site {sites.label[a]}"
    if sites.species[a] != sites.species[b]:
        elements = f"{SYMBOLS[sites.species[a]]} and {SYMBOLS[sites.species[b]]}"
        return InvalidCrystalError(
            DISORDERED, f"{names} share a place ({elements}, {apart:.3f} Å apart), expected one element on a site"
        )
    if a != b and apart < MOST:
        return InvalidCrystalError(ATOMS_TOO_CLOSE, f"{names} give the same atom twice ({apart:.3f} Å apart)")
    return InvalidCrystalError(ATOMS_TOO_CLOSE, f"{names} are {apart:.3f} Å apart, as of a split site")


def _place(position: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:g}" for value in position)


def shortest_bond(atoms: Atoms, lattice: NDArray[np.float64]) -> float:
    """The shortest distance over the sum of the two covalent radii: about 1 in a crystal, under 0.6 in none."""
    i, j, distance = _pairs(atoms.fractional, sound_cell(lattice)[0], lattice, BONDED)
    radius = covalent_radii()[atoms.species]
    return float((distance / (radius[i] + radius[j])).min(initial=np.inf))


def alike(one: Atoms, other: Atoms, lattice: NDArray[np.float64]) -> bool:
    """Whether two readings are the same crystal as far as pairs of atoms within 5 Å tell."""
    pairs = []
    for atoms in (one, other):
        i, j, distance = _pairs(atoms.fractional, sound_cell(lattice)[0], lattice, 5.0)
        kind = atoms.species[i] * 128 + atoms.species[j]
        order = np.lexsort((distance, kind))
        pairs.append((np.sort(atoms.species), kind[order], distance[order]))
    return all(a.shape == b.shape and np.allclose(a, b, atol=1e-3) for a, b in zip(*pairs, strict=True))
