"""What a block says beside its sites is held against them: formulas in any form, multiplicities, moments, mixtures."""

import pytest

from crystalmatrix.crystals.cif import read_cif
from crystalmatrix.crystals.cif.formula import parse_formula, written
from crystalmatrix.crystals.crystal import Crystal, Failure

from .cifs import cif, composition, only, refused

CUBE = (5.6, 5.6, 5.6, 90, 90, 90)
NAME, NUMBER = "_symmetry_space_group_name_H-M", "_symmetry_Int_Tables_number"
SALT = [("Rb", 0, 0, 0), ("F", 0.5, 0.5, 0.5)]
F = {NAME: "F m -3 m"}

FORMULAS = {
    "Mg3(PO4)2": "Mg3 O8 P2",
    "Ca 2(O H)": "Ca1 H2 O2",
    "CaSO4*2H2O": "Ca1 H4 O6 S1",
    "CaSO4.2H2O": "Ca1 H4 O6 S1",
    "Ca S O4 . 2 H2 O": "Ca1 H4 O6 S1",
    "C6 H5 O7 3-, 3(Na 1+), 2(H2 O)": "C6 H9 Na3 O9",
    "(C2 H4)n": "C2 H4",
    "K(1+) F(1-)": "F1 K1",
    "Ca2+ Cl2": "Ca1 Cl2",
    "Fe1.2Ni0.8O": "Fe1.2 Ni0.8 O1",
    "(Mg,Fe)2 Si O4": None,
    "NACL": None,
    "Q2 O": None,
}


@pytest.mark.parametrize(("text", "meant"), FORMULAS.items(), ids=FORMULAS)
def test_formulas_with_parts_factors_and_charges(text: str, meant: str | None) -> None:
    formula = parse_formula(text)
    assert (formula and written(formula)) == meant


@pytest.mark.parametrize(
    ("tag", "formula"), [("_chemical_formula_sum", "Rb F . H2 O"), ("_chemical_formula_moiety", "Rb 1+, F 1-, 2(H2 O)")]
)
def test_water_that_is_not_there(tag: str, formula: str) -> None:
    assert "O on one side only" in refused(cif(CUBE, SALT, items={**F, tag: formula}))
    assert only(cif(CUBE, SALT, items={**F, tag: formula.partition(" .")[0].partition(", 2")[0]})).notes == ()


HYDROXIDE = ["# Co(OH)2", "# H2CoO2", "# formula: Co (O H)2", "# cobalt hydroxide Co(OH)2, made by precipitation"]


@pytest.mark.parametrize("comment", HYDROXIDE)
def test_hydrogen_in_a_comment_before_or_in_the_block(comment: str) -> None:
    sites = [("Co", 0, 0, 0), ("O", 0.33333, 0.66667, 0.22), ("O", 0.66667, 0.33333, 0.78)]
    text = cif((3.18, 3.18, 4.65, 90, 90, 120), sites, items={NAME: "P 1"})
    for commented in (f"{comment}\n{text}", text.replace("data_t\n", f"data_t\n{comment}\n")):
        assert "H" in only(commented).notes[0]
    for harmless in ("# CIF", "# CoO2", "# COD entry, CH3 Berlin", "# In"):
        assert only(f"{harmless}\n{text}").notes == ()


def test_a_site_said_to_have_so_many_atoms_settles_the_origin() -> None:
    for position, count in (((0, 0, 0), {"8": 8, "16": 16}),):
        for said, n in count.items():
            text = cif((5.66, 5.66, 5.66, 90, 90, 90), [("Ge", *position)], items={NAME: "F d -3 m"})
            assert "leaves the setting open" in refused(text)
            listed = cif(
                (5.66, 5.66, 5.66, 90, 90, 90),
                [("Ge", *position)],
                items={NAME: "F d -3 m"},
                extra={"symmetry_multiplicity": [said]},
            )
            assert composition(only(listed)) == {"Ge": n}


@pytest.mark.parametrize(("said", "odd"), [("8", False), ("24", False), ("4", True), ("16", True)])
def test_a_multiplicity_unlike_the_atoms_is_remarked(said: str, odd: bool) -> None:
    """24 is the order of the site's symmetry, which SHELXL-97 gives under this tag."""
    items, extra = {NAME: "F d -3 m:1"}, {"symmetry_multiplicity": [said]}
    found = only(cif((5.66, 5.66, 5.66, 90, 90, 90), [("Ge", 0, 0, 0)], items=items, extra=extra))
    assert found.notes == (f"site Ge1 has 8 atoms in the cell, its multiplicity says {said}",) * odd


@pytest.mark.parametrize(("formula", "odd"), [("Rb F", False), ("Rb1-x Kx F", True), ("rubidium fluoride", True)])
def test_a_formula_that_is_none_is_remarked(formula: str, odd: bool) -> None:
    found = only(cif(CUBE, SALT, items={**F, "_chemical_formula_sum": formula}))
    assert found.notes == (f"its formula {formula!r} cannot be compared with its sites",) * odd


