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
from crystalmatrix.data.entries import crystal_of, read_entry

IDS = ("jid", "id", "material_id")  # keys under which data sets in JARVIS's format hold an id


def from_object(crystal: Any, identity: str) -> Crystal:
    """ASE Atoms, pymatgen Crystal, jarvis Atoms, a dictionary in JARVIS's format, or a Crystal as it is."""
    if isinstance(crystal, Crystal):
        return crystal
    if isinstance(crystal, Mapping):
        return from_dictionary(crystal, identity)
    if hasattr(crystal, "get_atomic_numbers"):
        return from_ase(crystal, identity)
    if hasattr(crystal, "lattice_mat"):
        return from_dictionary(crystal.to_dict(), identity)
    if hasattr(crystal, "is_ordered"):
        return _from_pymatgen(crystal, identity)
    raise InvalidCrystalError(
        NO_STRUCTURE,
        f"found {type(crystal).__module__}.{type(crystal).__name__}, expected a path or an object of ASE, pymatgen "
        "or jarvis-tools",
        identity,
    )


def from_ase(atoms: Any, identity: str) -> Crystal:
    """Raises InvalidCrystalError for molecules, slabs and wires, which no model here was trained on."""
    if atoms.cell.rank < 3:
        raise InvalidCrystalError(NOT_PERIODIC, "no lattice, expected three lattice vectors", identity)
    if not all(atoms.pbc):
        periodic = ", ".join(axis for axis, flag in zip("abc", atoms.pbc, strict=True) if flag) or "no direction"
        raise InvalidCrystalError(NOT_PERIODIC, f"pbc is set along {periodic}, expected all three directions", identity)
    return make_crystal(
        identity, numbers=atoms.numbers, coordinates=atoms.positions, lattice=atoms.cell.array, cartesian=True
    )


def from_dictionary(entry: Mapping[str, Any], identity: str) -> Crystal:
    """{"atoms": {...}} as in JARVIS's data sets, or the inner dictionary alone; an id in it goes before `identity`."""
    inner = entry if "lattice_mat" in entry else entry.get("atoms")
    own = next((str(entry[key]) for key in IDS if entry.get(key)), identity)
    return crystal_of(read_entry({"id": own, "atoms": inner}, id_key="id", fields={}))


def _from_pymatgen(structure: Any, identity: str) -> Crystal:
    if not structure.is_ordered:
        raise InvalidCrystalError(DISORDERED, "partially occupied sites, expected one element on each", identity)
    if not hasattr(structure, "lattice"):  # a Molecule
        raise InvalidCrystalError(NOT_PERIODIC, "no lattice, expected three lattice vectors", identity)
    return make_crystal(
        identity,
        numbers=structure.atomic_numbers,
        coordinates=structure.frac_coords,
        lattice=structure.lattice.matrix,
        cartesian=False,
    )
