"""CIF files as people have them: what is read, what is read with a word, and what is refused in a sentence."""

import numpy as np
import pytest

from crystalmatrix.crystals.cif import read_cif
from crystalmatrix.crystals.cif.formula import parse_formula, written
from crystalmatrix.crystals.cif.numbers import number, step
from crystalmatrix.crystals.cif.operations import parse_triplet
from crystalmatrix.crystals.crystal import Crystal, Failure, InvalidCrystalError

from .cifs import cif, composition, only, refused
from .test_cif_settings import NAME, NUMBER

CUBE = (4.6, 4.6, 4.6, 90, 90, 90)
F = {NAME: "F m -3 m"}
KF = [("K", 0, 0, 0), ("F", 0.5, 0.5, 0.5)]
FORMULA, UNITS = "_chemical_formula_sum", "_cell_formula_units_Z"


def test_rock_salt() -> None:
    found = only(cif(CUBE, KF, items=F))
    assert composition(found) == {"K": 4, "F": 4}
    assert found.notes == ()


# ---- elements


READ = {"K1": "K", "F1A": "F", "Fe3+": "Fe", "Pb(2)": "Pb", "O1'": "O", "CuA": "Cu", "U": "U", "D1": "H"}
READ_WITH_A_NOTE = {"ZN1": "Zn", "zn2": "Zn", "OA1": "O", "CL2": "Cl", "CuB": "Cu", "O1W": "O"}
NO_ELEMENT = ["Water1", "OH2", "OW1", "H2O1", "NH4", "VO1", "Vac1", "M1", "Ligand", "Q1", "1", "NO3"]


@pytest.mark.parametrize(("label", "symbol"), [*READ.items(), *READ_WITH_A_NOTE.items()])
def test_labels_that_name_an_element(label: str, symbol: str) -> None:
    text = cif(CUBE, [("X", 0, 0, 0)], items={NAME: "P 1"}, labels=[label], types=False)
    found = only(text)
    assert composition(found) == {symbol: 1}
    assert bool(found.notes) == (label in READ_WITH_A_NOTE or label == "D1")


@pytest.mark.parametrize("label", NO_ELEMENT)
def test_labels_that_name_none(label: str) -> None:
    text = cif(CUBE, [("X", 0, 0, 0)], items={NAME: "P 1"}, labels=[label], types=False)
    assert label in refused(text)


def test_a_label_in_capitals_is_what_the_formula_holds() -> None:
    sites = [("X", 0, 0, 0), ("X", 0.5, 0.5, 0.5)]
    for formula, symbol in (("Hf N", "Hf"), ("H N", "H")):
        text = cif(CUBE, sites, items={NAME: "P 1", FORMULA: formula}, labels=["HF1", "N1"], types=False)
        assert composition(only(text)) == {symbol: 1, "N": 1}


TYPES = {"CO": "Co", "CL1-": "Cl", "o2-": "O", "Fe+3": "Fe", "Fe(3+)": "Fe", "Fe_3+": "Fe", "Fe^3+": "Fe"}
TYPES |= {"D": "H", "2H": "H", "7Li": "Li", "Li_7": "Li", "11B3+": "B"}


@pytest.mark.parametrize(("kind", "symbol"), TYPES.items())
def test_type_symbols_are_one_element(kind: str, symbol: str) -> None:
    found = only(cif(CUBE, [(kind, 0, 0, 0)], items={NAME: "P 1"}, labels=["Q1"]))
    assert composition(found) == {symbol: 1}


@pytest.mark.parametrize("kind", ["OH", "H2O", "X", "Me", "FeMg", "12", "2OH", "Fe(3+", "1000H"])
def test_type_symbols_that_are_none(kind: str) -> None:
    assert "Q1" in refused(cif(CUBE, [(kind, 0, 0, 0)], items={NAME: "P 1"}, labels=["Q1"]))


# ---- syntax


def test_line_ends_mean_nothing_and_counts_everything() -> None:
    text = cif(CUBE, KF, items=F)
    one_line = text.replace("K1 K 0 0 0\nF2 F", "K1 K 0 0 0 F2 F")
    wrapped = text.replace("K1 K 0 0 0", "K1\nK 0\n0 0")
    assert one_line != text != wrapped
    assert composition(only(one_line)) == composition(only(wrapped)) == {"K": 4, "F": 4}
    for damaged in (text.replace("K1 K 0 0 0", "K1 K 0 0"), text.replace("K1 K 0 0 0", "K 1 K 0 0 0")):
        assert "loop" in refused(damaged)


