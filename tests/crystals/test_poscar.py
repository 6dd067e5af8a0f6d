"""POSCAR: every dialect gives the crystal that VASP would run, and what VASP could not know is refused."""

import numpy as np
import pytest

from crystalmatrix.crystals.crystal import Crystal

from .reading import crystal, error, formula, read

# Zinc blende, and a cell without symmetry to tell vectors and axes apart.
ZNS = "ZnS\n{scale}\n0 2.7 2.7\n2.7 0 2.7\n2.7 2.7 0\n{names}{counts}\n{mode}\n0 0 0\n{second}\n"
SKEW = "1\n{scale}\n3 0 0\n1 4 0\n0.5 0.6 5\nZn S\n1 1\n{mode}\n0 0 0\n{second}\n"


def zns(*, scale="1.0", names="Zn S\n", counts="1 1", mode="Direct", second="0.25 0.25 0.25") -> str:
    return ZNS.format(scale=scale, names=names, counts=counts, mode=mode, second=second)


@pytest.mark.parametrize(
    "text",
    [
        zns(),
        zns(names="Zn_pv/0a1b2c3d S/9f\n"),
        zns(names="Zn_sv_GW S_h\n"),
        zns(names="ZN S\n"),
        zns(names="Zn2+ S2-\n"),
        zns(names=" Zn S ! elements\n", counts="1 1 # counts", mode="direct ! mode"),
        zns(names="Zn Ga S\n", counts="1 0 1"),
        zns(names="Zn\nS\n", counts="1\n1"),
        zns(mode="Selective dynamics\nDirect", second="0.25 0.25 0.25 T F T"),
        zns(mode="Cartesian", second="1.35 1.35 1.35"),
        zns(mode="konventionell", second="1.35 1.35 1.35"),
        zns(second="-3.75 12.25 0.25"),
        zns(second="2.5D-1 0.25d0 2.5E-1"),
        zns(second=".25 .25 .25 S"),
        zns(scale="1.0 the scale"),
        zns() + "\n0.1 0.2 0.3\n0.4 0.5 0.6\n\n1\n0.5\n0 0 0 0\n0.1 0.2 0.3\n",
        zns() + "Cartesian\n0.1 0.2 0.3\n0.4 0.5 0.6\n",
        zns() + "Lattice velocities and vectors\n1\n0 0 0\n0 0 0\n0 0 0\n0 2.7 2.7\n2.7 0 2.7\n2.7 2.7 0\n",
        zns() + "\n\na remark\n",
    ],
)  # fmt: skip
def test_dialects_of_one_crystal(tmp_path, text):
    found = crystal(tmp_path / "POSCAR", text)
    assert (formula(found), found.notes) == ("ZnS", ())
    assert found.id == "POSCAR"
    np.testing.assert_allclose(found.lattice, 2.7 * (1 - np.eye(3)))
    np.testing.assert_allclose(found.fractional, [[0, 0, 0], [0.25, 0.25, 0.25]], atol=1e-12)


