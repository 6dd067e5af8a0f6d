"""CIF files that people have: near misses of the syntax with one meaning are read, all others refused in a sentence."""

import time

import pytest

from crystalmatrix.crystals.cif import read_cif
from crystalmatrix.crystals.crystal import Crystal, Failure

from .cifs import cif, composition, only, refused

CELL = (5.13, 5.13, 5.13, 90, 90, 90)
NAME = "_symmetry_space_group_name_H-M"
BROMIDE = cif(CELL, [("Ag", 0, 0, 0), ("Br", 0.5, 0.5, 0.5)], items={NAME: "F m -3 m"})
ROW = "Br2 Br 0.5 0.5 0.5"
AFTER_HEADER = "data_t\n"

HARMLESS = {
    "name without quotes": ("'F m -3 m'", "F m -3 m # cubic"),
    "letters beyond ASCII": (AFTER_HEADER, "data_t\n_chemical_name_mineral Bromargyrít\n"),
    "byte-order mark": (AFTER_HEADER, "\ufeffdata_t\n"),
    "no-break space": ("F m -3 m", "F\u00a0m\u00a0-3\u00a0m"),
    "control characters": (ROW, f"{ROW}\n\x1a"),
    "a tag without a value": (AFTER_HEADER, "data_t\n_chemical_name_common\n"),
    "the same said twice": (AFTER_HEADER, "data_t\n_cell_length_a 5.13\n"),
    "said again without a value": (AFTER_HEADER, "data_t\n_chemical_formula_sum 'Ag Br'\n_chemical_formula_sum ''\n"),
    "said after a question mark": (AFTER_HEADER, "data_t\n_cell_length_a ?\n"),
    "sign of minus": (ROW, "Br2 Br \u22120.5 0.5 0.5"),
    "a dog's life": (AFTER_HEADER, "data_t\n_chemical_name_common 'a dog's life'\n"),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_near_misses_with_one_meaning(change: tuple[str, str]) -> None:
    text = BROMIDE.replace(*change)
    assert text != BROMIDE
    found = only(text)
    assert composition(found) == {"Ag": 4, "Br": 4}
    assert found.notes == ()


HARMFUL = {
    "two cells": (AFTER_HEADER, "data_t\n_cell_length_a 6\n", "_cell_length_a stands twice"),
    "a formula emptied": (
        AFTER_HEADER,
        "data_t\n_chemical_formula_sum 'Ag I'\n_chemical_formula_sum ''\n",
        "says Ag1 I1",
    ),
    "words in a row": (ROW, f"{ROW}\nthis is broken now ?", "coordinate"),
    "a cell of words": ("_cell_length_a 5.13", "_cell_length_a 5.13 Angstrom", "_cell_length_a"),
    "a coordinate far away": (ROW, "Br2 Br 1e17 0.5 0.5", "coordinate"),
    "a flat cell": ("_cell_length_a 5.13", "_cell_length_a 1e-9", "cell"),
    "an angle of nothing": ("_cell_angle_gamma 90", "_cell_angle_gamma 1e-9", "make no cell"),
}


@pytest.mark.parametrize("change", HARMFUL.values(), ids=HARMFUL)
def test_damage_is_refused_in_a_sentence(change: tuple[str, str, str]) -> None:
    text = BROMIDE.replace(*change[:2])
    assert text != BROMIDE
    assert change[2] in refused(text)


def test_values_in_three_quotes_are_those_of_cif_2() -> None:
    title = "_publ_section_title '''a crystal's title,\ndata_x\n_cell_length_a 9'''\n"
    text = title + BROMIDE.removeprefix(AFTER_HEADER).replace("'F m -3 m'", '"""F m -3 m"""')
    found = only(f"#\\#CIF_2.0\ndata_t\n{text}")
    assert composition(found) == {"Ag": 4, "Br": 4}
    assert found.notes == ()
    broken = f"#\\#CIF_2.0\ndata_t\n{text}loop_\n_a\n_b\n1\n"
    assert f"line {broken[: broken.index('loop_', broken.index('_atom'))].count(chr(10)) + 1}: the loop" in refused(
        broken
    )
    (first, *_) = read_cif(f"data_t\n{text}", "x")  # of CIF 1, which has no such quotes
    assert isinstance(first, Failure)


def test_a_flat_cell_does_not_hang_the_search_for_neighbours() -> None:
    before = time.perf_counter()
    assert "thick" in refused(cif((1e-9, 4, 4, 90, 90, 90), [("Ti", 0, 0, 0), ("O", 0.5, 0.5, 0)], items={NAME: "P 1"}))
    assert time.perf_counter() - before < 10


def test_a_text_field_or_quote_without_end_costs_its_own_block() -> None:
    other = BROMIDE.replace("Br", "Cl")
    for damage in ("_publ_section_title\n;\nSilver\n", "_publ_section_title 'Silver\n"):
        lost, kept = read_cif(BROMIDE + damage + other, "x")
        assert isinstance(lost, Failure)
        assert "without its end" in lost.error
        assert isinstance(kept, Crystal)
        assert composition(kept) == {"Ag": 4, "Cl": 4}


@pytest.mark.parametrize(
    "rows", [["x, y, z", "-x, -y , - z"], ["1 x, y, z", "2 -x, -y, -z"], ["1 +x,+y,+z", "2 -X, -Y, -Z"]]
)
def test_operations_with_blanks_and_without_quotes(rows: list[str]) -> None:
    text = cif((5, 6, 7, 90, 90, 90), [("K", 0.2, 0.1, 0.1)])
    tags = "_symmetry_equiv_pos_site_id\n" * (rows[0][0] == "1") + "_symmetry_equiv_pos_as_xyz\n"
    found = only(text.replace("loop_", f"loop_\n{tags}" + "\n".join(rows) + "\nloop_", 1))
    assert composition(found) == {"K": 2}


@pytest.mark.parametrize("line", ["1 " * 30000 + "#", "x,y,z" + " " * 60000 + "#", "_a " + "b " * 30000 + "'"])
def test_long_lines_take_no_time(line: str) -> None:
    before = time.perf_counter()
    list(read_cif(f"{BROMIDE}\n{line}\n", "x"))
    assert time.perf_counter() - before < 10
