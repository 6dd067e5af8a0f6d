"""Extended XYZ: each frame is read as it says or refused, and a damaged one costs itself alone."""

import numpy as np
import pytest

from crystalmatrix.crystals.crystal import Crystal, Failure

from .reading import crystal, error, formula, read

LATTICE = 'Lattice="4 0 0 1 5 0 0 2 6"'
ROWS = "Ga 0 0 0\nAs 2 2.5 3\n"


def frame(comment=LATTICE, rows=ROWS, *, count: object = 2) -> str:
    return f"{count}\n{comment}\n{rows}"


@pytest.mark.parametrize(
    "text",
    [
        frame(),
        frame("lattice='4 0 0 1 5 0 0 2 6' pbc='T T T'"),
        frame("LATTICE = {4 0 0 1 5 0 0 2 6} pbc=[T, T, T]"),
        frame('note="Lattice=\\"9 0 0 0 9 0 0 0 9\\"" ' + LATTICE),
        frame('Lattice="4., 0, 0, 1, 5, 0, 0, 2, 6.0D0" pbc=T'),
        frame('energy=-1.5 free flag pbc="1 1 1" ' + LATTICE),
        frame(LATTICE + " Properties=species:S:1:pos:R:3:forces:R:3", "Ga 0 0 0 1 1 1\nAs 2 2.5 3 1 1 1\n"),
        frame(LATTICE + ' properties="tag:I:1:pos:R:3:species:S:1"', "1 0 0 0 Ga\n2 2 2.5 3 As\n"),
        frame(LATTICE + " Properties=Z:I:1:pos:R:3", "31 0 0 0\n33 2 2.5 3\n"),
        frame(LATTICE + " Properties=Z:I:1:pos:R:3:species:S:1", "31 0 0 0 Ga\n33 2 2.5 3 As\n"),
        frame(LATTICE + " Properties=species:S:1:pos:R:3:occupancy:R:1", "Ga 0 0 0 1.0\nAs 2 2.5 3 1\n"),
        frame(LATTICE + " " + LATTICE + ' pbc="[T T T]"'),
        frame(rows="31 0 0 0\n33 2 2.5 3\n"),
        frame(rows="GA 0 0 0 surplus\nas 2 2.5 3\n"),
        frame(rows="Ga3+ 0 0 0\nAs3- 2 2.5 3\n"),
        frame(rows="Ga1 0 0 0\nAs12 2 2.5 3\n"),
        frame(rows="Ga\t0\t0\t0  \n\n   As 2 2.5 3"),
        "\n\n" + frame(count="  2 ") + "\n \n",
    ],
)
def test_dialects_of_one_crystal(tmp_path, text):
    found = crystal(tmp_path / "a.xyz", text)
    assert (found.id, formula(found), found.notes) == ("a.xyz@0", "GaAs", ())
    np.testing.assert_allclose(found.lattice, [[4, 0, 0], [1, 5, 0], [0, 2, 6]])
    np.testing.assert_allclose(found.fractional @ found.lattice, [[0, 0, 0], [2, 2.5, 3]], atol=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (frame("a molecule"), 'not periodic: the frame of line 1 has no Lattice, expected Lattice="ax ay az'),
        (frame('note="Lattice=1"'), "has no Lattice"),
        (frame(LATTICE + ' pbc="T T F"'), "not periodic: pbc is set along a, b, expected all three directions"),
        (frame(LATTICE + " pbc=F"), "not periodic: pbc is set along no direction"),
        (frame(LATTICE + ' pbc="T T"'), "malformed structure: pbc is ['T', 'T'], expected three flags"),
        (frame(LATTICE + " pbc=maybe"), "malformed structure: pbc is 'maybe', expected true or false"),
        (frame('Lattice="4 5 6"'), "malformed structure: Lattice is '4 5 6', expected nine numbers"),
        (frame('Lattice="4 0 0 1 5 0 0 2 x"'), "expected nine numbers"),
        (frame('Lattice="4 0 0 1 5 0 0 0 0"'), "zero volume"),
        (frame(LATTICE + " Properties=species:S:1:pos:R"), "Properties is 'species:S:1:pos:R', expected name:type"),
        (frame(LATTICE + " Properties=species:S:1:x:R:3"), "expected species:S:1 and pos:R:3 in it"),
        (frame(LATTICE + " Properties=pos:R:3"), "expected species:S:1 and pos:R:3 in it"),
        (frame(LATTICE + " Properties=species:S:1:pos:R:3", ROWS.replace("3\n", "3 1\n")), "5 columns, expected 4"),
        (
            frame(LATTICE + " Properties=Z:I:1:pos:R:3:species:S:1", "31 0 0 0 Al\n33 2 2.5 3 As\n"),
            "contradictory: the columns of symbols and of Z name different elements",
        ),
        (frame(count=3), "contradictory: the frame of line 1 counts 3 atoms, but 2 rows follow"),
        (frame(count=1), "contradictory: the frame of line 1 counts 1 atoms, but 2 rows follow"),
        (frame(count=10**8), "but 2 rows follow"),
        (frame(count=0, rows=""), "no structure: no atoms"),
        (frame(rows="Ga 0 0 0\nAs 2 2.5\n"), "the frame of line 1, atom 2: found 3 columns, expected 4"),
        (frame(rows="Ga 0 0 0\nAs 2 2,5 3\n"), "the frame of line 1, atom 2: found 2 2,5 3, expected x y z"),
        (frame(rows="Ga 0 0 0\nAs 2 inf 3\n"), "not a finite number"),
        (frame(rows="Ga 0 0 0\nX 2 2.5 3\n"), "unknown element"),
        (frame(rows="Ga 0 0 0\n0 2 2.5 3\n"), "the column of symbols, atom 2: found '0', expected a symbol or"),
        (frame(rows="Ga 0 0 0\n104 2 2.5 3\n"), "atom 2: found '104'"),
        (frame(LATTICE + " Properties=species:S:1:pos:R:3:occupancy:R:1", "Ga 0 0 0 1.0\nAs 2 2.5 3 0.5\n"),
            "disordered: the frame of line 1, atom 2: found the occupancy 0.5, expected 1"),
        (frame(LATTICE + " Properties=pos:R:3:species:S:1:pos:R:3", "0 0 0 Ga 0 0 0\n1 1 1 As 2 2.5 3\n"),
            "contradictory: Properties names pos twice"),
        (frame(LATTICE + " " + LATTICE.replace("4", "5")), "contradictory: the frame of line 1 gives Lattice twice"),
        ("2 atoms\n" + LATTICE + "\n" + ROWS, "line 1: found '2 atoms', expected the number of atoms"),
        ("2\n", "line 1: nothing follows the number of atoms"),
    ],
)  # fmt: skip
def test_what_would_have_to_be_guessed_is_refused(tmp_path, text, said):
    assert said in error(tmp_path / "a.xyz", text)