@pytest.mark.parametrize(("formula", "odd"), [("Rb4 F4", False), ("Rb2 F2", False), ("Rb8 F8", True), ("Rb3 F3", True)])
def test_a_part_of_a_formula_unit_is_remarked(formula: str, odd: bool) -> None:
    notes = only(cif(CUBE, SALT, items={**F, "_chemical_formula_sum": formula})).notes
    assert [note.partition(",")[0] for note in notes] == [f"read {4 / int(formula[-1]):g} formula units"] * odd


def test_angles_that_are_not_given_are_remarked() -> None:
    text = cif((5.1, 6.2, 7.3, 90, 104, 90), SALT, items={NAME: "P 1 21/c 1"})
    assert only(text).notes == ()
    said = "the cell's beta is not given; 90 degrees is used, as CIF says"
    assert only(text.replace("_cell_angle_beta 104\n", "")).notes == (said,)


LABELS = {("Rb1", "F1"): False, ("F1", "Rb1"): True, ("Ca1", "F1"): True, ("M1", "X1"): False, ("R1", "W1"): False}


@pytest.mark.parametrize(("labels", "odd"), LABELS.items())
def test_a_label_that_names_another_element_than_the_type_symbol(labels: tuple[str, str], odd: bool) -> None:
    found = only(cif(CUBE, SALT, items=F, labels=labels))
    assert composition(found) == {"Rb": 4, "F": 4}
    assert found.notes == (f"site {labels[0]} is Rb by its type symbol, which counts",) * odd
    carbon = [("C", 0, 0, 0), ("H", 0.2, 0, 0)]
    assert only(cif(CUBE, carbon, items={NAME: "P 1"}, labels=["Ca1", "Ho1"])).notes == ()


def test_labels_of_which_the_same_is_said_share_a_note() -> None:
    sites = [("Mg", 0, 0, 0), *(("O", 0.1 * k, 0.3, 0.2 * k) for k in range(1, 8)), ("Mg", 0.5, 0.5, 0.9)]
    labels = ["Mg", *(f"O-H{k}" for k in range(1, 8)), "Mg_Fe"]
    text = cif((9, 9, 9, 90, 90, 90), sites, items={NAME: "P 1"}, labels=labels, types=False)
    hydroxide, mixture = only(text).notes
    assert hydroxide.startswith("labels O-H1, O-H2, O-H3, O-H4, O-H5 and 2 more are read as O; hydrogen")
    assert mixture == "label Mg_Fe is read as Mg"


def test_what_a_setting_that_fits_the_cell_has_against_it_is_said() -> None:
    items = {NAME: "R -3 c", "_chemical_formula_sum": "Mg C O3"}
    sites = [("Mg", 0, 0, 0), ("C", 0.25, 0.25, 0.25), ("O", 0.53, 0.97, 0.25)]
    rhombohedral = (5.67, 5.67, 5.67, 48.2, 48.2, 48.2)
    assert composition(only(cif(rhombohedral, sites, items=items))) == {"Mg": 2, "C": 2, "O": 6}
    assert "O12" in refused(cif(rhombohedral, [*sites[:2], ("O", 0.24, 0.76, 0)], items=items))
    assert "shape" in refused(cif((5.67, 5.67, 5.67, 48.2, 48.2, 60), sites, items=items))


def test_no_symmetry_at_all_is_said_unless_the_formula_confirms_it() -> None:
    assert "no symmetry is given" in only(cif(CUBE, SALT)).notes[0]
    items = {"_chemical_formula_sum": "Rb F", "_cell_formula_units_Z": "1"}
    assert only(cif(CUBE, SALT, items=items)).notes == ()


@pytest.mark.parametrize("number", ["0", "231", "2.5"])
def test_a_number_of_no_space_group(number: str) -> None:
    assert f"number '{number}' is unknown" in refused(cif(CUBE, SALT, items={NUMBER: number}))


def test_sources_that_disagree_or_are_damaged_are_said() -> None:
    cell, sites = (5.1, 6.2, 7.3, 90, 104, 90), [("Cu", 0.13, 0.21, 0.34), ("O", 0.4, 0.55, 0.1)]
    hall = only(cif(cell, sites, items={"_space_group_name_Hall": "-P 2yn", NAME: "P 1 21/c 1"}))
    assert "disagrees with its Hall symbol" in hall.notes[0]
    assert only(cif(cell, sites, items={"_space_group_name_Hall": "-P 2ybc", NAME: "P 1 21/c 1"})).notes == ()
    primitive = ["x,y,z", "-x,y,-z+1/2", "-x,-y,-z", "x,-y,z+1/2"]
    assert "disagrees" in only(cif(cell, sites, items={NAME: "C 1 2/c 1"}, operations=primitive)).notes[0]
    damaged = only(cif(cell, sites, items={NAME: "P 1 21/c 1"}, operations=primitive[:3]))
    assert composition(damaged) == {"Cu": 4, "O": 4}
    assert "are no group" in damaged.notes[0]


