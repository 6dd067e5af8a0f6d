"""CIF texts for tests, made from their parts; and the slow way from sites to all atoms."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.crystals.cif import read_cif
from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.elements import SYMBOLS

Site = tuple[str, float | str, float | str, float | str]  # type symbol and coordinates


def cif(
    cell: Sequence[float | str],
    sites: Sequence[Site],
    *,
    items: dict[str, str] | None = None,
    operations: Sequence[str] = (),
    labels: Sequence[str] | None = None,
    types: bool = True,
    extra: dict[str, Sequence[str]] | None = None,
    name: str = "t",
) -> str:
    """A data block. `labels` default to the symbol with a number; `extra`: further columns of the sites."""
    keys = ["length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"]
    lines = [f"data_{name}", *(f"_cell_{key} {value}" for key, value in zip(keys, cell, strict=True))]
    lines += [f"{tag} '{value}'" for tag, value in (items or {}).items()]
    if operations:
        lines += ["loop_", "_space_group_symop_operation_xyz", *(f"'{text}'" for text in operations)]
    lines += ["loop_", "_atom_site_label", *["_atom_site_type_symbol"] * types]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"] + [f"_atom_site_{tag}" for tag in extra or {}]
    for k, (symbol, *position) in enumerate(sites):
        label = labels[k] if labels else f"{symbol}{k + 1}"
        more = [column[k] for column in (extra or {}).values()]
        lines.append(" ".join([label, *[symbol] * types, *map(str, position), *more]))
    return "\n".join(lines) + "\n"


def only(text: str) -> Crystal:
    """The one crystal of a text."""
    (found,) = read_cif(text, "x")
    assert isinstance(found, Crystal), found
    return found


def refused(text: str) -> str:
    """Why the one block of a text is refused: a line in our own words."""
    (found,) = read_cif(text, "x")
    assert isinstance(found, Failure), found
    assert "\n" not in found.error
    assert "Error" not in found.error
    return found.error


def composition(crystal: Crystal) -> dict[str, int]:
    return dict(Counter(SYMBOLS[z] for z in crystal.species.tolist()))


def expanded(
    sites: Sequence[tuple[int, NDArray]], rotations: NDArray, translations: NDArray, lattice: NDArray
) -> list[tuple[int, NDArray]]:
    """Every image of every site, kept where none of its kind is nearer than 1e-3 Å: one loop inside another."""
    atoms: list[tuple[int, NDArray]] = []
    for z, position in sites:
        orbit: list[NDArray] = []
        for rotation, translation in zip(rotations, translations, strict=True):
            image = rotation @ position + translation
            difference = np.reshape(orbit, (-1, 3)) - image
            if (np.linalg.norm((difference - np.rint(difference)) @ lattice, axis=1) > 1e-3).all():
                orbit.append(image)
        atoms += [(z, image) for image in orbit]
    return atoms


def same_atoms(crystal: Crystal, atoms: list[tuple[int, NDArray]], *, within: float = 1e-2) -> bool:
    """Whether the crystal has exactly these atoms, each within so many Å."""
    if sorted(crystal.species.tolist()) != sorted(z for z, _ in atoms):
        return False
    free = np.ones(len(atoms), bool)
    positions = np.array([position for _, position in atoms])
    kinds = np.array([z for z, _ in atoms])
    for z, position in zip(crystal.species, crystal.fractional, strict=True):
        difference = positions - position
        distance = np.linalg.norm((difference - np.rint(difference)) @ crystal.lattice, axis=1)
        distance[~free | (kinds != z)] = np.inf
        nearest = int(distance.argmin())
        if distance[nearest] > within:
            return False
        free[nearest] = False
    return True
