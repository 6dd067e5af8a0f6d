"""Crystals to a potential's description of them, in batches of similar size; what cannot be described gets a reason.

In: Crystals, Potential.  Out: Description, in the order given. One crystal's numbers depend on no other one's.
"""

from collections.abc import Sequence

import numpy as np

from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.descriptors.described import Description, half
from crystalmatrix.descriptors.potential import Potential
from crystalmatrix.elements import SYMBOLS


def describe(crystals: Sequence[Crystal], potential: Potential, *, width: int) -> Description:
    """All crystals by one potential; `width` of contracts/descriptors.py. A crystal it cannot take gets a reason."""
    n_atoms = np.array([len(crystal.species) for crystal in crystals], np.int64)
    start = np.concatenate([[0], np.cumsum(n_atoms)])
    features = np.full((start[-1], width), np.nan, np.float16)
    site_energy = np.full(start[-1], np.nan, np.float32)
    energy = np.full(len(crystals), np.nan)
    reason = [_obstacle(crystal, potential) for crystal in crystals]
    possible = [k for k in np.argsort(n_atoms, kind="stable").tolist() if reason[k] is None]
    for group in _groups(possible, n_atoms.tolist(), potential.atoms_at_once):
        found = potential([crystals[k] for k in group])
        first = 0
        for k, of_crystal in zip(group, found.energy, strict=True):
            atoms, end = slice(start[k], start[k + 1]), first + n_atoms[k]
            values = found.features[first:end]
            if np.isfinite(values).all() and np.isfinite(of_crystal):
                features[atoms], site_energy[atoms] = half(values), found.site_energy[first:end]
                energy[k] = of_crystal
            else:
                reason[k] = "the potential gives no finite numbers for it"
            first = end
    return Description(n_atoms, features, site_energy, energy, reason)


def _obstacle(crystal: Crystal, potential: Potential) -> str | None:
    unknown = sorted(set(crystal.species.tolist()) - potential.elements)
    if unknown:
        return f"it knows no {', '.join(SYMBOLS[z] for z in unknown)}"
    if len(crystal.species) > potential.most_atoms:
        return f"{len(crystal.species)} atoms, at most {potential.most_atoms} are described"
    return None


def _groups(order: list[int], n_atoms: list[int], atoms_at_once: int) -> list[list[int]]:
    """The crystals in `order`, in lists of at most so many atoms, or of one crystal that is larger alone."""
    groups: list[list[int]] = []
    filled = atoms_at_once
    for k in order:
        if filled + n_atoms[k] > atoms_at_once:
            groups.append([])
            filled = 0
        groups[-1].append(k)
        filled += n_atoms[k]
    return groups
