"""The short cut for cubic crystals is spglib's own answer, and is not taken where there is any doubt."""

import ase.build
import ase.spacegroup
import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalmatrix.crystals.symmetry import SYMPREC, UNKNOWN, cubic_operations, find_symmetry


def cubic(symbols, basis, number, a, **options):
    cell = [a, a, a, 90, 90, 90]
    return ase.spacegroup.crystal(symbols, basis, spacegroup=number, cellpar=cell, **options), number


PROTOTYPES = {
    "rock salt": (ase.build.bulk("NaCl", "rocksalt", a=5.64), 225),
    "rock salt, 8 atoms": (ase.build.bulk("NaCl", "rocksalt", a=5.64, cubic=True), 225),
    "fcc": (ase.build.bulk("Cu", "fcc", a=3.6), 225),
    "bcc": (ase.build.bulk("Fe", "bcc", a=2.87), 229),
    "sc": (ase.build.bulk("Po", "sc", a=3.35), 221),
    "diamond": (ase.build.bulk("Si", "diamond", a=5.43), 227),
    "zincblende": (ase.build.bulk("GaAs", "zincblende", a=5.65), 216),
    "caesium chloride": (ase.build.bulk("CsCl", "cesiumchloride", a=4.1), 221),
    "fluorite": (ase.build.bulk("CaF2", "fluorite", a=5.46), 225),
    "pyrite": cubic("FeS", [(0, 0, 0), (0.385,) * 3], 205, 5.4),
    "perovskite": cubic("SrTiO", [(0, 0, 0), (0.5,) * 3, (0.5, 0.5, 0)], 221, 3.9),
    "spinel": cubic("MgAlO", [(0.125,) * 3, (0.5,) * 3, (0.26,) * 3], 227, 8.1, setting=2, primitive_cell=True),
}


def arrays(atoms):
    return np.array(atoms.cell), atoms.get_scaled_positions(), atoms.numbers.astype(np.uint8)


def by_spglib(lattice, fractional, species):
    found = spglib.get_symmetry_dataset((lattice, fractional, species), symprec=SYMPREC)
    return found.number, found.pointgroup


@pytest.mark.parametrize("name", PROTOTYPES)
@settings(max_examples=8)
@given(shift=st.tuples(*[st.floats(0, 1)] * 3), seed=st.integers(0, 1000))
def test_a_cubic_crystal_moved_turned_and_renumbered(name, shift, seed):
    atoms, number = PROTOTYPES[name]
    lattice, fractional, species = arrays(atoms)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(species))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    lattice, fractional, species = lattice @ rotation, fractional[order] + shift, species[order]
    assert cubic_operations(lattice, fractional, species, symprec=SYMPREC) is not None
    found = find_symmetry(lattice, fractional, species)
    assert (found.space_group, found.point_group) == by_spglib(lattice, fractional, species)
    assert found.space_group == number
    assert found.has_inversion == (number != 216)


@pytest.mark.parametrize("size", [0.002, 0.005, 0.01, 0.02])
def test_a_distortion_near_the_tolerance_is_left_to_spglib(size):
    lattice, fractional, species = arrays(PROTOTYPES["rock salt"][0])
    fractional[1, 0] += size / 5.64
    assert cubic_operations(lattice, fractional, species, symprec=SYMPREC) is None
    found = find_symmetry(lattice, fractional, species)
    assert (found.space_group, found.point_group) == by_spglib(lattice, fractional, species)


def test_a_clear_distortion_lowers_the_symmetry():
    lattice, fractional, species = arrays(PROTOTYPES["rock salt"][0])
    fractional[1] += 0.05  # along [111] of the primitive cell
    found = find_symmetry(lattice, fractional, species)
    assert (found.space_group, found.point_group) == by_spglib(lattice, fractional, species)
    assert not found.has_inversion


def test_other_lattices_go_to_spglib():
    lattice, fractional, species = arrays(ase.build.bulk("Ti"))
    assert cubic_operations(lattice, fractional, species, symprec=SYMPREC) is None
    assert find_symmetry(lattice, fractional, species) == (194, "6/mmm", True)


def test_what_spglib_cannot_tell_is_null():
    on_top_of_each_other = np.zeros((2, 3))
    assert find_symmetry(np.diag([3.0, 4.0, 5.0]), on_top_of_each_other, np.array([11, 11], np.uint8)) == UNKNOWN
