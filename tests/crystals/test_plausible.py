"""What no crystal has is read as the file says, with a note: wrong units, coordinates of the wrong kind."""

import json

import numpy as np
import pytest
from ase.build import bulk

from .cifs import cif, only
from .reading import crystal

SALT = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
NAME = {"_symmetry_space_group_name_H-M": "F m -3 m"}


def poscar(mode: str, positions: np.ndarray) -> str:
    rows = "".join(f"{x} {y} {z}\n" for x, y, z in positions)
    lattice = "".join(f"{x} {y} {z}\n" for x, y, z in SALT.cell.array)
    return f"salt\n1.0\n{lattice}{' '.join(SALT.symbols)}\n{'1 ' * len(SALT)}\n{mode}\n{rows}"


@pytest.mark.parametrize(("mode", "odd"), [("Direct", False), ("Cartesian", True)])
def test_lattice_vectors_taken_for_angstroms(tmp_path, mode, odd):
    found = crystal(tmp_path / "POSCAR", poscar(mode, SALT.get_scaled_positions()))
    assert [note.partition(",")[0] for note in found.notes] == ["Na and Cl are 0.50 Å apart"] * odd
    inner = {"lattice_mat": SALT.cell.tolist(), "elements": list(SALT.symbols), "cartesian": odd}
    entry = {**inner, "coords": SALT.get_scaled_positions().tolist()}
    assert crystal(tmp_path / "a.json", json.dumps(entry)).notes == found.notes


@pytest.mark.parametrize(("edge", "note"), [(5.64, None), (564, "Å3 an atom"), (2.9, "far less than their radii")])
def test_cells_in_other_units(edge, note):
    sites = [("Na", 0, 0, 0), ("Cl", 0.5, 0.5, 0.5)]
    notes = only(cif([edge] * 3 + [90] * 3, sites, items=NAME)).notes
    assert len(notes) == (note is not None)
    assert all(note in said for said in notes)


def test_the_shortest_bonds_of_real_crystals_are_not_odd():
    bonds = {"H2": ("H", "H", 0.74), "OH": ("O", "H", 0.96), "CN": ("C", "N", 1.14), "CsF": ("Cs", "F", 2.35)}
    for one, other, length in bonds.values():
        sites = [(one, 0, 0, 0), (other, length / 6, 0, 0)]
        items = {"_symmetry_space_group_name_H-M": "P 1"}
        assert only(cif([6, 6, 6, 90, 90, 90], sites, items=items)).notes == ()
        near = [(one, 0, 0, 0), (other, 0.51 / 6, 0, 0)]
        assert bool(only(cif([6, 6, 6, 90, 90, 90], near, items=items)).notes) == ({one, other} != {"H"})
