"""Elements as people write them: NA, Fe3+, O1A, Pb(1), D.

In: the text of a type symbol or of a label.  Out: atomic number and a note for the user; or InvalidCrystalError.

A type symbol means one element, whatever its case: CO is cobalt. A label only begins with one, so where its letters
could be read twice (CA1: calcium, or carbon A), the elements of the file's formula decide.
"""

import re
from collections.abc import Collection
from functools import lru_cache

from crystalmatrix.crystals.crystal import UNKNOWN_ELEMENT, InvalidCrystalError
from crystalmatrix.elements import SYMBOLS

Z_OF = {symbol: number for number, symbol in enumerate(SYMBOLS) if number > 0}
HYDROGEN = 1
HEAVIEST_IN_CAPITALS = 94  # NO is no nobelium
_ISOTOPES = {"D": "deuterium", "T": "tritium"}
# An isotope's mass may come before it; behind it a charge or a number: 7Li, Li_7, Fe3+, Fe(3+), Fe(III).
_SYMBOL = re.compile(r"\d{0,3}([A-Za-z]{1,2})(?![A-Za-z])(?:[\d.+\-_^]*|\([\d.+\-]+\)|\([IVX]+\))$")
_TWO_ELEMENTS = re.compile(r"[A-Za-z]+[\d.]*[/,;&][A-Z]|[A-Za-z]+\d*\.\d+[A-Z]")  # Co/Ni1, Co0.5Ni0.5
# Mg_Fe, Mg1Fe1: a mixture, or a place.
_ANOTHER_BEHIND = re.compile(r"[A-Za-z]+[\d.]*[_+\-:]?(?<![A-Za-z])([A-Z][a-z])")
_VACANCY = re.compile(r"V[_\-(]+[A-Z]")  # V_O, of oxygen
_WITH_HYDROGEN = re.compile(r"O[\d_.\-]*(?:\(\d*\)[\d_.\-]*)?\(?[HWhw]")  # O1W, O(H)
_SITE_LETTERS = "ABCDEFG"  # O1A without its number: OA. W, V and H behind an element say water, vacancy, hydroxide


@lru_cache(maxsize=4096)
def element(text: str) -> tuple[int, str | None]:
    """Atomic number of a type symbol, and a note where an isotope is read as hydrogen. Raises InvalidCrystalError."""
    found = _SYMBOL.match(text.strip().strip("'\""))
    letters = found[1].capitalize() if found else ""
    if letters in Z_OF and not (found and found[1].isupper() and Z_OF[letters] > HEAVIEST_IN_CAPITALS):
        return Z_OF[letters], None
    if letters in _ISOTOPES:
        return HYDROGEN, f"{_ISOTOPES[letters]} ({text.strip()}) is read as hydrogen"
    raise InvalidCrystalError(UNKNOWN_ELEMENT, f"{text.strip()!r:.40}, expected the symbol of an element")


def element_of_label(
    label: str, *, known: Collection[int] | None = None, mixed_case: bool = False
) -> tuple[int, str | None]:
    """Atomic number that a site's label begins with.

    `known`: the elements of the file's formula, where it has one. `mixed_case`: other labels of the file are like Ca1,
    so that in CA1 the A belongs to the number. Raises InvalidCrystalError for labels that are words, or could be
    several elements.
    """
    label = label.strip().strip("'\"")
    letters = _letters(label)
    if label.startswith("H2O") or _TWO_ELEMENTS.match(label):  # water, or the second hydrogen on an oxygen
        raise _no_element(label)
    if _VACANCY.match(label) and (known is None or Z_OF["V"] not in known):
        raise _no_element(label)
    pair = letters.capitalize() if len(letters) == 2 else ""
    if len(letters) == 1 or (pair in Z_OF and letters == pair):
        z, note = _single_meaning(label, letters, known)
        behind = Z_OF.get(found[1]) if (found := _ANOTHER_BEHIND.match(label)) else None
        mixed = behind is not None and (known is None or behind in known)
        return z, f"label {label} is read as {letters}" if mixed and not note else note
    first = letters[:1].upper()
    meanings = [Z_OF[symbol] for symbol in (pair, first) if symbol in Z_OF]
    if known is not None:
        confirmed = [z for z in meanings if z in known]
        if len(confirmed) == 1 and len(letters) == 2:
            return confirmed[0], None
    if mixed_case and known is None and len(meanings) == 2 and letters.isupper():
        raise _no_element(label)
    if pair in Z_OF and Z_OF[pair] <= HEAVIEST_IN_CAPITALS and (known is None or Z_OF[pair] in known):
        return Z_OF[pair], f"label {label} is read as {pair}"
    if len(letters) == 3 and letters[2].isupper() and letters[:2].capitalize() == letters[:2] and letters[:2] in Z_OF:
        return Z_OF[letters[:2]], f"label {label} is read as {letters[:2]}" if letters[2] in Z_OF else None  # FeA, CuB
    lettered = len(letters) == 2 and letters[0].isupper() and letters[1] in _SITE_LETTERS
    if known is None and lettered and first in Z_OF:
        return Z_OF[first], f"label {label} is read as {first}"
    raise _no_element(label)


def plain_element(label: str) -> int | None:
    """The element of a label such as Ca1 or O2-, which is one symbol in its usual case, and no more letters."""
    return Z_OF.get(_letters(label))


def _no_element(label: str) -> InvalidCrystalError:
    return InvalidCrystalError(
        UNKNOWN_ELEMENT, f"label {label!r:.40} does not name an element; give _atom_site_type_symbol"
    )


def _letters(label: str) -> str:
    found = re.match(r"[A-Za-z]+", label)
    return found[0] if found else ""


def _single_meaning(label: str, letters: str, known: Collection[int] | None) -> tuple[int, str | None]:
    symbol = letters.capitalize()
    if symbol == "O" and _WITH_HYDROGEN.match(label):
        return Z_OF["O"], f"label {label} is read as O; hydrogen on it is not listed with it"
    if symbol in Z_OF:
        return Z_OF[symbol], None
    if symbol in _ISOTOPES and (symbol == "D" or known is None or HYDROGEN in known):
        return element(symbol)
    raise _no_element(label)