MIXED = ["Co/Ni1", "Co,Ni", "Co0.5Ni0.5", "V_O1", "V-O", "(Co,Ni)1"]


@pytest.mark.parametrize("label", MIXED)
def test_labels_of_mixtures_and_vacancies(label: str) -> None:
    text = cif(CUBE, [("X", 0, 0, 0)], items={NAME: "P 1"}, labels=[label], types=False)
    assert label.strip("(") in refused(text) or label in refused(text)


@pytest.mark.parametrize("label", ["Mg_Fe", "Mg-Fe", "Mg1Fe1", "Mg+Fe"])
def test_a_label_with_another_element_behind_is_remarked(label: str) -> None:
    text = cif(CUBE, [("X", 0, 0, 0)], items={NAME: "P 1"}, labels=[label], types=False)
    assert only(text).notes == (f"label {label} is read as Mg",)
    assert only(text.replace("_cell_length_a", "_chemical_formula_sum Mg\n_cell_length_a")).notes == ()


def test_capitals_beside_labels_of_two_cases_are_not_guessed() -> None:
    sites = [("X", 0, 0, 0), ("X", 0.5, 0.5, 0.5), ("X", 0.5, 0, 0)]
    assert "HO1" in refused(cif(CUBE, sites, items={NAME: "P 1"}, labels=["Ca1", "HO1", "O1"], types=False))
    found = only(cif(CUBE, sites, items={NAME: "P 1"}, labels=["CA1", "HO1", "O1"], types=False))
    assert composition(found) == {"Ca": 1, "Ho": 1, "O": 1}
    assert len(found.notes) == 2


def test_images_closer_than_any_bond_are_a_split_site() -> None:
    cell, items = (9.1, 9.1, 5.2, 90, 90, 120), {NAME: "P 63 m c"}
    assert "split site" in refused(cif(cell, [("Zn", 0.03, 0.06, 0)], items=items))
    assert composition(only(cif(cell, [("Zn", 0.1533, 0.3064, 0)], items=items))) == {"Zn": 6}


MOMENTS = "loop_\n_atom_site_moment.label\n_atom_site_moment.crystalaxis_z\nMn1 2\n"


def test_moments_without_magnetic_operations() -> None:
    sites = [("Mn", 0, 0, 0), ("O", 0.5, 0.5, 0.2)]
    cell = (4, 4, 8, 90, 90, 90)
    ordinary = cif(cell, sites, operations=["x,y,z", "-x,-y,-z"])
    assert only(ordinary).notes == ()
    assert "magnetic" in only(ordinary + MOMENTS).notes[0]
    assert "magnetic group without its operations" in refused(cif(cell, sites, items={NAME: "P -1"}) + MOMENTS)


MODULATED = [
    "_space_group_symop_ssg_operation_algebraic",
    "_space_group_symop_magn_ssg_operation.algebraic",
    "_space_group_ssg_name",
    "_space_group_magn.ssg_name_BNS",
    "_cell_wave_vector_x",
    "_atom_site_displace_Fourier_axis",
    "_atom_site_occ_special_func_crenel_c",
]


@pytest.mark.parametrize("tag", MODULATED)
def test_modulated_structures_are_refused(tag: str) -> None:
    block = cif(CUBE, SALT, items={NAME: "P 1"})
    assert "modulated" in refused(f"{block}loop_\n{tag}\nx1,x2,x3,x4\n-x1,-x2,-x3,-x4\n")
    for unsaid in (f"{block}{tag} ?\n", f"{block}loop_\n{tag}\n. ?\n"):
        assert only(unsaid).notes == ()


def test_older_magnetic_tags_with_ids_of_one_name() -> None:
    loops = (
        "loop_\n_space_group_symop.id\n_space_group_symop.magn_operation_xyz\n1 x,y,z,+1\n2 -x,-y,-z,+1\n"
        "loop_\n_space_group_symop.id\n_space_group_symop.magn_centering_xyz\n1 x,y,z,+1\n2 x,y,z+1/5,-1\n"
        "3 x,y,z+2/5,+1\n4 x,y,z+3/5,-1\n5 x,y,z+4/5,+1\n"
    )
    items = list(read_cif(cif((4, 4, 20, 90, 90, 90), [("Mn", 0, 0, 0)]) + loops, "x"))
    assert not any(isinstance(item, Failure) for item in items)
    assert [composition(item) for item in items if isinstance(item, Crystal)] == [{"Mn": 5}]
