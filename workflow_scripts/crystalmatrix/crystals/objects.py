"""Crystals that are objects of other packages: ASE, pymatgen, jarvis-tools; none of them is imported here.

In: an object and an id.  Out: Crystal; InvalidCrystalError with the reason.
"""

from collections.abc import Mapping
from typing import Any

from crystalmatrix.crystals.crystal import (
    DISORDERED,
    NO_STRUCTURE,
    NOT_PERIODIC,
    Crystal,
    InvalidCrystalError,
    make_crystal,
)
from crystalmatrix.crystals.entry import own_id, read_parts
from crystalmatrix.crystals.values import check_occupancy, check_periodic


def from_object(crystal: Any, identity: str) -> Crystal:
    """ASE Atoms, pymatgen Structure, jarvis Atoms, a dictionary that one of them makes, or a Crystal as it is."""
    if isinstance(crystal, Crystal):
        return crystal
    if isinstance(crystal, Mapping):
        return read_parts(crystal).crystal(own_id(crystal) or identity)
    if hasattr(crystal, "get_atomic_numbers"):
        return _from_ase(crystal, identity)
    if hasattr(crystal, "lattice_mat"):
        return read_parts(crystal.to_dict()).crystal(identity)
    if hasattr(crystal, "is_ordered"):
        return _from_pymatgen(crystal, identity)
    raise InvalidCrystalError(
        NO_STRUCTURE,
        f"found {type(crystal).__module__}.{type(crystal).__name__}, expected a path or an object of ASE, pymatgen "
        "or jarvis-tools",
        identity,
    )


def _from_ase(atoms: Any, identity: str) -> Crystal:
    """Raises InvalidCrystalError for molecules, slabs and wires, which no model here was trained on."""
    if atoms.cell.rank < 3:
        raise InvalidCrystalError(NOT_PERIODIC, "no lattice, expected three lattice vectors", identity)
    check_periodic(atoms.pbc, "pbc")
    check_occupancy(atoms.info.get("occupancy"))  # ASE's reader of CIFs keeps the element with most of it
    return make_crystal(
        identity, numbers=atoms.numbers, coordinates=atoms.positions, lattice=atoms.cell.array, cartesian=True
    )


def _from_pymatgen(structure: Any, identity: str) -> Crystal:
    if not structure.is_ordered:
        raise InvalidCrystalError(DISORDERED, "partially occupied sites, expected one element on each", identity)
    if not hasattr(structure, "lattice"):  # a Molecule
        raise InvalidCrystalError(NOT_PERIODIC, "no lattice, expected three lattice vectors", identity)
    check_periodic(getattr(structure.lattice, "pbc", True), "pbc of the lattice")
    return make_crystal(
        identity,
        numbers=structure.atomic_numbers,
        coordinates=structure.frac_coords,
        lattice=structure.lattice.matrix,
        cartesian=False,
    )
