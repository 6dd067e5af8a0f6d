"""Formulas of crystals: for people as chemists write them, for models as numbers.

In: the species of a crystal, or of many, one after the other.  Out: text; [n_crystals, N_SPECIES] in lowest terms.

The order of elements is that of IUPAC's Red Book (2005, table VI), the most electropositive first: LaF3, SrTiO3, NH3,
Ni3Al. It departs from usage where two metals share an anion (TiPbO3, FeBiO3), so there the metals that usually are
cations stand before those that usually form the oxoanion (PbTiO3, BiFeO3).

An anion of several atoms is bracketed only where the composition alone makes it certain: the usual charges of all
other elements balance it exactly, as in Ca(OH)2 and Al2(SO4)3. Not so for ammonium (N2H4O3 may be a nitrate or a
hydroxylamine salt), acid salts, hydrates, and mixtures of anions: these keep the plain order.
"""

import math
from collections import Counter
from itertools import product

import numpy as np
from numpy.typing import NDArray

from crystalmatrix.elements import N_SPECIES, SYMBOLS

_ORDER = """
Rn Xe Kr Ar Ne He Fr Cs Rb K Na Li Ra Ba Sr Ca Mg Be
Lr No Md Fm Es Cf Bk Cm Am Pu Np U Pa Th Ac Lu Yb Tm Er Ho Dy Tb Gd Eu Sm Pm Nd Pr Ce La Y Sc
Hf Zr Ti Ta Nb V W Mo Cr Re Tc Mn Os Ru Fe Ir Rh Co Pt Pd Ni Au Ag Cu Hg Cd Zn
Tl In Ga Al B Pb Sn Ge Si C Bi Sb As P N H Po Te Se S O At I Br Cl F
"""
_IUPAC = _ORDER.split()
# in this order, right after group 3
_USUAL_CATIONS = ("Tl", "Ag", "Cu", "Hg", "Pb", "Bi", "Cd", "Zn", "Pd", "Pt", "Ni", "Co", "Mn", "Fe")
_WITH_ANION = [
    *(early := _IUPAC[: _IUPAC.index("Sc") + 1]),
    *_USUAL_CATIONS,
    *(symbol for symbol in _IUPAC if symbol not in {*early, *_USUAL_CATIONS}),
]
_ANIONS = frozenset(["O", "S", "Se", "Te", "F", "Cl", "Br", "I"])

_DIATOMIC = frozenset(["H", "N", "O", "F", "Cl", "Br", "I"])
_PEROXIDES = frozenset(["H", "Li", "Na", "K", "Rb", "Cs"])  # one atom of these to one O is M2O2

# Anion: its atoms and its charge.
_GROUPS = {
    "OH": ({"O": 1, "H": 1}, 1),
    "NO3": ({"N": 1, "O": 3}, 1),
    "ClO3": ({"Cl": 1, "O": 3}, 1),
    "BrO3": ({"Br": 1, "O": 3}, 1),
    "IO3": ({"I": 1, "O": 3}, 1),
    "ClO4": ({"Cl": 1, "O": 4}, 1),
    "CO3": ({"C": 1, "O": 3}, 2),
    "SO4": ({"S": 1, "O": 4}, 2),
    "SeO4": ({"Se": 1, "O": 4}, 2),
    "BO3": ({"B": 1, "O": 3}, 3),
    "PO4": ({"P": 1, "O": 4}, 3),
    "AsO4": ({"As": 1, "O": 4}, 3),
}
# Usual charges of cations: those of which others are rare in salts of these anions.
_WITH_CHARGE = {
    (1,): "Li Na K Rb Cs Ag Tl",
    (2,): "Be Mg Ca Sr Ba Zn Cd Hg Mn Co Ni Cu Pb",
    (3,): "Al Ga In Sc Y La Pr Nd Pm Sm Gd Tb Dy Ho Er Tm Lu Cr Bi",
    (4,): "Zr Hf Th",
    (2, 3): "Fe Eu Yb",
    (3, 4): "Ce",
}
_CHARGES = {symbol: charges for charges, symbols in _WITH_CHARGE.items() for symbol in symbols.split()}


def reduced_formulas(species: NDArray[np.uint8], atom_pointer: NDArray[np.int64]) -> NDArray[np.float64]:
    """[n_crystals, N_SPECIES] atoms of each element in the formula unit, in lowest terms: 1, 1 for Mg4O4.

    species [n_atoms] atomic numbers; crystal k holds the atoms atom_pointer[k] to atom_pointer[k + 1].
    """
    n_crystals = len(atom_pointer) - 1
    crystal = np.repeat(np.arange(n_crystals), np.diff(atom_pointer))
    counts = np.zeros((n_crystals, N_SPECIES), np.int64)
    np.add.at(counts, (crystal, species.astype(np.int64)), 1)
    return counts / np.gcd.reduce(counts, axis=1, keepdims=True)


def chemical_formula(species: NDArray[np.uint8]) -> str:
    """The formula unit as chemists write it, in lowest terms but for O2 and Na2O2. species [n_atoms] atomic numbers."""
    unit = _formula_unit(species)
    if (unit.keys() <= _DIATOMIC and len(unit) == 1) or unit in [{symbol: 1, "O": 1} for symbol in _PEROXIDES]:
        unit = {symbol: 2 * n for symbol, n in unit.items()}
    anion = _anion(unit)
    if anion is None:
        return _written(unit)
    name, n = anion
    cations = {symbol: count for symbol, count in unit.items() if symbol not in _GROUPS[name][0]}
    return _written(cations) + (name if n == 1 else f"({name}){n}")


def hill_formula(species: NDArray[np.uint8]) -> str:
    """The formula unit in Hill order: carbon, hydrogen, then by letter; without carbon all by letter. "MgO", "CH4"."""
    unit = _formula_unit(species)
    first = [symbol for symbol in ("C", "H") if symbol in unit and "C" in unit]
    return _joined(unit, [*first, *sorted(unit.keys() - set(first))])


def _formula_unit(species: NDArray[np.uint8]) -> dict[str, int]:
    """{symbol: atoms} in lowest terms."""
    counts = Counter(SYMBOLS[z] for z in species.tolist())
    divisor = math.gcd(*counts.values())
    return {symbol: n // divisor for symbol, n in counts.items()}


def _anion(unit: dict[str, int]) -> tuple[str, int] | None:
    """The anion of several atoms and their number, where the charges of all other elements balance them."""
    for name, (atoms, charge) in _GROUPS.items():
        n = unit.get(next(iter(atoms)), 0)
        cations = unit.keys() - atoms.keys()
        if not n or not cations or not cations <= _CHARGES.keys():
            continue
        if any(unit.get(symbol) != n * count for symbol, count in atoms.items()):
            continue
        choices = product(*(_CHARGES[symbol] for symbol in cations))
        if any(sum(map(int.__mul__, (unit[s] for s in cations), choice)) == n * charge for choice in choices):
            return name, n
    return None


def _written(unit: dict[str, int]) -> str:
    order = _WITH_ANION if unit.keys() & _ANIONS else _IUPAC
    return _joined(unit, sorted(unit, key=order.index))


def _joined(unit: dict[str, int], order: list[str]) -> str:
    return "".join(f"{symbol}{unit[symbol] if unit[symbol] > 1 else ''}" for symbol in order)
