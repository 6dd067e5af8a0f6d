"""Formulas as chemists write them; the order of elements is held against pymatgen's table of IUPAC's."""

import re
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalmatrix.crystals import formula as module
from crystalmatrix.crystals.formula import chemical_formula
from crystalmatrix.elements import SYMBOLS


def atoms(text: str) -> dict[str, int]:
    """The slow twin: brackets expanded, then letters and digits counted."""
    text = re.sub(r"\(([^()]*)\)(\d*)", lambda group: group[1] * int(group[2] or 1), text)
    counts: Counter[str] = Counter()
    for symbol, n in re.findall(r"([A-Z][a-z]?)(\d*)", text):
        counts[symbol] += int(n or 1)
    return dict(counts)


def species(counts: dict[str, int]) -> np.ndarray:
    return np.array([SYMBOLS.index(symbol) for symbol, n in counts.items() for _ in range(n)], np.uint8)


WRITTEN = """
LaF3 SrTiO3 MgO NaCl GaAs SiC BN B4C WC Ni3Al CuZn LiFePO4 MgAl2O4 KMgF3 CuInSe2 Cu2ZnSnS4 BiOCl NH3 CH4 H2O HF SiH4
LiH CaH2 LiNH2 Na3AlF6 LiNbO3 YMnO3 LaNiO3 FeS2 MoS2 Bi2Te3 ZrSiO4 UO2 K2PtCl6 Li6PS5Cl Fe2O3 Cs2AgBiBr6 CH3
PbTiO3 BiFeO3 ZnWO4 FeTiO3 BiVO4 AgFeO2 CuFeO2 NiMoO4 CoFe2O4 ZnFe2O4 MnFe2O4 AgNbO3 PbZrO3 PdCoO2 CuAlO2
Ca(OH)2 Mg(OH)2 Al(OH)3 NaOH Al2(SO4)3 Fe2(SO4)3 CaSO4 CaCO3 NaNO3 Ca(NO3)2 Ca3(PO4)2 KAl(SO4)2 CaMg(CO3)2 LiClO4
Ba(ClO4)2 Ca(IO3)2 AgNO3 Zr(SO4)2 Ca3(BO3)2 Eu(OH)2 Eu(OH)3 O2 N2 Cl2 Na2O2 H2O2 Fe S Si
"""


@pytest.mark.parametrize("text", WRITTEN.split())
def test_written_as_chemists_write_it(text: str) -> None:
    assert chemical_formula(species(atoms(text))) == text


# Sums that no anion of several atoms explains without doubt: molybdenum metaphosphate, peroxocarbonate, hydroxides of
# metals with several charges, a layered hydroxide with an oxide, ammonium nitrate.
@pytest.mark.parametrize("text", ["MoP2O8", "CaC2O6", "TiO4H4", "FeHO2", "N2H4O3", "La2H4O5", "Ca5P3O12Cl"])
def test_no_bracket_where_the_composition_leaves_doubt(text: str) -> None:
    written = chemical_formula(species(atoms(text)))
    assert "(" not in written
    assert atoms(written) == atoms(text)


def test_the_twin_sees_a_lost_atom() -> None:
    """The control of the tests below and above."""
    assert atoms("Ca(OH)2") == {"Ca": 1, "O": 2, "H": 2} != atoms("CaOH2")


ELEMENTS = st.sampled_from(SYMBOLS[1:])


@given(st.dictionaries(ELEMENTS, st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 4), st.randoms())
def test_it_holds_the_same_atoms_in_any_order_and_cell(unit: dict[str, int], multiple: int, random: Random) -> None:
    cell = np.tile(species(unit), multiple)
    random.shuffle(cell)
    text = chemical_formula(cell)
    assert text == chemical_formula(species(unit))
    found = atoms(text)
    ratio = {found[symbol] / n for symbol, n in unit.items()}
    assert found.keys() == unit.keys()
    assert len(ratio) == 1


def test_every_element_has_its_place_once() -> None:
    assert sorted(module._IUPAC) == sorted(module._WITH_ANION) == sorted(SYMBOLS[1:])


def test_the_order_is_iupacs() -> None:
    """pymatgen keeps the same table; where it is absent, the table is only held to be complete."""
    periodic_table = pytest.importorskip("pymatgen.core.periodic_table")
    rank = {symbol: periodic_table.Element(symbol).iupac_ordering for symbol in SYMBOLS[1:]}
    assert sorted(SYMBOLS[1:], key=rank.__getitem__) == module._IUPAC
