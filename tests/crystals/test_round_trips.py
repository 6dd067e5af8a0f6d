"""A random crystal, written by another package in any of its ways and read here, is the same crystal, atom by atom."""

import io
import json
import tempfile
from pathlib import Path

import ase.io
import ase.io.jsonio
import numpy as np
import pytest
from ase import Atoms
from ase.io.vasp import write_vasp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jarvis.core.atoms import Atoms as JarvisAtoms

from crystalmatrix.crystals.crystal import Crystal
from crystalmatrix.crystals.geometry import distances_below
from crystalmatrix.crystals.iterate import iterate

from .reading import crystal, same

CELLS = st.lists(st.floats(-2, 2), min_size=9, max_size=9).map(
    lambda noise: 6 * np.eye(3)[:, [1, 2, 0] if noise[0] > 0 else [1, 0, 2]] + np.round(np.reshape(noise, (3, 3)), 6)
)  # left- and right-handed, skew, in no standard orientation
SITES = st.lists(
    st.tuples(st.integers(1, 94), *[st.floats(-2, 2).map(lambda x: round(x, 6))] * 3), min_size=1, max_size=6
)


@st.composite
def crystals(draw) -> Atoms:
    lattice, sites = draw(CELLS), draw(SITES)
    fractional = np.array([site[1:] for site in sites])
    assume(abs(np.linalg.det(lattice)) > 30)
    assume(not len(distances_below(0.6, lattice, fractional)))
    return Atoms([site[0] for site in sites], scaled_positions=fractional, cell=lattice, pbc=True)


def read_text(name: str, text: str) -> Crystal:
    with tempfile.TemporaryDirectory() as folder:
        return crystal(Path(folder) / name, text)


def check(found: Crystal, atoms: Atoms, *, within: float) -> None:
    """And that another crystal would not pass: an atom moved by a little, another element, another cell."""
    lattice, fractional, species = atoms.cell.array, atoms.get_scaled_positions(wrap=False), atoms.numbers
    assert same(found, lattice, fractional, species, within=within)
    assert not same(found, lattice, fractional + np.array([0.01, 0, 0]), species, within=within)
    assert not same(found, lattice, fractional, species % 94 + 1, within=within)
    assert not same(found, lattice * 1.001, fractional, species, within=within)


@given(atoms=crystals(), direct=st.booleans(), sort=st.booleans(), vasp5=st.booleans())
def test_poscar_of_ase(atoms, direct, sort, vasp5):
    out = io.StringIO()
    if sort:
        atoms = atoms[np.argsort(atoms.get_chemical_symbols(), kind="stable")]
    write_vasp(out, atoms, direct=direct, vasp5=vasp5)  # the first line lists the elements, as VASP 4 needs it
    check(read_text("POSCAR", out.getvalue()), atoms, within=1e-9)


@given(atoms=crystals(), digits=st.integers(7, 16))
def test_poscar_of_pymatgen(atoms, digits):
    core, vasp = pytest.importorskip("pymatgen.core"), pytest.importorskip("pymatgen.io.vasp")
    assume(np.linalg.det(atoms.cell.array) > 0)  # of another cell it writes the mirror image of all vectors
    structure = core.Structure(core.Lattice(atoms.cell.array), atoms.numbers, atoms.get_scaled_positions(wrap=False))
    text = vasp.Poscar(structure, comment="x").get_str(significant_figures=digits)
    check(read_text("POSCAR", text), atoms, within=1e-4)


@given(atoms=crystals(), forces=st.booleans(), comment=st.sampled_from(["", 'say "x=1" {a}', "Lattice=1 2 3"]))
def test_frames_of_ase(atoms, forces, comment):
    if forces:
        atoms.set_array("forces", np.ones((len(atoms), 3)))
    if comment:
        atoms.info["note"] = comment
    out = io.StringIO()
    ase.io.write(out, [atoms], format="extxyz")
    check(read_text("a.xyz", out.getvalue()), atoms, within=1e-6)


@given(atoms=crystals(), database=st.booleans())
@settings(deadline=None)
def test_json_of_ase(atoms, database):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        if database:
            ase.io.write(path, atoms)
        else:
            path.write_text(ase.io.jsonio.encode(atoms))
        check(crystal(path), atoms, within=1e-9)


@given(atoms=crystals(), charged=st.booleans())
def test_json_of_pymatgen(atoms, charged):
    core = pytest.importorskip("pymatgen.core")
    structure = core.Structure(core.Lattice(atoms.cell.array), atoms.numbers, atoms.get_scaled_positions(wrap=False))
    if charged:
        structure.add_oxidation_state_by_site([1] * len(atoms))
    check(read_text("a.json", json.dumps(structure.as_dict())), atoms, within=1e-9)
    (found,) = iterate(structure)
    assert isinstance(found, Crystal)
    check(found, atoms, within=1e-9)


@given(atoms=crystals(), cartesian=st.booleans())
def test_json_of_jarvis_tools(atoms, cartesian):
    coordinates = atoms.positions if cartesian else atoms.get_scaled_positions(wrap=False)
    written = JarvisAtoms(
        lattice_mat=atoms.cell.tolist(),
        coords=coordinates.tolist(),
        elements=atoms.get_chemical_symbols(),
        cartesian=cartesian,
    )
    check(read_text("a.json", json.dumps(written.to_dict())), atoms, within=1e-9)