@pytest.mark.parametrize(
    ("scale", "factors"),
    [("2", (2, 2, 2)), ("1.5 1 2", (1.5, 1, 2)), ("-480", (2, 2, 2)), ("-60 ! volume", (1, 1, 1))],
)
@pytest.mark.parametrize("cartesian", [False, True])
def test_a_scale_three_scales_or_a_volume_act_on_lattice_and_cartesian_positions(tmp_path, scale, factors, cartesian):
    mode, second = ("Cartesian", "1 2 3") if cartesian else ("Direct", "0.3 0.4 0.6")
    found = crystal(tmp_path / "POSCAR", SKEW.format(scale=scale, mode=mode, second=second))
    lattice = np.array([[3, 0, 0], [1, 4, 0], [0.5, 0.6, 5]])
    np.testing.assert_allclose(found.lattice, lattice * factors)
    expected = np.array([1, 2, 3]) * factors if cartesian else [0.3, 0.4, 0.6] @ (lattice * factors)
    np.testing.assert_allclose(found.fractional[1] @ found.lattice, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (zns(counts="1 2"), "contradictory: 3 atoms are counted, but only 2 rows"),
        (zns(counts="1 900000000"), "contradictory: 900000001 atoms are counted"),
        (zns() + "0.5 0.5 0.5\n", "contradictory: line 11: another row of coordinates, but 2 atoms are counted"),
        (zns(names="Zn S O\n"), "contradictory: line 6 names 3 elements (Zn S O), but 2 counts follow"),
        (zns(names="Zn\n"), "contradictory: line 6 names 1 elements (Zn), but 2 counts follow"),
        (zns(names="Zn H1.25\n"), "unknown element: line 6: H1.25, expected an element of whole charge"),
        (zns(names="Zn Qq\n"), "unknown element: line 6: Qq"),
        (zns(names="# Zn S\n"), "malformed structure: line 6: found '# Zn S', expected elements or counts"),
        (zns(counts="1 -1"), "malformed structure: line 7: found '1 -1', expected elements or counts"),
        (zns(counts="0 0"), "line 9: another row of coordinates, but 0 atoms are counted"),
        (zns(mode="", second="0.25 0.25 0.25"), "malformed structure: line 8: found '', expected Direct or Cartesian"),
        (zns(mode="0 0 0"), "malformed structure: line 8: found '0 0 0', expected Direct or Cartesian"),
        (zns(second="0.25 0.25"), "line 10: found '0.25 0.25', expected the coordinates of an atom, three numbers"),
        (zns(second="0.25 ****** 0.25"), "line 10: found '0.25 ****** 0.25'"),
        (zns(second="0.25 1_0 0.25"), "line 10: found '0.25 1_0 0.25'"),
        (zns(second="nan 0.25 0.25"), "not a finite number"),
        (zns(scale="0"), "line 2: found '0', expected one scale other than zero"),
        (zns(scale="1 2"), "line 2: found '1 2'"),
        (zns(scale="1 -1 1"), "line 2: found '1 -1 1'"),
        (zns(scale="x"), "line 2: found 'x'"),
        (zns().replace("2.7 0 2.7", "2.7 0"), "line 4: found '2.7 0', expected a lattice vector, three numbers"),
        (zns().replace("2.7 0 2.7", "2.7 0 2.7 1"), "line 4: found '2.7 0 2.7 1', expected a lattice vector"),
        ("\n".join(zns().split("\n")[:6]), "ends after 6 lines, expected elements or counts in line 7"),
        ("x\n1\n", "ends after 2 lines, expected a lattice vector, three numbers in line 3"),
    ],
)  # fmt: skip
def test_what_would_have_to_be_guessed_is_refused_with_its_line(tmp_path, text, said):
    assert said in error(tmp_path / "POSCAR", text)


def test_an_empty_comment_and_any_comment(tmp_path):
    for comment in ("", "1.0", "2 3", "[x]", "data_", "Direct"):
        assert formula(crystal(tmp_path / "POSCAR", zns().replace("ZnS", comment, 1))) == "ZnS"


def test_a_label_that_contradicts_the_line_of_elements_and_numbers_behind_the_atoms_are_remarked(tmp_path):
    (note,) = crystal(tmp_path / "POSCAR", zns(second=".25 .25 .25 Se")).notes
    assert note == "an atom is labelled Se, but by the line of elements, which counts, it is S"
    for behind, other in (
        ("F F F", ""),
        ("F F F S", ""),
        ("T F T Se", "Se"),
        ("S2-", ""),
        ("Se2-", "Se2-"),
        ("S1", ""),
    ):
        labelled = zns(mode="Selective\nDirect" if " " in behind else "Direct", second=f".25 .25 .25 {behind}")
        notes = crystal(tmp_path / "POSCAR", labelled).notes  # F is no fluorine
        assert [note.partition(",")[0] for note in notes] == [f"an atom is labelled {other}"] * bool(other)
    (note,) = crystal(tmp_path / "POSCAR", zns() + "\n0.5 0.5 0.5\n").notes
    assert note.startswith("1 rows of numbers behind the 2 atoms")


def test_trajectories_and_files_put_together_give_each_of_their_crystals(tmp_path):
    frames = zns(mode="Direct configuration=     1") + "Direct configuration=     2\n0 0 0\n.3 .3 .3\n"
    one, two = read(tmp_path / "XDATCAR", frames)
    assert (one.id, two.id) == ("XDATCAR@0", "XDATCAR@1")
    assert (one.fractional[1, 0], two.fractional[1, 0]) == (0.25, 0.3)
    both = read(tmp_path / "POSCAR", zns() + "\n" + zns(names="Cd Te\n"))
    assert [(item.id, formula(item)) for item in both] == [("POSCAR@0", "ZnS"), ("POSCAR@1", "CdTe")]
    damaged = read(tmp_path / "POSCAR", zns() + "\n" + zns(names="Cd Qq\n"))
    assert [(item.id, formula(item)) for item in damaged] == [("POSCAR@0", "ZnS"), ("POSCAR@1", "[unknown element]")]


