"""Any crystal, written as CIF by others, comes back; any rubbish is a failure and no exception."""

import io
import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from hypothesis import assume, given
from hypothesis import strategies as st

from crystalmatrix.crystals.cif import read_cif
from crystalmatrix.crystals.cif.operations import from_hall
from crystalmatrix.crystals.cif.settings import all_settings
from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.geometry import distances_below

from .cifs import cif, expanded, only, same_atoms
from .test_cif import CUBE, KF, F
from .test_cif_settings import cell_for


def random_crystal(data: st.DataObject) -> tuple[Atoms, str, tuple[float, ...], list[tuple[int, np.ndarray]]]:
    """All atoms of a random crystal in a random setting; its Hall symbol, cell and asymmetric unit."""
    setting = data.draw(st.sampled_from(all_settings()))
    operations = from_hall(setting.hall)
    seed = data.draw(st.integers(0, 10**6))
    random = np.random.default_rng(seed)
    cell = cell_for(operations.rotation)
    sites = [(int(z), random.random(3).round(6)) for z in random.choice([3, 8, 14, 26, 56], 2, replace=False)]
    lattice = Atoms(cell=cell, pbc=True).cell.array
    atoms = expanded(sites, operations.rotation, operations.translation, lattice)
    positions = np.array([position for _, position in atoms]) % 1
    assume(len(distances_below(1.0, lattice, positions)) == 0)
    return Atoms([z for z, _ in atoms], scaled_positions=positions, cell=cell, pbc=True), setting.hall, cell, sites


@given(data=st.data())
def test_round_trip_through_ase(data: st.DataObject) -> None:
    atoms, _, _, _ = random_crystal(data)
    stream = io.BytesIO()
    write(stream, atoms, format="cif")
    found = only(stream.getvalue().decode())
    assert same_atoms(found, list(zip(atoms.numbers, atoms.get_scaled_positions(), strict=True)))


@given(data=st.data())
def test_round_trip_through_gemmi(data: st.DataObject) -> None:
    gemmi = pytest.importorskip("gemmi")
    atoms, hall, cell, sites = random_crystal(data)
    small = gemmi.SmallStructure()
    small.name = "t"
    small.cell.set(*cell)
    group = next(group for group in gemmi.spacegroup_table() if group.hall == hall)
    small.spacegroup_hm = group.xhm()
    for k, (z, position) in enumerate(sites):
        site = gemmi.SmallStructure.Site()
        site.label = f"{gemmi.Element(z).name}{k}"
        site.type_symbol = gemmi.Element(z).name
        site.fract = gemmi.Fractional(*position)
        small.add_site(site)
    found = only(small.make_cif_block().as_string())
    assert same_atoms(found, list(zip(atoms.numbers, atoms.get_scaled_positions(), strict=True)))


@given(data=st.data())
def test_round_trip_through_pymatgen(data: st.DataObject) -> None:
    core = pytest.importorskip("pymatgen.core")
    atoms, _, _, _ = random_crystal(data)
    assume(len(atoms) <= 64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        structure = core.Structure(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())
        text = str(structure.to(fmt="cif"))
    assert same_atoms(only(text), list(zip(atoms.numbers, atoms.get_scaled_positions(), strict=True)))


def test_another_crystal_is_told_apart() -> None:
    """The control of the round trips: an atom 0.02 Å off, or another element, is not the same."""
    found = only(cif(CUBE, KF, items=F))
    atoms = list(zip(found.species.tolist(), found.fractional, strict=True))
    assert same_atoms(found, atoms)
    assert not same_atoms(found, [(atoms[0][0], atoms[0][1] + 0.02 / 4.6), *atoms[1:]])
    assert not same_atoms(found, [(3, atoms[0][1]), *atoms[1:]])


PIECES = [
    *cif(CUBE, KF, items=F, operations=["x,y,z", "-x,y+1/2,-z"]).split(),
    "loop_",
    "data_",
    ";",
    "'",
    "#",
    "\n",
    "?",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=60), st.sampled_from([" ", "\n"]))
def test_rubbish_is_a_failure_and_no_exception(pieces: list[str], between: str) -> None:
    for found in read_cif(between.join(pieces), "x"):
        assert isinstance(found, Failure | Crystal)
        assert not isinstance(found, Failure) or "\n" not in found.error
