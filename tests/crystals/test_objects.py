"""Objects of ASE, pymatgen and jarvis-tools, alone or many, give the crystal that their file would."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase.build import bulk
from jarvis.core.atoms import Atoms as JarvisAtoms

from crystalmatrix.crystals.crystal import Crystal, Failure
from crystalmatrix.crystals.geometry import distances_below, inverse, thickness
from crystalmatrix.crystals.iterate import iterate

SALT = bulk("NaCl", "rocksalt", a=5.64)


def as_jarvis() -> JarvisAtoms:
    return JarvisAtoms(
        lattice_mat=SALT.cell.tolist(),
        coords=SALT.positions.tolist(),
        elements=SALT.get_chemical_symbols(),
        cartesian=True,
    )


def as_pymatgen() -> SimpleNamespace:
    """With the attributes of pymatgen's Crystal that are read."""
    return SimpleNamespace(
        is_ordered=True,
        atomic_numbers=tuple(SALT.numbers.tolist()),
        frac_coords=SALT.get_scaled_positions(),
        lattice=SimpleNamespace(matrix=SALT.cell.array),
    )


def structure(**changes) -> Crystal:
    (found,) = iterate(SALT)
    assert isinstance(found, Crystal)
    return Crystal(**{**vars(found), **changes})


@pytest.mark.parametrize("thing", [SALT, as_jarvis(), as_jarvis().to_dict(), as_pymatgen(), structure()])
def test_one_object(thing: object) -> None:
    (found,) = iterate(thing)
    assert isinstance(found, Crystal)
    assert found.id == "0"
    np.testing.assert_array_equal(found.species, SALT.numbers)
    np.testing.assert_allclose(found.lattice, SALT.cell.array)
    np.testing.assert_allclose(found.fractional, SALT.get_scaled_positions(), atol=1e-12)


def test_pymatgen_itself() -> None:
    core = pytest.importorskip("pymatgen.core")
    crystal = core.Structure(core.Lattice(SALT.cell.array), ["Na+", "Cl-"], SALT.get_scaled_positions())
    (found,) = iterate(crystal)
    assert isinstance(found, Crystal)
    np.testing.assert_array_equal(found.species, SALT.numbers)
    (mixed,) = iterate(core.Structure(crystal.lattice, [{"Na": 0.5, "K": 0.5}, "Cl"], crystal.frac_coords))
    assert isinstance(mixed, Failure)


def test_many_objects_keep_their_names_and_order() -> None:
    assert [item.id for item in iterate([SALT, as_jarvis(), {"jid": "JVASP-7", "atoms": as_jarvis().to_dict()}])] == [
        "0",
        "1",
        "JVASP-7",
    ]
    assert [item.id for item in iterate({"b": SALT, "a": as_pymatgen()})] == ["b", "a"]


def test_a_stream_is_read_no_faster_than_it_is_used() -> None:
    given = []

    def endless():
        while True:
            given.append(1)
            yield SALT

    stream = iterate(endless())
    next(stream), next(stream)
    assert len(given) == 2


def test_objects_that_are_no_crystals_say_why() -> None:
    disordered = as_pymatgen()
    disordered.is_ordered = False
    molecule = SimpleNamespace(is_ordered=True)
    slab = SALT.copy()
    slab.pbc = [False, False, True]
    errors = [item.error for item in iterate([disordered, molecule, slab, 7, {"atoms": None}, SALT[:0]])]
    assert errors == [
        "disordered: partially occupied sites, expected one element on each",
        "not periodic: no lattice, expected three lattice vectors",
        "not periodic: pbc is set along c, expected all three directions",
        "no structure: found builtins.int, expected a path or an object of ASE, pymatgen or jarvis-tools",
        "no structure: 'atoms' is None, expected a dictionary of a crystal",
        "no structure: no atoms",
    ]
    (alone,) = iterate(7)
    assert isinstance(alone, Failure)


def test_the_occupancies_that_ase_reads_from_a_cif_are_not_forgotten() -> None:
    mixed = SALT.copy()
    mixed.info["occupancy"] = {"0": {"Na": 0.6, "K": 0.4}, "1": {"Cl": 1.0}}
    vacant = SALT.copy()
    vacant.info["occupancy"] = {"0": {"Na": 1.0}, "1": {"Cl": 0.9}}
    full = SALT.copy()
    full.info["occupancy"] = {"0": {"Na": 1.0}, "1": {"Cl": 1.0}}
    one, two, three = iterate([mixed, vacant, full])
    assert one == Failure("0", "disordered: a site holds Na 0.6, K 0.4, expected one element on each")
    assert two == Failure("1", "disordered: a site holds Cl 0.9, expected one element on each")
    assert isinstance(three, Crystal)


def test_an_object_that_breaks_says_nothing_of_its_own() -> None:
    class Broken:
        is_ordered = True

        @property
        def lattice(self) -> None:
            raise KeyError("internal")

    (found,) = iterate(Broken())
    assert found == Failure("0", "unreadable: the content does not fit what it is said to be")


@pytest.mark.parametrize("shear", [1, 7, 80, 400])
def test_a_skew_cell_is_the_crystal_of_its_reduced_one(shear: int) -> None:
    """And a really flat one is not: with the third vector nearly in the plane of the others, however long they are."""
    skew = np.array([[1, 0, 0], [shear, 1, 0], [-shear, 2 * shear, 1]]) @ SALT.cell.array
    crystal = SALT.copy()
    crystal.set_cell(skew)
    (found,) = iterate(crystal)
    assert isinstance(found, Crystal)
    assert found.volume == pytest.approx(SALT.get_volume())
    assert thickness(inverse(found.lattice)) > 0.5
    distances = np.sort(distances_below(3.0, found.lattice, found.fractional))
    np.testing.assert_allclose(distances, np.sort(distances_below(3.0, SALT.cell.array, SALT.get_scaled_positions())))
    crystal.set_cell(skew * [1, 1, 1e-3])
    (flat,) = iterate(crystal)
    assert isinstance(flat, Failure)
    assert flat.error.startswith("zero volume")