# VASP 4: nothing names the elements but the first line or a POTCAR.


def vasp4(comment: str, *, counts: str = "1 1") -> str:
    return zns(names="", counts=counts).replace("ZnS", comment, 1)


@pytest.mark.parametrize("comment", ["Zn S", "  Zn   S ", "S Zn", "I N"])
def test_a_first_line_that_is_the_list_of_elements(tmp_path, comment):
    assert formula(crystal(tmp_path / "CONTCAR", vasp4(comment))) == "".join(comment.split())


@pytest.mark.parametrize(
    "comment",
    ["ZnS", "Zn S bulk", "BCC V", "V", "No comment", "zn s", "ZN S", "Zn1 S1", "", "unknown", "In As P", "Zn, S"],
)  # fmt: skip
def test_any_other_first_line_is_refused_with_what_to_add(tmp_path, comment):
    said = error(tmp_path / "CONTCAR", vasp4(comment))
    assert said.startswith("no structure: line 6 gives 2 counts, but no line above it names the elements: add one")


def test_labels_behind_the_atoms_name_them_where_nothing_else_does(tmp_path):
    rows = {"Zn S": ("Zn", "S"), "Zn -": ("Zn", ""), "Qq S": ("Qq", "S")}
    texts = {key: vasp4("x").replace("0 0 0", f"0 0 0 {one}").rstrip() + f" {two}" for key, (one, two) in rows.items()}
    found = crystal(tmp_path / "POSCAR", texts.pop("Zn S"))
    assert formula(found) == "ZnS"
    assert found.notes == ("the file names no elements: Zn S by the labels behind its atoms",)
    for text in texts.values():
        assert "add one" in error(tmp_path / "POSCAR", text)
    mixed = vasp4("x", counts="2").replace("0 0 0", "0 0 0 Zn").rstrip() + " S"
    assert "add one" in error(tmp_path / "POSCAR", mixed)
    (note,) = crystal(tmp_path / "POSCAR", vasp4("Zn S").rstrip() + " Se").notes
    assert note.startswith("an atom is labelled Se")


POTCAR = "  PAW_PBE {0}\n parameters\n   VRHFIN ={1}: s2p6\n   TITEL  = PAW_PBE {0} 06Sep2000\n  END\n"


@pytest.mark.parametrize(
    ("name", "potcar"),
    [("POSCAR", "POTCAR"), ("CONTCAR", "POTCAR"), ("CONTCAR_2", "POTCAR_2"), ("POSCAR.gz", "POTCAR")],
)
def test_the_potcar_of_the_same_run_names_them(tmp_path, name, potcar):
    (tmp_path / potcar).write_text(POTCAR.format("Zn_pv", "Zn") + POTCAR.format("S", "S"))
    found = crystal(tmp_path / name, vasp4("BCC Fe"))
    assert formula(found) == "ZnS"
    assert found.notes == (f"the file names no elements: Zn S by the {potcar} beside it",)


def test_a_potcar_without_titles_has_its_configurations(tmp_path):
    (tmp_path / "POTCAR").write_text("   VRHFIN =Zn: d10 p1\n   VRHFIN =S: s2p4\n")
    assert formula(crystal(tmp_path / "POSCAR", vasp4("x"))) == "ZnS"


def test_a_potcar_of_another_run_is_not_believed(tmp_path):
    (tmp_path / "POTCAR").write_text(POTCAR.format("Zn_pv", "Zn") + POTCAR.format("S", "S"))
    assert error(tmp_path / "POSCAR_2", vasp4("x")).startswith("no structure: line 6 gives 2 counts")
    assert error(tmp_path / "POSCAR", vasp4("x", counts="2")) == (
        "contradictory: POTCAR beside it has 2 elements (Zn S), line 6 counts 1"
    )
    assert error(tmp_path / "POSCAR", vasp4("Cd Te")) == (
        "contradictory: the first line lists Cd Te, POTCAR beside it Zn S"
    )
    assert isinstance(crystal(tmp_path / "POSCAR", zns(names="Cd Te\n")), Crystal)  # VASP 5 says itself what it is