def test_values_in_every_notation() -> None:
    sites = [("K", "0.0(0)", "-1.", "+.0"), ("F", "1/2", "5.0E-1", ".5(12)")]
    assert composition(only(cif(CUBE, sites, items=F))) == {"K": 4, "F": 4}
    assert number("12.5(3)") == 12.5
    assert number("70%") == 0.7
    assert [number(text) for text in ("?", ".", "nan", "1e999", "0x1", "1/0", "")] == [None] * 7
    assert (step("0.333"), step("1/3"), step("2"), step("0.25(3)")) == (1e-3, 0, 0, 1e-2)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("_cell_length_a 4.6", "_cell_length_a ?"), "_cell_length_a"),
        (("_cell_length_a 4.6", "_cell_length_a -4.6"), "_cell_length_a"),
        (("_cell_angle_alpha 90", "_cell_angle_alpha 190"), "alpha"),
        (("K1 K 0 0 0", "K1 K 0 ? 0"), "K1"),
        (("K1 K 0 0 0", "K1 K 0 zero 0"), "zero"),
        (("_atom_site_fract_z", "_atom_site_other"), "_atom_site_fract_x"),
        (("F m -3 m", "Q m -3 m"), "Q m -3 m"),
        (("'F m -3 m'", "'F m -3 m"), "line"),
        (("data_t", "data_t\n_cell_volume 120"), "Å3"),
        (("data_t", "data_t\n_exptl_crystal_density_diffrn 5.2"), "density"),
        (("data_t", "data_t\n_cell_modulation_dimension 1"), "modulated"),
    ],
)
def test_damage_is_named(change: tuple[str, str], word: str) -> None:
    text = cif(CUBE, KF, items=F)
    assert change[0] in text
    assert word in refused(text.replace(*change))


def test_blocks_are_crystals_of_their_own() -> None:
    good, bad, empty = cif(CUBE, KF, items=F), cif(CUBE, [("K", 0, "x", 0)], name="bad"), "data_global\n_note 'a'\n"
    found = list(read_cif(empty + good + bad + good, "file.cif"))
    assert [type(one) for one in found] == [Crystal, Failure, Crystal]
    assert [one.id for one in found] == ["file.cif@0", "file.cif@1", "file.cif@2"]
    assert "data_bad" in found[1].error
    assert [one.id for one in read_cif(empty + good, "file.cif")] == ["file.cif"]
    assert "no structure" in refused(empty)
    place = cif(CUBE, [("?", "?", "?", "?")], labels="?", name="place")  # of atoms that nobody has written
    assert [one.id for one in read_cif(good + place, "file.cif")] == ["file.cif"]
    assert "no structure" in refused(place)
    assert "no position" in refused(cif(CUBE, [("K", "?", "?", "?")], items=F))


# ---- content


def test_shared_and_partly_empty_sites_are_disorder() -> None:
    shared = [("K", 0, 0, 0), ("Na", 0, 0, 0)]
    by_symmetry = [("K", 0, 0, 0), ("Na", 0.5, 0.5, 0)]
    for sites in (shared, by_symmetry):
        error = refused(cif(CUBE, sites, items=F))
        assert error.startswith("disordered")
        assert "K1 and Na2" in error
    for value in ("0.5", "1/2", "50%", "0.5(1)", "0"):
        assert "K1" in refused(cif(CUBE, KF, items=F, extra={"occupancy": [value, "1"]}))
    for value in ("1", "1.0", "?", ".", "0.999(3)", "100%"):
        assert only(cif(CUBE, KF, items=F, extra={"occupancy": [value, "1"]}))
    assert "groups" in refused(cif(CUBE, KF, items={NAME: "P 1"}, extra={"disorder_group": ["1", "2"]}))
    assert only(cif(CUBE, KF, items={NAME: "P 1"}, extra={"disorder_group": [".", "."]}))


def test_dummies_are_no_atoms() -> None:
    sites = [*KF, ("H", 0.25, 0.25, 0.25)]
    assert composition(only(cif(CUBE, sites, items=F, extra={"calc_flag": ["d", "d", "dum"]}))) == {"K": 4, "F": 4}


MISFITS = {"Na F": "Na", "K F2": "formula", "K F O": "O"}


@pytest.mark.parametrize(("formula", "word"), MISFITS.items())
def test_a_formula_that_says_otherwise(formula: str, word: str) -> None:
    assert word in refused(cif(CUBE, KF, items={**F, FORMULA: formula}))


def test_a_formula_in_a_comment_counts() -> None:
    assert "Na" in refused("# Formula: Na F\n" + cif(CUBE, KF, items=F).replace("data_t", "data_t\n# Formula: Na F"))