def test_a_matrix_in_brackets_has_vectors_as_rows_and_a_note_where_that_matters(tmp_path):
    found = crystal(tmp_path / "a.xyz", frame("Lattice=[[4, 0, 0], [1, 5, 0], [0, 2, 6]]"))
    np.testing.assert_allclose(found.lattice, [[4, 0, 0], [1, 5, 0], [0, 2, 6]])
    assert found.notes == ("the rows of Lattice=[[...]] are the lattice vectors; ASE takes the columns",)
    assert crystal(tmp_path / "a.xyz", frame("Lattice=[[0,3,3],[3,0,3],[3,3,0]]")).notes == ()


GOOD = {"GaAs": frame(), "InP": frame(rows="In 0 0 0\nP 2 2.5 3\n"), "ZnO": frame(rows="Zn 0 0 0\nO 2 2.5 3\n")}
DAMAGES = {
    "a number": frame(rows="Al 0 0 0\nN 2 *** 3\n"),
    "a symbol": frame(rows="Al 0 0 0\nQq 2 2.5 3\n"),
    "a column too few": frame(rows="Al 0 0 0\nN 2 2.5\n"),
    "a row too few": frame(count=3),
    "a row too many": frame(count=1),
    "no rows": frame(rows=""),
    "the count alone": "2\n",
    "no lattice": frame(""),
    "the count is no number": frame(count="two"),
    "no count": f"{LATTICE}\n{ROWS}",
    "a slab": frame(LATTICE + " pbc='T F T'"),
    "a line of text": "and so on\n",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("between", ["", "\n", " \t\n\n"])
def test_a_damaged_frame_costs_itself_and_no_other(tmp_path, damage, place, between):
    if damage == "and so on\n" and place > 0:
        pytest.skip("behind a frame, a line more is a row too many of that frame")
    frames = list(GOOD.values())
    frames.insert(place, damage)
    found = read(tmp_path / "a.xyz", between.join(frames))
    assert [item.id for item in found] == [f"a.xyz@{k}" for k in range(4)]
    assert [k for k, item in enumerate(found) if isinstance(item, Failure)] == [place]
    assert [formula(item) for item in found if isinstance(item, Crystal)] == list(GOOD)


@pytest.mark.parametrize("length", range(40, 70))
def test_where_the_head_that_tells_the_kind_ends_is_no_matter(tmp_path, monkeypatch, length):
    monkeypatch.setattr("crystalmatrix.crystals.files.HEAD", length)
    found = read(tmp_path / "a.xyz", "".join(GOOD.values()))
    assert [formula(item) for item in found] == list(GOOD)


def test_frames_are_read_no_faster_than_they_are_used(tmp_path):
    from crystalmatrix.crystals.xyz import read_xyz

    taken = []

    def endless():
        while True:
            for line in frame().splitlines():
                taken.append(line)
                yield line

    stream = read_xyz(endless(), "x")
    assert [next(stream).id for _ in range(3)] == ["x@0", "x@1", "x@2"]
    assert len(taken) < 20
