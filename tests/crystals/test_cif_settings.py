"""Every setting of every space group, against spglib's table: by operations, Hall symbol, name and number."""

import gemmi
import numpy as np
import pytest

from crystalmatrix.crystals.cif.operations import from_hall
from crystalmatrix.crystals.cif.settings import of_name, of_number
from crystalmatrix.crystals.cif.sites import read_lattice
from crystalmatrix.crystals.cif.syntax import Block
from crystalmatrix.crystals.symmetry import spglib  # with its new error handling switched on

from .cifs import cif, composition, expanded, only, refused, same_atoms

HALL_NUMBERS = range(1, 531)
TWINS = ("ba-c", "-cba", "a-cb")  # C m m b is C m m e as well, which means C m m a by convention
SITES = [(14, np.array([0.13, 0.21, 0.34])), (8, np.array([0.0, 0.0, 0.0]))]


def cell_for(rotations: np.ndarray) -> tuple[float, ...]:
    """A cell that has the symmetry and none beyond it: a skew one, averaged over the rotations."""
    skew = np.array([[24.1, 0, 0], [-4.3, 26.5, 0], [-6.1, -8.2, 28.7]])
    metric = np.mean([w.T @ skew @ skew.T @ w for w in rotations], axis=0)
    lengths = np.sqrt(np.diag(metric))
    cosines = metric / np.outer(lengths, lengths)
    angles = np.degrees(np.arccos([cosines[1, 2], cosines[0, 2], cosines[0, 1]]))
    return (*np.round(lengths, 8), *np.round(angles, 8))


def case(hall_number: int):
    """(spglib's type of the setting, its operations, a cell, all atoms of SITES)."""
    kind = spglib.get_spacegroup_type(hall_number)
    table = spglib.get_symmetry_from_database(hall_number)
    cell = cell_for(table["rotations"])
    keys = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    block = Block("t", 1, values={f"_cell_{key}": str(value) for key, value in zip(keys, cell, strict=True)})
    atoms = expanded(SITES, table["rotations"], table["translations"], read_lattice(block))
    return kind, table, cell, atoms


def sites():
    return [("Si", 0.13, 0.21, 0.34), ("O", 0.0, 0.0, 0.0)]


def triplets(table) -> list[str]:
    """As x,y,z: rotations by hand, translations as decimals."""
    texts = []
    for rotation, translation in zip(table["rotations"], table["translations"], strict=True):
        rows = []
        for row, shift in zip(rotation, translation, strict=True):
            terms = [f"{'+' if n > 0 else '-'}{axis}" for n, axis in zip(row, "xyz", strict=True) if n]
            rows.append("".join(terms) + (f"+{shift:.5f}" if shift else ""))
        texts.append(",".join(rows))
    return texts


@pytest.mark.parametrize("first", range(1, 531, 53))
def test_operations_and_hall_symbols_of_all_settings(first: int) -> None:
    for hall_number in range(first, first + 53):
        kind, table, cell, atoms = case(hall_number)
        by_operations = only(cif(cell, sites(), operations=triplets(table)))
        assert same_atoms(by_operations, atoms), kind.hall_symbol
        by_symbol = only(cif(cell, sites(), items={"_space_group_name_Hall": kind.hall_symbol}))
        assert same_atoms(by_symbol, atoms), kind.hall_symbol
        assert by_symbol.notes == by_operations.notes


@pytest.mark.parametrize("first", range(1, 531, 53))
def test_names_of_all_settings(first: int) -> None:
    """Full names mean one setting, but for the origin, which the suffix says, and for a double glide e."""
    for hall_number in range(first, first + 53):
        kind, _, cell, atoms = case(hall_number)
        if "e" in kind.international_full and kind.choice.lstrip("12") in TWINS:
            continue
        suffix = f":{kind.choice[0]}" if kind.choice[:1] in ("1", "2", "H", "R") else ""
        items = {"_symmetry_space_group_name_H-M": kind.international_full.replace("_", "") + suffix}
        found = only(cif(cell, sites(), items=items))
        assert same_atoms(found, atoms), items