def test_missing_atoms_and_missing_hydrogen() -> None:
    assert "Z says 4" in refused(cif(CUBE, KF, items={NAME: "P 1", FORMULA: "K F", UNITS: "4"}))
    found = only(cif(CUBE, KF, items={**F, FORMULA: "K F H2", UNITS: "4"}))
    assert "hydrogen" in found.notes[0]
    attached = cif(CUBE, KF, items=F, extra={"attached_hydrogens": ["0", "1"]})
    assert "hydrogen" in only(attached).notes[0]
    lacking = refused(attached + "_exptl_crystal_density_diffrn 5\n")
    assert "says 5.00" in lacking
    assert "hydrogen is attached" in lacking
    assert "hydrogen" not in refused(cif(CUBE, KF, items=F) + "_exptl_crystal_density_diffrn 5\n")


def test_z_may_count_the_reduced_formula() -> None:
    """As pymatgen writes it: the formula is the sum of the whole cell."""
    items = {**F, FORMULA: "K4 F4", UNITS: "4"}
    assert only(cif(CUBE, KF, items={**items, "_chemical_formula_structural": "KF"})).notes == ()
    assert only(cif(CUBE, KF, items=items)).notes == ()
    assert "Z says 2" in only(cif(CUBE, KF, items={**items, FORMULA: "K F", UNITS: "2"})).notes[0]
    assert "Z says 3" in refused(cif(CUBE, KF, items={**items, UNITS: "3"}))


def test_formulas() -> None:
    assert {
        text: formula and written(formula) for text in FORMULAS if (formula := parse_formula(text)) or True
    } == FORMULAS


FORMULAS = {
    "Ca (C O3)": "C1 Ca1 O3",
    "Mg(OH)2": "H2 Mg1 O2",
    "CA F2": "Ca1 F2",
    "Fe0.5 Mg0.5 O": "Fe0.5 Mg0.5 O1",
    "D2 O": "H2 O1",
    "[Cu (N H3)4] S O4": "Cu1 H12 N4 O4 S1",
    "KF": "F1 K1",
    "CO2": None,
    "C O2": "C1 O2",
    "2(H2 O)": "H4 O2",
    "unknown": None,
    "Ca (C O3": None,
}


def test_atoms_listed_twice() -> None:
    twice = [*KF, ("K", 1, 0, 0)]
    assert "twice" in refused(cif(CUBE, twice, items={NAME: "P 1"}))
    found = only(cif(CUBE, twice, items={NAME: "P 1", FORMULA: "K F", UNITS: "1"}))
    assert composition(found) == {"K": 1, "F": 1}
    everything = [*KF, ("K", 0, 0.5, 0.5), ("K", 0.5, 0, 0.5), ("F", 0, 0, 0.5)]
    found = only(cif(CUBE, everything, items=F))
    assert composition(found) == {"K": 4, "F": 4}
    assert "left out" in found.notes[0]


@pytest.mark.parametrize("digits", [3, 4, 5, 8])
def test_rounded_special_positions_are_exact(digits: int) -> None:
    """Wurtzite: thirds, however many digits are given."""
    third, two_thirds = f"{1 / 3:.{digits}f}", f"{2 / 3:.{digits}f}"
    sites = [("Cd", third, two_thirds, 0), ("S", third, two_thirds, "0.377")]
    found = only(cif((4.14, 4.14, 6.72, 90, 90, 120), sites, items={NAME: "P 63 m c"}))
    assert composition(found) == {"Cd": 2, "S": 2}
    assert np.abs(3 * found.fractional[:, :2] - np.rint(3 * found.fractional[:, :2])).max() < 1e-9


def test_rounded_positions_with_zeros_behind() -> None:
    cell, items = (4.14, 4.14, 6.72, 90, 90, 120), {NAME: "P 63 m c"}
    found = only(cif(cell, [("Cd", "0.3330000", "0.6670000", 0)], items=items))  # images 0.004 Å apart
    assert composition(found) == {"Cd": 2}
    assert "Cd1" in refused(cif(cell, [("Cd", "0.3200000", "0.6670000", 0)], items=items))  # 0.1 Å apart


def test_what_is_no_rounding_stays_apart() -> None:
    sites = [("Cd", 0.34, 0.66, 0)]  # its images are 0.08 Å apart: rounding at two digits, but not at four
    assert composition(only(cif((4.14, 4.14, 6.72, 90, 90, 120), sites, items={NAME: "P 63 m c"}))) == {"Cd": 2}
    split = [("Cd", "0.3400", "0.6600", 0)]
    assert "split" in refused(cif((4.14, 4.14, 6.72, 90, 90, 120), split, items={NAME: "P 63 m c"}))


