"""Stand-in until branch `cif` is merged: symbols of elements as files write them.

In: text.  Out: (atomic number, note or None); InvalidCrystalError.
"""

import re

from crystalmatrix.crystals.crystal import UNKNOWN_ELEMENT, InvalidCrystalError
from crystalmatrix.elements import SYMBOLS

_Z = {symbol: z for z, symbol in enumerate(SYMBOLS) if z}


def element(text: str) -> tuple[int, str | None]:
    found = re.match(r"[A-Za-z]{1,2}(?![A-Za-z])", text.strip())
    name = found[0].capitalize() if found else ""
    if name in ("D", "T"):
        return 1, f"{name} is read as H"
    if name not in _Z:
        raise InvalidCrystalError(UNKNOWN_ELEMENT, text)
    return _Z[name], None