def test_a_wrong_setting_is_not_the_same_crystal() -> None:
    """The control: of the next setting of its group, a crystal has other atoms."""
    differ = 0
    for hall_number in (5, 82, 294, 404, 435, 498, 526):
        kind, _, cell, _ = case(hall_number)
        others = [setting for setting in of_number(kind.number) if setting.hall != kind.hall_symbol]
        for other in others[:3]:
            operations = from_hall(other.hall)
            moved = expanded(SITES, operations.rotation, operations.translation, np.diag([17.0, 18.0, 20.0]))
            text = cif(cell, sites(), items={"_space_group_name_Hall": kind.hall_symbol})
            differ += not same_atoms(only(text), moved)
    assert differ >= 10


def test_both_tables_agree_on_every_name() -> None:
    for group in gemmi.spacegroup_table():
        (setting, *_) = of_name(group.xhm())
        assert (setting.number, setting.hall) == (group.number, group.hall)
    for hall_number in HALL_NUMBERS:
        kind = spglib.get_spacegroup_type(hall_number)
        for name in (kind.international_full, *kind.international.split("=")):
            assert kind.number in {setting.number for setting in of_name(name)}, name


SPELLINGS = {
    "P2_1/n": ["P 1 21/n 1", "P 1 1 21/n", "P 21/n 1 1"],
    "Fd-3m": ["F d -3 m:1", "F d -3 m:2"],
    "F d -3 m S": ["F d -3 m:1"],
    "F d -3 m Z": ["F d -3 m:2"],
    "R-3mH": ["R -3 m:H"],
    "R 3 c R": ["R 3 c:R"],
    "P 4/n 21/m 2/m (origin choice 2)": ["P 4/n m m:2"],
    "F 4/m -3 2/m": ["F m -3 m"],
    "Fm3m": ["F m -3 m"],
    "FM-3M": ["F m -3 m"],
    "F m -3 m (No. 225)": ["F m -3 m"],
    "P2(1)/n2(1)/m2(1)/a": ["P n m a"],
    "P6(3)/mmc": ["P 63/m m c"],
    "F d -3 m O2": ["F d -3 m:2"],
    "Fd-3m (227) :2": ["F d -3 m:2"],
    "F41/d -3 2/m :1": ["F d -3 m:1"],
    "F d -3 m (origin at -43m)": ["F d -3 m:1", "F d -3 m:2"],
    "H -3 m": ["R -3 m:H"],
    "R -3 m (rhombohedral axes)": ["R -3 m:R"],
    "R 3 c {rhombohedral axes}": ["R 3 c:R"],
    "F d -3 m {origin choice 2}": ["F d -3 m:2"],
    "R-3c, hexagonal setting": ["R -3 c:H"],
    "F d -3 m, origin choice 1": ["F d -3 m:1"],
    "C m c e": ["C m c a"],
    "A e m 2": ["A b m 2"],
    "P 1 2": [],
    "C 4/m": [],
    "nonsense": [],
}


@pytest.mark.parametrize(("name", "meant"), SPELLINGS.items(), ids=SPELLINGS)
def test_spellings(name: str, meant: list[str]) -> None:
    assert [setting.name for setting in of_name(name)] == meant


def test_a_lost_operation_is_noticed() -> None:
    _, table, cell, _ = case(290)
    texts = triplets(table)
    assert "no group" in refused(cif(cell, sites(), operations=texts[:-1]))
    assert only(cif(cell, sites(), operations=texts))