# ---- Cartesian coordinates


FRACT = ("_atom_sites_fract_tran_matrix_{}{}", "_atom_sites_fract_tran_vector_{}")
CARTN = ("_atom_sites_Cartn_tran_matrix_{}{}", "_atom_sites_Cartn_tran_vector_{}")
MMCIF = ("_atom_sites.fract_transf_matrix[{}][{}]", "_atom_sites.fract_transf_vector[{}]")


def transformed(tags: tuple[str, str], matrix: np.ndarray, vector: np.ndarray) -> dict[str, str]:
    items = {tags[0].format(i + 1, j + 1): f"{matrix[i, j]:.8f}" for i in range(3) for j in range(3)}
    return items | {tags[1].format(i + 1): f"{vector[i]:.8f}" for i in range(3)}


@pytest.mark.parametrize("tags", [FRACT, CARTN, MMCIF])
def test_cartesian_coordinates_go_by_the_matrix_and_vector_of_the_file(tags: tuple[str, str]) -> None:
    cell, sites = (5.1, 6.2, 7.3, 90, 104, 90), [("Cu", 0.13, 0.21, 0.34), ("O", 0.4, 0.55, 0.1)]
    asked = only(cif(cell, sites, items={NAME: "P 1 21/c 1"}))
    turn = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])  # of the axes of space
    matrix, vector = (
        np.linalg.inv(asked.lattice @ turn).T,
        np.array([0.05, 0.1, 0.2]),
    )  # fractional = matrix @ x + vector
    places = [np.linalg.inv(matrix) @ (np.array(place) - vector) for _, *place in sites]
    rows = [(symbol, *np.round(place, 6).tolist()) for (symbol, *_), place in zip(sites, places, strict=True)]
    inverse_matrix = np.linalg.inv(matrix)
    items = (
        transformed(tags, inverse_matrix, -inverse_matrix @ vector)
        if tags is CARTN
        else transformed(tags, matrix, vector)
    )
    text = cif(cell, rows, items={NAME: "P 1 21/c 1", **items}).replace("_fract_x", "_Cartn_x")
    text = text.replace("site_fract_y", "site_Cartn_y").replace("site_fract_z", "site_Cartn_z")
    assert np.abs(only(text).fractional - asked.fractional).max() < 1e-5
    other = text.replace("_cell_length_a 5.1", "_cell_length_a 5.9")
    assert "matrix from Cartesian coordinates" in refused(other)


# ---- magnetic


MAGNETIC = """loop_
_space_group_symop_magn_operation.id
_space_group_symop_magn_operation.xyz
1 x,y,z,+1
2 -x,-y,-z,+1
loop_
_space_group_symop_magn_centering.id
_space_group_symop_magn_centering.xyz
1 x,y,z,+1
2 x+1/2,y,z,-1
"""


def test_magnetic_operations_and_centrings() -> None:
    text = cif((8, 4, 4, 90, 90, 90), [("Mn", 0, 0, 0), ("O", 0.1, 0.3, 0.2)])
    assert composition(only(text.replace("loop_", MAGNETIC + "loop_", 1))) == {"Mn": 2, "O": 4}
    older = MAGNETIC.replace("symop_magn_operation.", "symop.magn_operation_").replace("symop_magn_c", "symop.magn_c")
    older = older.replace("magn_centering.", "magn_centering_")
    assert composition(only(text.replace("loop_", older + "loop_", 1))) == {"Mn": 2, "O": 4}
    assert "operations" in refused(text.replace("loop_", "_space_group_magn.number_BNS 11.57\nloop_", 1))


# ---- operations


def test_triplets() -> None:
    rotation, translation = parse_triplet(" 1/2+X, Y-x , -z-.25 , +1")
    assert rotation.tolist() == [[1, 0, 0], [-1, 1, 0], [0, 0, -1]]
    assert translation.tolist() == [0.5, 0, 0.75]
    assert parse_triplet("x+0.3333,y,z+2/3")[1].tolist() == [1 / 3, 0, 2 / 3]
    for damaged in ("x,y", "x,y,w", "x,,z", "x,x,z", "0.5x,y,z", "x+1/0,y,z", ""):
        with pytest.raises(InvalidCrystalError):
            parse_triplet(damaged)


def test_number_alone_of_a_group_with_one_setting() -> None:
    assert composition(only(cif(CUBE, KF, items={NUMBER: "225"}))) == {"K": 4, "F": 4}