@pytest.mark.parametrize("digits", [3, 5])
@pytest.mark.parametrize("shift", [(0.168, 0, 0), (0.1258, 0.31, 0.44)])
def test_operations_about_an_origin_of_ones_own(shift: tuple[float, float, float], digits: int) -> None:
    """Twice the shift lies beside a multiple of 1/24, and is meant as it stands."""
    cell, cu = (5.1, 6.2, 7.3, 90, 104, 90), np.array([0.13, 0.21, 0.34])
    x, y, z = (f"{round(2 * value, digits):g}" for value in shift)
    found = only(cif(cell, [("Cu", *np.round(cu + shift, 6).tolist())], operations=["x,y,z", f"{x}-x,{y}-y,{z}-z"]))
    middle = (found.fractional[0] + found.fractional[1]) / 2 - shift
    assert np.abs(2 * middle - np.rint(2 * middle)).max() < 2 * 10**-digits
    rough = only(cif(cell, [("Cu", *cu)], operations=["x,y,z", "x+0.33,y,z", "x+0.67,y,z"]))  # thirds, or no group
    assert np.abs(np.sort(rough.fractional[:, 0] - 0.13) - [0, 1 / 3, 2 / 3]).max() < 1e-9


def test_a_lost_operation_is_made_good_by_the_name_that_the_formula_confirms() -> None:
    kind, _, cell, atoms = case(290)
    counts = {"Si": sum(z == 14 for z, _ in atoms), "O": sum(z == 8 for z, _ in atoms)}
    items = {
        "_chemical_formula_sum": " ".join(f"{symbol}{n}" for symbol, n in counts.items()),
        "_cell_formula_units_Z": "1",
        "_symmetry_space_group_name_H-M": kind.international_full.replace("_", ""),
    }
    found = only(cif(cell, sites(), operations=["x,y,z"], items=items))
    assert composition(found) == counts
    assert any("is used, since" in note for note in found.notes)


NAME, NUMBER = "_symmetry_space_group_name_H-M", "_symmetry_Int_Tables_number"
HALL = "_symmetry_space_group_name_Hall"


def test_a_cell_of_another_shape_is_refused() -> None:
    assert "shape of the cell" in refused(cif((4, 4, 5, 90, 90, 90), [("Na", 0, 0, 0)], items={NAME: "F m -3 m"}))


@pytest.mark.parametrize(("cell", "odd"), [((4, 4, 4.0005), False), ((4, 4, 4.03), True)])
def test_a_cell_nearly_of_the_shape_of_its_symmetry_is_remarked(cell: tuple[float, ...], odd: bool) -> None:
    found = only(cif((*cell, 90, 90, 90), [("Na", 0, 0, 0)], items={NAME: "F m -3 m"}))
    assert composition(found) == {"Na": 4}
    assert [note.partition(",")[0] for note in found.notes] == ["edges or angles of the cell"] * odd


def test_a_hall_symbol_with_two_quotes_for_a_double_one() -> None:
    sites, cell = [("Si", 0.47, 0, "1/3"), ("O", 0.41, 0.27, 0.12)], (4.91, 4.91, 5.40, 90, 90, 120)
    double, two, one = (cif(cell, sites) + f"{HALL}\n;P 31 2{quotes}\n;\n" for quotes in ('"', "''", "'"))
    assert composition(only(two)) == {"Si": 3, "O": 6}
    assert np.abs(only(double).fractional - only(two).fractional).max() < 1e-12
    assert "Si1" in refused(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({NAME: "F m -3 m"}, {"_space_group_name_H-M_alt": "P m -3 m"}),
        ({NUMBER: "225"}, {"_space_group_IT_number": "221"}),
        ({HALL: "-F 4 2 3"}, {"_space_group_name_Hall": "-P 4 2 3"}),
    ],
)
def test_old_and_new_tags_that_disagree_are_remarked(one: dict[str, str], other: dict[str, str]) -> None:
    sites = [("Na", 0, 0, 0)]
    assert "disagrees" in " ".join(only(cif((4, 4, 4, 90, 90, 90), sites, items={**one, **other})).notes)
    same = dict.fromkeys(other, *one.values())
    assert only(cif((4, 4, 4, 90, 90, 90), sites, items={**one, **same})).notes == ()


def test_two_lists_of_operations_that_disagree_are_remarked() -> None:
    _, table, cell, atoms = case(290)
    texts = triplets(table)
    old = "loop_\n_symmetry_equiv_pos_as_xyz\n"
    agreeing = only(cif(cell, sites(), operations=texts) + old + "".join(f"'{text}'\n" for text in texts[::-1]))
    assert same_atoms(agreeing, atoms)
    assert agreeing.notes == ()
    found = only(cif(cell, sites(), operations=texts) + old + "x,y,z\n")
    assert same_atoms(found, atoms)
    assert found.notes == ("its other list of operations disagrees with its list of operations, which is used",)


def test_operations_about_an_origin_of_ones_own_do_not_disagree_with_a_name() -> None:
    cell, atoms = (3.0, 3.0, 5.3, 90, 90, 90), [("Pd", 0.0, 0.0, 0.0)]
    items = {NAME: "P 42/m m c", NUMBER: "131"}
    standard = [op.triplet() for op in gemmi.find_spacegroup_by_name("P 42/m m c").operations()]
    moved = [op.triplet() for op in gemmi.symops_from_hall("-P 4c 2 (0 6 0)")]
    assert set(moved) != set(standard)
    for operations in (standard, moved):
        assert only(cif(cell, atoms, items=items, operations=operations)).notes == ()
    other = [op.triplet() for op in gemmi.find_spacegroup_by_name("P 42/m n m").operations()]
    assert "disagrees" in only(cif(cell, atoms, items=items, operations=other)).notes[0]


def test_an_origin_that_a_name_gives_is_compared() -> None:
    operations = [op.triplet() for op in gemmi.find_spacegroup_by_name("F d -3 m:1").operations()]
    for choice, n_notes in (("1", 0), ("2", 1)):
        text = cif((5.4, 5.4, 5.4, 90, 90, 90), [("Si", 0.0, 0.0, 0.0)], operations=operations)
        assert len(only(f"{text}{NAME} 'F d -3 m:{choice}'\n").notes) == n_notes


CHROMITE = [("Mg", 0.125, 0.125, 0.125), ("Cr", 0.5, 0.5, 0.5), ("O", 0.2612, 0.2612, 0.2612)]


def test_an_origin_that_is_not_said_is_settled_by_distances() -> None:
    """Origin 2 gives the spinel; origin 1 would put oxygens 0.3 Å apart."""
    found = only(cif((8.33, 8.33, 8.33, 90, 90, 90), CHROMITE, items={NUMBER: "227"}))
    assert composition(found) == {"Mg": 8, "Cr": 16, "O": 32}
    assert any("F d -3 m:2" in note for note in found.notes)


def test_an_origin_that_nothing_settles_is_refused() -> None:
    sites = [("Cs", 0.11, 0.23, 0.37)]
    assert "give the symmetry operations" in refused(cif((45, 45, 45, 90, 90, 90), sites, items={NUMBER: "227"}))


def test_axes_of_a_short_name_follow_the_cell() -> None:
    for cell, axis in (((7, 8, 9, 90, 103, 90), 1), ((7, 8, 9, 90, 90, 103), 2), ((7, 8, 9, 103, 90, 90), 0)):
        found = only(cif(cell, [("Si", 0.13, 0.21, 0.34)], items={NAME: "P 21"}))
        moved = found.fractional[1] - found.fractional[0]
        assert abs(moved[axis] % 1 - 0.5) < 1e-9


def test_a_name_unlike_its_number_is_said() -> None:
    found = only(cif((5, 5, 5, 90, 90, 90), [("Cu", 0, 0, 0)], items={NAME: "F m -3 m", NUMBER: "221"}))
    assert composition(found) == {"Cu": 4}
    assert found.notes
